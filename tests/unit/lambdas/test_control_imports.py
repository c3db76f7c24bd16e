"""What leads and rolls out is bundled without a table or a number library: importing it must not look for one."""

import subprocess
import sys
from pathlib import Path

import pytest

FORBIDDEN = ("numpy", "pandas", "pyarrow", "scipy", "sklearn", "deltalake")


@pytest.mark.parametrize("function", ["lifecycle", "rollout", "reconcile", "mirror"])
def test_the_handler_imports_without_the_numeric_libraries(function: str) -> None:
    script = f"""
import sys
sys.modules.update(dict.fromkeys({FORBIDDEN!r}))  # None: importing one raises ImportError
from lambdas.{function}.handler import lambda_handler
assert callable(lambda_handler)
"""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
