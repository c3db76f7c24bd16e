"""The console that everything is printed to."""

import sys

from rich.console import Console

console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
"""A file or a pipe has no width, so it gets one."""

error_console = Console(highlight=False, stderr=True)
"""For what is not the result, such as progress."""
