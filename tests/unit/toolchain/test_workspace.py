"""Where everything is: in a clone, and in a project's own folder."""

from pathlib import Path

from evertrain.toolchain.workspace import Workspace

REPOSITORY = Path(__file__).parents[3]


def test_a_clone_is_all_by_itself() -> None:
    found = Workspace.of(REPOSITORY)
    assert found.is_repository
    assert {found.project, found.package, found.deployables, found.work} == {REPOSITORY}


def test_another_folder_gets_one_to_work_in_that_git_passes_over_but_for_schemas(tmp_path: Path) -> None:
    found = Workspace.of(tmp_path)
    assert not found.is_repository
    assert (found.package, found.deployables) == (REPOSITORY, REPOSITORY)
    found.prepare()
    assert found.work == tmp_path / ".evertrain"
    assert (found.work / ".gitignore").read_text().splitlines()[1:] == ["/*", "!/.gitignore", "!/*.schema.json"]


def test_a_clone_s_own_gitignore_is_left_alone() -> None:
    before = (REPOSITORY / ".gitignore").read_text()
    Workspace.of(REPOSITORY).prepare()
    assert (REPOSITORY / ".gitignore").read_text() == before
