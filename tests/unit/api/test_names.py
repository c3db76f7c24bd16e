"""What `import evertrain` has, and what it costs."""

import subprocess
import sys

import pytest

import evertrain


def run(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)


def test_the_public_names_are_these_and_each_is_there() -> None:
    assert evertrain.__all__ == [
        "Backtest", "Drift", "DriftFound", "EvertrainError", "FileFormat", "Reference", "Sketch", "assert_no_drift",
        "backtest", "drift",
    ]  # fmt: skip
    assert all(hasattr(evertrain, name) for name in evertrain.__all__)
    with pytest.raises(AttributeError, match="module 'evertrain' has no attribute 'forecast'"):
        evertrain.forecast  # noqa: B018


def test_importing_costs_nothing_before_a_name_is_used() -> None:
    heavy = ("numpy", "pyarrow", "pandas", "sklearn", "typer")
    assert run(f"import sys, evertrain; sys.exit(str([m for m in {heavy} if m in sys.modules] or ''))").stderr == "\n"
    assert run("import sys, evertrain; evertrain.drift; sys.exit('sklearn' in sys.modules)").returncode == 0


def test_what_is_not_installed_is_named_with_the_extra_that_brings_it() -> None:
    """As with the package alone: comparing works, replaying says what is missing."""
    without = "import sys; sys.modules['sklearn'] = None; import evertrain; evertrain.drift; evertrain.backtest"
    sentence = "evertrain.backtest needs sklearn, which is not installed: pip install 'evertrain[train]'"
    assert run(without).stderr.strip().splitlines()[-1] == f"ModuleNotFoundError: {sentence}"
