"""What a benchmark leaves behind: a table on the screen, in ``results/`` JSON, an SVG plot and one Markdown page."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from bench.machine import machine
from bench.plot import bars
from bench.rounds import Ratios
from bench.stop import Stop
from tests.parts.missing import CannotBeHad

RESULTS = Path(__file__).parent / "results"


def run(name: str, measure: Callable[[], Sequence[Ratios]]) -> None:
    """*measure*, told and kept as benchmark *name*; where it stops, its reason ends the process."""
    try:
        rows = measure()
    except (Stop, CannotBeHad) as stop:
        sys.exit(f"{name} says nothing: {stop}")
    keep(name, rows)
    print("\n".join(lines(rows)))


def keep(name: str, rows: Sequence[Ratios]) -> None:
    """Write the files of benchmark *name*, and the page of all anew."""
    RESULTS.mkdir(exist_ok=True)
    told = {"machine": machine(), "rows": [{**asdict(row), "median": row.median} for row in rows]}
    (RESULTS / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n")
    (RESULTS / f"{name}.svg").write_text(bars(rows))
    (RESULTS / "README.md").write_text("\n".join(_page()) + "\n")


def lines(rows: Iterable[Ratios]) -> list[str]:
    """A Markdown table."""
    head = ["| what | ours | theirs | ratio | rounds | floor | goal | reached |", "|---|---|---|---|---|---|---|---|"]
    return head + [_line(row) for row in rows]


def _line(row: Ratios) -> str:
    sign = "≥" if row.better == "more" else "≤"
    ours, theirs = (
        f"{median(figures):,.{0 if median(figures) >= 100 else 2}f} {row.unit}" for figures in (row.ours, row.theirs)
    )
    spread = f"{min(row.each):.2f}–{max(row.each):.2f}"
    cells = (row.what, ours, theirs, f"**{row.median:.2f} ×**", spread, f"{sign} {row.floor:g}", f"{sign} {row.goal:g}")
    return f"| {' | '.join(cells)} | {row.verdict} |"


def _page() -> list[str]:
    page = ["# Results", "", "Written by `make bench`; how each is measured: [the method](../README.md)."]
    for path in sorted(RESULTS.glob("*.json")):
        kept = json.loads(path.read_text())
        rows = [_row(each) for each in kept["rows"]]
        told = ", ".join(f"{name} {value}" for name, value in kept["machine"].items())
        page += ["", f"## {path.stem.replace('_', ' ')}", "", *lines(rows), "", f"![{path.stem}]({path.stem}.svg)", ""]
        page += [f"On {told}."]
    return page


def _row(kept: dict[str, Any]) -> Ratios:
    return Ratios(**{name: value for name, value in kept.items() if name != "median"})
