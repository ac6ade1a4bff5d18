"""Plots as SVG, written by hand: they are few and plain."""

from collections.abc import Sequence
from html import escape

from bench.rounds import Ratios

_WIDTH, _LEFT, _ROW = 860, 330, 34
_COLOURS = {"goal": "#2a7f4f", "floor": "#c79a1b", "below": "#b5412f"}
_STYLE = "font: 13px sans-serif; fill: #222"


def bars(rows: Sequence[Ratios]) -> str:
    """A bar for each row's ratio; its rounds as dots, its floor and goal as lines."""
    height = _ROW * len(rows) + 44
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" style="background: #fff">']
    for number, row in enumerate(rows):
        parts += _bar(row, 12 + number * _ROW)
    note = "bar: median of ours over theirs; dots: rounds; dashed: floor; solid: goal; grey: 1"
    return "\n".join([*parts, _text(12, height - 10, note), "</svg>"]) + "\n"


def _bar(row: Ratios, top: int) -> list[str]:
    most = 1.15 * max(row.goal, row.floor, 1.0, *row.each)

    def x(ratio: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 70) * ratio / most

    middle = top + _ROW / 2 - 4
    line = '<line x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}" stroke="{3}" stroke-dasharray="{4}"/>'
    marks = ((1.0, "#bbb", ""), (row.floor, "#222", "4 3"), (row.goal, "#222", ""))
    return [
        _text(12, middle + 5, row.what),
        f'<rect x="{_LEFT}" y="{top + 4}" width="{x(row.median) - _LEFT:.1f}" height="{_ROW - 16}" '
        f'fill="{_COLOURS[row.verdict]}"/>',
        *(line.format(x(at), top, top + _ROW - 8, colour, dashes) for at, colour, dashes in marks),
        *(f'<circle cx="{x(each):.1f}" cy="{middle}" r="2.5" fill="#fff" stroke="#222"/>' for each in row.each),
        _text(_WIDTH - 62, middle + 5, f"{row.median:.2f} ×"),
    ]


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x}" y="{y}" style="{_STYLE}">{escape(text)}</text>'
