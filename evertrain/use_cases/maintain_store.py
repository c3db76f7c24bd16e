"""Keeps the feature store's tables fast to read and to commit to, and no version goes that a model came from."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from evertrain.domain.batches import Feed
from evertrain.domain.feeds import all_feeds
from evertrain.domain.model_spec import Project
from evertrain.ports.feature_store import TableStates, TableUpkeep, Upkeep
from evertrain.ports.registry import ModelRegistry

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class MaintainStore:
    project: Project
    tables: TableUpkeep
    states: TableStates
    registry: ModelRegistry

    def run(self) -> dict[Feed, Upkeep]:
        """By feed that has a table. One table's failure holds up no other; the first one is raised at the end."""
        done, failures = {}, []
        needed = self._needed()
        for feed in all_feeds(self.project):
            try:
                found = self.tables.keep_up(feed, needed=needed.get(str(feed), ()))
            except Exception as failure:
                logger.exception("upkeep_failed feed=%s", feed)
                failures.append(failure)
                continue
            if found is not None:
                self.states.put(feed, found.state)
                done[feed] = found
        if failures:
            raise failures[0]
        return done

    def _needed(self) -> dict[str, Sequence[int]]:
        """By feed, the table versions that registered models, rejected ones too, were trained on."""
        needed: dict[str, set[int]] = {}
        for model in self.registry.models():
            for version in self.registry.versions(model):
                for feed, number in version.table_versions.items():
                    needed.setdefault(feed, set()).add(number)
        return {feed: sorted(numbers) for feed, numbers in needed.items()}
