"""How large a training container has to be: the sizes that Fargate offers, and what rows and columns need."""

from evertrain.domain.project.policies import TaskSize

FARGATE_MEMORY_MIB = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}
"""The CPU units and memory sizes that Fargate offers together."""

BASELINE_MEMORY_MIB = 600
"""Python, pyarrow, pandas and scikit-learn, before the first row."""

BYTES_PER_TRAINING_CELL = 60
"""Bytes for each value of a training row, in the data frame and in what the estimator makes of it. Boosted trees take
25 (`make bench-jobs`), one-hot columns more."""

BYTES_PER_EVALUATION_CELL = 40
"""Bytes for each value of a validation or gate row, as sorted Arrow columns. It takes 17 (`make bench-jobs`)."""

CELLS_PER_VCPU = 50_000_000
"""One vCPU for each so many values, and at least one."""


def estimate_task_size(*, training_rows: float, evaluation_rows: float, columns: int) -> TaskSize:
    """The smallest that Fargate offers for these rows; its largest where none is enough.

    >>> estimate_task_size(training_rows=50_000, evaluation_rows=10_000, columns=16)
    TaskSize(cpu=1024, memory_mib=2048)
    >>> estimate_task_size(training_rows=10_000_000, evaluation_rows=1_000_000, columns=40)
    TaskSize(cpu=8192, memory_mib=28672)
    """
    cells = training_rows * columns
    needed = (
        BASELINE_MEMORY_MIB
        + (cells * BYTES_PER_TRAINING_CELL + evaluation_rows * columns * BYTES_PER_EVALUATION_CELL) / 2**20
    )
    wanted = 1024 * max(1.0, cells / CELLS_PER_VCPU)
    for cpu, sizes in FARGATE_MEMORY_MIB.items():
        # More than eight processors are for memory's sake only: trees do not grow twice as fast on twice as many.
        if cpu < min(wanted, 8192) or sizes[-1] < needed:
            continue
        return TaskSize(cpu=cpu, memory_mib=next(size for size in sizes if size >= needed))
    largest = max(FARGATE_MEMORY_MIB)
    return TaskSize(cpu=largest, memory_mib=FARGATE_MEMORY_MIB[largest][-1])
