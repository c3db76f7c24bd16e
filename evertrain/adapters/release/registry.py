"""Model versions, the champion and its history in DynamoDB."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from evertrain.adapters.aws.dynamodb import ITEM_ABSENT, ITEM_PRESENT, Item, Table, key, text
from evertrain.adapters.aws.item_keys import (
    CHAMPION,
    HISTORY,
    MODEL,
    MODELS,
    ROLLOUT,
    SORT_KEY,
    VERSION,
    model_partition,
    named_document,
    time_ordered_key,
)
from evertrain.adapters.documents import dump, load, load_readable
from evertrain.domain.release.registry import (
    MAY_ANSWER,
    Champion,
    ModelVersion,
    RegistryConflict,
    UnknownVersion,
    VersionStatus,
    is_same_content,
)
from evertrain.domain.release.rollout import Rollout
from evertrain.domain.release.tags import changed_tags

_IS_EXPECTED_CHAMPION = "version = :expected AND NOT (version = :version AND function_version = :function_version)"
"""By the second half a repeat leaves no second entry in the history."""

_MAY_ANSWER = f"version_status IN ({', '.join(f':{each}' for each in MAY_ANSWER)})"
_ANSWERING = {each.value: text(each.value) for each in MAY_ANSWER}

_TAG_ATTEMPTS = 10


class DynamoDBModelRegistry:
    """A version's document never changes; its status and its tags are attributes beside it."""

    def __init__(self, *, table: Table) -> None:
        self._table = table

    def register(self, version: ModelVersion) -> None:
        """Raises RegistryConflict where the name stands for other content already."""
        item = key(model_partition(version.model), f"{VERSION}{version.version}") | {
            "document": text(dump(version)),
            "version_status": text(version.status.value),
        }
        listed = self._table.put_request(key(MODELS, f"{MODEL}{version.model}"))
        if self._table.transact(self._table.put_request(item, ITEM_ABSENT), listed) is None:
            return
        earlier = self.version(version.model, version.version)
        if not is_same_content(earlier, version):
            raise RegistryConflict(f"{version.model} {version.version} is registered already, with other content")

    def version(self, model: str, version: str) -> ModelVersion:
        item = self._table.get(model_partition(model), f"{VERSION}{version}")
        if item is None:
            raise UnknownVersion(f"{model} has no version {version}")
        return _version(item)

    def versions(self, model: str) -> Sequence[ModelVersion]:
        # None may be passed over: maintenance keeps the rows that these were trained on, and no others.
        return [_version(item) for item in self._table.query(model_partition(model), VERSION)]

    def models(self) -> Sequence[str]:
        return [item[SORT_KEY]["S"].removeprefix(MODEL) for item in self._table.query(MODELS, MODEL)]

    def admit(self, model: str, version: str, *, goes_back_to: VersionStatus | None = None) -> None:
        """Raises UnknownVersion."""
        before = {"before": text(goes_back_to.value)} if goes_back_to else {}
        if not self._table.update(
            model_partition(model),
            f"{VERSION}{version}",
            "SET version_status = :registered" + (", goes_back_to = :before" if before else " REMOVE goes_back_to"),
            ITEM_PRESENT,
            registered=text(VersionStatus.REGISTERED.value),
            **before,
        ):
            raise UnknownVersion(f"{model} has no version {version}")

    def withdraw(self, model: str, version: str, *, leaves_as: VersionStatus = VersionStatus.ROLLED_BACK) -> None:
        self._table.update(
            model_partition(model),
            f"{VERSION}{version}",
            "SET version_status = if_not_exists(goes_back_to, :status)",
            "version_status = :registered",
            status=text(leaves_as.value),
            registered=text(VersionStatus.REGISTERED.value),
        )

    def tag(self, model: str, version: str, *, put: Mapping[str, str], remove: Collection[str]) -> ModelVersion:
        """Raises UnknownVersion, InvalidTag; RegistryConflict where others never stop changing them."""
        for _ in range(_TAG_ATTEMPTS):
            earlier = self.version(model, version)
            tags = changed_tags(earlier.tags, put=put, remove=remove)
            if self._table.update(
                model_partition(model),
                f"{VERSION}{version}",
                "SET tags = :tags",
                f"{ITEM_PRESENT} AND (attribute_not_exists(tags) OR tags = :earlier)",
                tags=text(json.dumps(tags)),
                earlier=text(json.dumps(earlier.tags)),
            ):
                return replace(earlier, tags=tags)
        raise RegistryConflict(f"the tags of {model} {version} are being changed by others all the while; try again")

    def champion(self, model: str) -> Champion | None:
        item = self._table.get(model_partition(model), CHAMPION)
        return _champion(item) if item else None

    def promote(
        self,
        champion: Champion,
        *,
        expected_champion: str | None,
        leaves_as: VersionStatus = VersionStatus.RETIRED,
    ) -> None:
        """Raises RegistryConflict, UnknownVersion.

        The champion itself may be promoted again with another function version: new serving code, same model.
        """
        pk, document = model_partition(champion.model), {"document": text(dump(champion))}
        answering = {"version": text(champion.version), "function_version": text(champion.function_version)}
        champion_item = key(pk, CHAMPION) | document | answering
        writes = [
            self._table.put_request(
                champion_item, _IS_EXPECTED_CHAMPION, expected=text(expected_champion), **answering
            )
            if expected_champion
            else self._table.put_request(champion_item, ITEM_ABSENT),
            self._table.put_request(key(pk, time_ordered_key(HISTORY, champion.since, champion.version)) | document),
            self._status_write(
                champion.model,
                champion.version,
                VersionStatus.CHAMPION,
                condition=_MAY_ANSWER,
                **_ANSWERING,
            ),
        ]
        if expected_champion and expected_champion != champion.version:
            writes.append(self._status_write(champion.model, expected_champion, leaves_as))
        refused = self._table.transact(*writes)
        if refused is None:
            return
        present = self.champion(champion.model)
        if present is not None and (present.version, present.function_version) == (
            champion.version,
            champion.function_version,
        ):
            return  # a repeat: the first one did it
        if refused[0]:
            is_now = present.version if present else "nobody"
            raise RegistryConflict(
                f"{champion.version} was judged against {expected_champion or 'nobody'}, "
                f"but the champion of {champion.model} is {is_now}"
            )
        registered = self.version(champion.model, champion.version)
        raise RegistryConflict(f"{champion.version} of {champion.model} is {registered.status}: it can't be promoted")

    def begin_step(self, rollout: Rollout) -> None:
        refused = self._table.transact(
            self._table.put_request(
                key(model_partition(rollout.model), ROLLOUT)
                | {"document": text(dump(rollout)), "version": text(rollout.version)}
            ),
            # Nothing changes here: the other is written only if this may be.
            self._table.update_request(
                model_partition(rollout.model),
                f"{VERSION}{rollout.version}",
                "SET version_status = version_status",
                _MAY_ANSWER,
                **_ANSWERING,
            ),
        )
        if refused is not None:
            status = self.version(rollout.model, rollout.version).status
            raise RegistryConflict(f"{rollout.version} of {rollout.model} is {status}: it can't be rolled out")

    def rollout(self, model: str) -> Rollout | None:
        item = self._table.get(model_partition(model), ROLLOUT)
        return load(Rollout, item["document"]["S"]) if item else None

    def end_rollout(self, model: str, version: str) -> None:
        self._table.delete(model_partition(model), ROLLOUT, "version = :version", version=text(version))

    def history(self, model: str) -> Sequence[Champion]:
        items = self._table.query(model_partition(model), HISTORY)
        return list(load_readable(Champion, map(named_document, items)))

    def champion_at(self, model: str, moment: datetime) -> Champion | None:
        return next((champion for champion in self.history(model) if champion.since <= moment), None)

    def _status_write(
        self, model: str, version: str, status: VersionStatus, *, condition: str = ITEM_PRESENT, **values: Any
    ) -> dict[str, object]:
        return self._table.update_request(
            model_partition(model),
            f"{VERSION}{version}",
            "SET version_status = :status",
            condition,
            status=text(status.value),
            **values,
        )


def _version(item: Item) -> ModelVersion:
    tags = json.loads(item["tags"]["S"]) if "tags" in item else {}
    status = VersionStatus(item["version_status"]["S"])
    return replace(load(ModelVersion, item["document"]["S"]), status=status, tags=tags)


def _champion(item: Item) -> Champion:
    return load(Champion, item["document"]["S"])
