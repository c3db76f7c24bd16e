"""What an explained row costs beside a predicted one, and what explanations add to an artifact.

make bench-explanations

Writes `bench/results/explanations.json` and `explanations.md`. The same models and rows as in `bench.serving`.
"""

import json
import os
import platform
import time
from array import array
from pathlib import Path
from statistics import median
from typing import Any

from bench.serving import make_estimators, make_rows, make_spec
from evertrain.conversion import to_flat
from evertrain.scoring import FlatModel
from evertrain.scoring.container import pack, unpack
from evertrain.scoring.explanations import Explainer

RESULTS = Path(__file__).parent / "results"
TRAINED, ASKED = 20_000, 20


def main() -> None:
    frame, truth = make_rows(TRAINED, seed=0)
    asked = make_rows(ASKED, seed=1)[0].to_dict("records")
    measured = {}
    for name, estimator in make_estimators().items():
        artifact = to_flat(estimator.fit(frame, truth), make_spec(), rows=frame)
        measured[name] = _measure(artifact, asked)
        print(name, measured[name], flush=True)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    document = {"machine": machine, "measured": measured}
    (RESULTS / "explanations.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "explanations.md").write_text(as_markdown(document), encoding="utf-8")
    print(as_markdown(document))


def _measure(artifact: bytes, asked: list[Any]) -> dict[str, Any]:
    flat = FlatModel.from_bytes(artifact)
    began = time.perf_counter()
    explainer = Explainer(flat)
    prepared = time.perf_counter() - began
    return {
        "scale": explainer.scale.value,
        "artifact_bytes": len(artifact),
        "of_explanations_bytes": len(artifact) - len(_without_explanations(artifact)),
        "prepared_s": prepared,
        "row_predicted_s": median(_seconds(lambda row=row: flat.predict([row])) for row in asked),
        "row_explained_s": median(_seconds(lambda row=row: explainer.explain([row])) for row in asked),
        "rows_at_once": explainer.rows_at_once,
    }


def _without_explanations(artifact: bytes) -> bytes:
    """The same, with nothing where covers and means were."""
    container = unpack(artifact)
    header = {name: value for name, value in container.header.items() if name not in ("means", "arrays")}
    arrays = list(container.arrays)
    for step in container.header["steps"]:
        if "leaf_covers" in step:
            arrays[step["leaf_covers"]] = array("f")
    return pack(header, arrays)


def _seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def as_markdown(document: dict[str, Any]) -> str:
    lines = [
        f"14 numbers a row. {document['machine']}, one thread; medians of {ASKED} rows. `make bench-explanations`.",
        "",
        "| model | scale | row predicted | explained | prepared once | rows at once | artifact | for explanations |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, found in document["measured"].items():
        cells = [
            name,
            found["scale"],
            f"{found['row_predicted_s'] * 1e6:,.0f} µs",
            _time(found["row_explained_s"]),
            _time(found["prepared_s"]),
            found["rows_at_once"],
            f"{found['artifact_bytes'] / 1000:,.0f} kB",
            f"{found['of_explanations_bytes'] / 1000:,.1f} kB",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:,.2f} ms" if seconds < 0.01 else f"{seconds * 1e3:,.0f} ms"


if __name__ == "__main__":
    main()
