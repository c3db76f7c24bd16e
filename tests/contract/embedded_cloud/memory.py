"""What a process takes of memory."""

from pathlib import Path


def resident_mb(status: Path) -> float:
    """`status`: the process's, in /proc."""
    return next(int(line.split()[1]) / 1000 for line in status.read_text().splitlines() if line.startswith("VmRSS"))
