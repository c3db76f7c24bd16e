"""The reference: the champion's training rows in a few kilobytes, with which every batch is compared.

The training job builds it once for each version. It is data only, nothing to execute.
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
from evertrain.statistics.packing import UnreadableBytes, pack, unpack
from evertrain.statistics.reference.features import FeatureReference
from evertrain.statistics.reference.serialisation import (
    Arrays,
    pack_features,
    pack_layout,
    pack_relations,
    unpack_features,
    unpack_layout,
    unpack_relations,
)
from evertrain.statistics.relations import Relations
from evertrain.statistics.scores import FeatureScores
from evertrain.statistics.sketch import Sketch, require_column, sketch_columns
from evertrain.statistics.slicing import rows_in_slice, select_rows

FORMAT, VERSION = "evertrain-reference", 3

Columns = Mapping[str, Values]
"""By feature: float64 with NaN for missing where numeric or boolean, `Categories` where categorical."""


class InvalidReference(EvertrainError):
    """The bytes are not a reference in a format that this code reads."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """`slices`: the reference of each declared slice, in the same cells. `prediction`: that of the predictions for
    rows that it was not trained on, with `PREDICTION` as its only feature, or with `PREDICTED_CLASS` too. `groups`:
    where features come from several feature groups, that of each group's own rows, by the group's name: batches land
    by group.
    """

    rows: int
    features: tuple[FeatureReference, ...]
    relations: Relations | None = None
    slices: Mapping[Slice, "Reference"] = field(default_factory=dict)
    prediction: "Reference | None" = None
    groups: Mapping[str, "Reference"] = field(default_factory=dict)

    def for_group(self, name: str) -> "Reference":
        """The reference that batches of this feature group are compared with."""
        return self.groups.get(name, self)

    @property
    def for_requests(self) -> "Reference":
        """The reference that requests to the endpoint are compared with: its features, and the predictions."""
        if self.prediction is None:
            return self
        return replace(self, features=(*self.features, *self.prediction.features), prediction=None)

    def with_importance(self, importance: Mapping[str, float]) -> "Reference":
        """The same with what its features are worth to the model, by name, as far as that is known."""
        return replace(
            self,
            features=tuple(replace(each, importance=importance.get(each.name)) for each in self.features),
            groups={name: each.with_importance(importance) for name, each in self.groups.items()},
        )

    def sketch(self, columns: Columns) -> Sketch:
        """The sketch of a batch, or of a part of one. Raises ColumnMismatch."""
        whole = sketch_columns(self.layout_digest, self._layouts, columns)
        return replace(
            whole,
            moments=None if self._scores is None else self._scores.moments(columns),
            slices={
                each: sketch_columns(
                    self.layout_digest,
                    self._layouts,
                    select_rows(columns, rows_in_slice(each, require_column(each.column, columns))),
                )
                for each in self.slices
            },
        )

    @property
    def empty_sketch(self) -> Sketch:
        """The sketch of no rows: adding it changes nothing."""
        return self.sketch(
            {
                feature.name: np.empty(0)
                if isinstance(feature.baseline.layout, NumericLayout)
                else Categories.from_values([])
                for feature in self.features
            }
        )

    @cached_property
    def layout_digest(self) -> str:
        """Of the cells that this reference counts in: only sketches of the same cells add."""
        arrays: Arrays = []
        documents: list[Any] = [pack_layout(feature, arrays) for feature in self.features]
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
            "layouts": [pack_layout(feature, arrays) for feature in self.features],
            "whole": pack_features(self.rows, self.features, arrays),
            "relations": None if self.relations is None else pack_relations(self.relations, arrays),
            "slices": [
                asdict(each) | pack_features(of_slice.rows, of_slice.features, arrays)
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
            return _unpack(document, packed)
        except (UnreadableBytes, KeyError, TypeError, ValueError, IndexError, StopIteration) as error:
            raise InvalidReference(f"not a reference: {error}") from error


def _unpack(document: Mapping[str, Any], packed: Arrays) -> Reference:
    arrays = iter(packed)
    layouts = {
        entry["name"]: (FeatureKind(entry["kind"]), unpack_layout(entry, arrays)) for entry in document["layouts"]
    }
    features = unpack_features(document["whole"], layouts, arrays)
    relations = None if document["relations"] is None else unpack_relations(document["relations"], arrays)
    slices = {
        Slice(column=entry["column"], level=entry["level"]): Reference(
            rows=entry["rows"], features=unpack_features(entry, layouts, arrays)
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
