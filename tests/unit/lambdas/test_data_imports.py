"""What checks and commits batches is bundled with few libraries: importing it must not look for another one."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("function", "forbidden"),
    [
        ("monitor", ("deltalake", "pandas", "scipy", "sklearn")),
        ("ingest", ("numpy", "pandas", "pyarrow", "scipy", "sklearn")),
    ],
)
def test_the_handler_imports_with_its_own_lock_alone(function: str, forbidden: tuple[str, ...]) -> None:
    script = f"""
import sys
sys.modules.update(dict.fromkeys({forbidden!r}))  # None: importing one raises ImportError
from lambdas.{function}.handler import lambda_handler
assert callable(lambda_handler)
"""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
