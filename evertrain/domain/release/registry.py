"""Model versions and who is champion. A version never changes; only its status, its tags and the champion do."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.interval import Interval
from evertrain.domain.training.candidates import Candidate
from evertrain.domain.training.evaluation import DatasetSnapshot, Gain, Score
from evertrain.domain.training.gate import GateVerdict


class RegistryConflict(EvertrainError):
    """Another promotion came first: the champion is no longer the one that the version was compared with."""


class AlreadyPromoted(EvertrainError):
    """The version is already champion. To undo that, promote its predecessor; a rollback cannot."""


class UnknownVersion(EvertrainError):
    """The registry holds no such version of the model."""

    exit_status = 2


class VersionStatus(StrEnum):
    """`held`: it passed the gate, and nobody approved it in time."""

    REGISTERED = "registered"
    REJECTED = "rejected"
    HELD = "held"
    CHAMPION = "champion"
    RETIRED = "retired"
    ROLLED_BACK = "rolled_back"


MAY_ANSWER = (VersionStatus.REGISTERED, VersionStatus.CHAMPION)
"""Of a version that may be rolled out and promoted; any other has to be admitted first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedArtifact:
    """What the gate judged, where the version is a refit of its recipe. It has not learnt from the gate's rows."""

    artifact_uri: str
    artifact_sha256: str
    trained_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One registered model with its lineage: from these rows, by this decision, judged like this."""

    model: str
    version: str
    status: VersionStatus
    registered_at: datetime
    decision_id: str
    plan_uri: str
    artifact_uri: str
    artifact_sha256: str
    reference_uri: str
    smoke_test_uri: str
    table_versions: Mapping[str, int]
    """By feed, such as `features/flights`."""
    candidate: Candidate
    training_set: DatasetSnapshot
    validation: Score
    gate_score: Score
    gate: GateVerdict
    library_versions: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    judged: JudgedArtifact | None = None
    """None where the version itself was judged."""
    gain: Gain | None = None
    """Over the champion of then, whether it was promoted or not; None where there was none."""
    container_seconds: float = 0.0
    """About what its retraining took of training containers, all candidates together."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What was noted of it since; status and tags alone may change."""

    @property
    def window(self) -> Interval:
        return self.candidate.window.rows

    @property
    def rows(self) -> int:
        return self.training_set.count


def is_same_content(first: ModelVersion, second: ModelVersion) -> bool:
    """Whether they are one version, apart from what may change of it and from when it was registered."""
    return replace(first, status=second.status, registered_at=second.registered_at, tags=second.tags) == second


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """Who answers now. Champion, reference and artifact change together, in one transaction.

    `function_version` is the published version of the serving function that carries this artifact.
    """

    model: str
    version: str
    since: datetime
    artifact_uri: str
    artifact_sha256: str
    reference_uri: str
    function_version: str
    trained_until: datetime
    judged_until: datetime | None = None
    """Where the training rows of the judged artifact end, if the version is its refit."""
    because: str = ""
    """Why a person let it answer again; empty where the gate decided."""

    @property
    def comparable_from(self) -> datetime:
        """Later rows, after an embargo, tell how good it is: its own artifact, or the judged one in its place."""
        return self.judged_until or self.trained_until


def follows_at(predecessor: Champion | None, now: datetime) -> datetime:
    """`since` of who comes after: later than its predecessor's, also where a replay's clock stands still.

    Of two at one instant nobody could say who answered last.
    """
    return max(now, predecessor.since + timedelta(microseconds=1)) if predecessor else now


UNPUBLISHED_VERSION = "$LATEST"
"""Where the alias points before the first promotion: a function without a model, which answers 503."""


def champion_function_version(champion: Champion | None) -> str:
    """Where the alias belongs; a rollout that died may have left it elsewhere."""
    return champion.function_version if champion else UNPUBLISHED_VERSION


def version_name(*, planned_at: datetime, artifact_sha256: str) -> str:
    """Sorts by time, names the content, and is the same however often the step is repeated.

    >>> from datetime import UTC
    >>> version_name(planned_at=datetime(2013, 4, 2, 6, tzinfo=UTC), artifact_sha256="3fa29b1c77")
    '20130402-0600-3fa29b1c'
    """
    return f"{planned_at:%Y%m%d-%H%M}-{artifact_sha256[:8]}"
