"""Style of the figures: one colour a side, ours strong and the others quiet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

INK, QUIET, LINES, PAPER = "#14213d", "#5c677d", "#dfe4ec", "#ffffff"
COLOURS = {
    "local": "#0b5cad",
    "local_client": "#6aa6dc",
    "local_int8": "#1b8a5a",
    "ray": "#d9480f",
    "ray_direct": "#f4a261",
    "ray_proxy": "#8d6e63",
    "infinity": "#7c6bb0",
    "mlserver": "#4f8f8b",
    "litserve": "#a0527e",
    "triton": "#6b7280",
}
MARKERS = {"ray_proxy": "v", "infinity": "s", "mlserver": "D", "litserve": "^", "triton": "P"}
OURS = ("local", "local_client", "local_int8", "ray", "ray_direct")
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": LINES,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINES,
    "grid.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "ytick.minor.size": 0.0,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "svg.hashsalt": "tieback",  # the same numbers give the same file
}


@contextmanager
def figure(path: Path, rows: int, columns: int, *, size: tuple[float, float]) -> Iterator[list[Axes]]:
    """The axes of a figure, row by row, which is written to the path at the end."""
    with rc_context(STYLE):
        made = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12, wspace=0.04))
        axes = made.subplots(rows, columns, squeeze=False)
        yield [one for row in axes for one in row]
        made.savefig(path, metadata={"Date": None})


def width(side: str) -> float:
    """Of a side's line, in points."""
    return 2.2 if side in OURS else 1.4
