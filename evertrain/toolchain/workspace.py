"""Where everything is: the project, what is deployed with it, and what is made of both. Standard library only."""

from dataclasses import dataclass
from pathlib import Path

_OF_THE_WHEEL = "_deployables"
"""Below `evertrain/`; setup.py puts it there, and lists what is in it."""

_IGNORED = """\
# Environments, bundles and the embedded cloud's state can be made anew. The schemas are for editors: commit them.
/*
!/.gitignore
!/*.schema.json
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Four folders, of which the repository is all by itself.

    `project`: has features/ and models/. `package`: has evertrain/. `deployables`: has infra/, lambdas/, serving/,
    jobs/, localcloud/, requirements/ and the CDK's settings. `work`: where bundles, environments and the embedded
    cloud's state are made.
    """

    project: Path
    package: Path
    deployables: Path
    work: Path

    @classmethod
    def of(cls, project: Path) -> "Workspace":
        """Of a folder; that it has a project is for others to say."""
        here, project = Path(__file__).resolve(), project.resolve()
        installed, package = here.parents[1] / _OF_THE_WHEEL, here.parents[2]
        deployables = installed if installed.is_dir() else package
        work = project if project == deployables else project / ".evertrain"
        return cls(project=project, package=package, deployables=deployables, work=work)

    @property
    def is_repository(self) -> bool:
        """A clone of Evertrain, with its Makefile."""
        return self.project == self.deployables

    @property
    def build(self) -> Path:
        return self.work / ".build"

    @property
    def training_image(self) -> Path:
        """The image's context; the embedded cloud runs containers in it."""
        return self.build / "train-image"

    @property
    def cloud_home(self) -> Path:
        """State and logs of the embedded cloud."""
        return self.work / ".localcloud"

    def lock(self, name: str) -> Path:
        return self.deployables / "requirements" / name

    def prepare(self) -> None:
        """Makes the folder to work in, which git is to pass over."""
        self.work.mkdir(exist_ok=True)
        ignored = self.work / ".gitignore"
        if not self.is_repository and not ignored.exists():  # else it may be somebody's own
            ignored.write_text(_IGNORED)
