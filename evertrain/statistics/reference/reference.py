"""What the champion learnt from, in a few kilobytes: the side that every batch is compared with.

Made once, by the training job, and pinned to the version. Nothing to execute.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from evertrain.domain.errors import EvertrainError
from evertrain.domain.monitoring.drift import Slice
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.statistics.layouts import Categories, Layout, NumericLayout
from evertrain.statistics.layouts import Column as Values
from evertrain.statistics.packed import UnreadableBytes, pack, unpack
from evertrain.statistics.reference.features import FeatureReference
from evertrain.statistics.reference.serialisation import (
    Arrays,
    packed_layout,
    packed_relations,
    packed_rows,
    unpacked_layout,
    unpacked_relations,
    unpacked_rows,
)
from evertrain.statistics.relations import FeatureScores, Relations
from evertrain.statistics.sketch import Sketch, column_of, sketch_columns
from evertrain.statistics.slicing import rows_in_slice, select_rows

FORMAT, VERSION = "evertrain-reference", 3

Columns = Mapping[str, Values]
"""By feature: float64 with NaN for missing where numeric or boolean, `Categories` where categorical."""


class InvalidReference(EvertrainError):
    """The bytes are no reference of a format that this code reads."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """`slices`: of declared slices of the rows, in the same cells. `prediction`: of the model's predictions on rows
    that it did not learn from, with `PREDICTION` as its only feature. `groups`: where features come from several
    feature groups, of each group's own rows by the group's name, since batches land by group.
    """

    rows: int
    features: tuple[FeatureReference, ...]
    relations: Relations | None = None
    slices: Mapping[Slice, "Reference"] = field(default_factory=dict)
    prediction: "Reference | None" = None
    groups: Mapping[str, "Reference"] = field(default_factory=dict)

    def of_group(self, name: str) -> "Reference":
        """What batches of this feature group are compared with."""
        return self.groups.get(name, self)

    @property
    def of_requests(self) -> "Reference":
        """What requests to the endpoint and its answers are compared with: the features, and the predictions as one
        more."""
        if self.prediction is None:
            return self
        return replace(self, features=(*self.features, *self.prediction.features), prediction=None)

    def sketch(self, columns: Columns) -> Sketch:
        """Of a batch, or of a part of one. Raises UnfitColumn."""
        whole = sketch_columns(self.layout, self._layouts, columns)
        return replace(
            whole,
            moments=None if self._scores is None else self._scores.moments(columns),
            slices={
                each: sketch_columns(
                    self.layout,
                    self._layouts,
                    select_rows(columns, rows_in_slice(each, column_of(each.column, columns))),
                )
                for each in self.slices
            },
        )

    @property
    def empty_sketch(self) -> Sketch:
        """Of no rows: adding it changes nothing."""
        return self.sketch(
            {
                feature.name: np.empty(0) if isinstance(feature.baseline.layout, NumericLayout) else Categories.of([])
                for feature in self.features
            }
        )

    @cached_property
    def layout(self) -> str:
        """Digest of how this reference counts: only sketches of the same one add."""
        arrays: Arrays = []
        documents: list[Any] = [packed_layout(feature, arrays) for feature in self.features]
        scores = () if self.relations is None else self.relations.scores
        documents += [[(each.feature, each.level) for each in scores], [str(each) for each in self.slices]]
        return sha256(pack("layout", VERSION, documents, arrays)).hexdigest()[:16]

    @property
    def _layouts(self) -> dict[str, Layout]:
        return {feature.name: feature.baseline.layout for feature in self.features}

    @cached_property
    def _scores(self) -> FeatureScores | None:
        if self.relations is None:
            return None
        baselines = {feature.name: feature.baseline for feature in self.features}
        return FeatureScores(baselines=baselines, scores=self.relations.scores)

    def to_bytes(self) -> bytes:
        """Equal references give equal bytes."""
        arrays: Arrays = []
        document = {
            "layouts": [packed_layout(feature, arrays) for feature in self.features],
            "whole": packed_rows(self.rows, self.features, arrays),
            "relations": None if self.relations is None else packed_relations(self.relations, arrays),
            "slices": [
                asdict(each) | packed_rows(of_slice.rows, of_slice.features, arrays)
                for each, of_slice in self.slices.items()
            ],
            "has_prediction": self.prediction is not None,
            "groups": list(self.groups),
        }
        inner = [] if self.prediction is None else [self.prediction]
        for reference in (*inner, *self.groups.values()):
            arrays.append(np.frombuffer(reference.to_bytes(), dtype=np.uint8))
        return pack(FORMAT, VERSION, document, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Reference":
        """Raises InvalidReference."""
        try:
            document, packed = unpack(data, FORMAT, VERSION)
            return _unpacked(document, packed)
        except (UnreadableBytes, KeyError, TypeError, ValueError, IndexError, StopIteration) as error:
            raise InvalidReference(f"not a reference: {error}") from error


def _unpacked(document: Mapping[str, Any], packed: Arrays) -> Reference:
    arrays = iter(packed)
    layouts = {
        entry["name"]: (FeatureKind(entry["kind"]), unpacked_layout(entry, arrays)) for entry in document["layouts"]
    }
    features = unpacked_rows(document["whole"], layouts, arrays)
    relations = None if document["relations"] is None else unpacked_relations(document["relations"], arrays)
    slices = {
        Slice(column=entry["column"], level=entry["level"]): Reference(
            rows=entry["rows"], features=unpacked_rows(entry, layouts, arrays)
        )
        for entry in document["slices"]
    }
    prediction = Reference.from_bytes(next(arrays).tobytes()) if document["has_prediction"] else None
    return Reference(
        rows=document["whole"]["rows"],
        features=features,
        relations=relations,
        slices=slices,
        prediction=prediction,
        groups={name: Reference.from_bytes(next(arrays).tobytes()) for name in document["groups"]},
    )
