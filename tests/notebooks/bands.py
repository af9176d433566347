"""The bands of a lesson, read from its cells, and what a table of runs says of them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from tests.notebooks.rules import without_magics

RELATIVE = 1e-3  # of a value, the least margin: a number that no run changes still meets other processors


@dataclass(frozen=True)
class Band:
    """One call of `claim` in a cell tagged bands, with the numbers that each run of the table gives it."""

    number: int
    text: str
    above: float
    below: float
    value: list[float]
    control: list[float]
    null: list[float]

    def faults(self) -> Iterator[str]:
        """Says by how much a role comes too near to the band's end: the margin is its whole spread over the runs."""
        for role in ("value", "control", "null"):
            found: list[float] = getattr(self, role)
            if not found:
                continue
            margin = max(max(found) - min(found), RELATIVE * max(map(abs, found)))
            inside = min(found) - self.above >= margin and self.below - max(found) >= margin
            outside = all(self.above - f >= margin or f - self.below >= margin for f in found)
            if not (inside if role == "value" else outside):
                where = "in" if role == "value" else "out of"
                yield (
                    f"claim {self.number}, {self.text}: its {role} must keep {where} ({self.above:g}, {self.below:g}) "
                    f"by {margin:.3g}, got {min(found):.3g} to {max(found):.3g}"
                )


def tagged(path: Path, tag: str) -> list[str]:
    """The sources of the notebook's code cells with this tag."""
    cells = nbformat.read(path, as_version=4).cells
    return [without_magics(c.source) for c in cells if c.cell_type == "code" and tag in c.metadata.get("tags", [])]


def bands(sources: list[str], table: list[dict[str, Any]]) -> list[Band]:
    """Executes the cells once for each run, with `measured` from that run, and collects the calls of `claim`.

    A cell knows `measured`, `claim` and `runs` (all runs of the table), and nothing else of the lesson.
    """
    calls: list[list[tuple[int, str, dict[str, Any]]]] = []
    for measured in table:
        here: list[tuple[int, str, dict[str, Any]]] = []

        def claim(number: int, text: str, value: float, here: list = here, **roles: Any) -> None:
            here.append((number, text, {"value": value, **roles}))

        scope = {"measured": measured, "claim": claim, "runs": lambda lesson: table}
        for source in sources:
            exec(source, scope)
        calls.append(here)
    return [_band(list(over_runs)) for over_runs in zip(*calls, strict=True)]


def _band(calls: list[tuple[int, str, dict[str, Any]]]) -> Band:
    number, text, first = calls[0]
    ends = {end: [call[2].get(end) for call in calls] for end in ("above", "below")}
    assert all(len(set(values)) == 1 for values in ends.values()), (
        f"claim {number}, {text}: its band depends on the run"
    )
    roles = {
        role: [float(call[2][role]) for call in calls] if first.get(role) is not None else []
        for role in ("value", "control", "null")
    }
    above, below = ends["above"][0], ends["below"][0]
    return Band(
        number,
        text,
        -float("inf") if above is None else float(above),
        float("inf") if below is None else float(below),
        **roles,
    )


def claim_calls(source: str) -> list[ast.Call]:
    """Every call of `claim` in a cell."""
    nodes = ast.walk(ast.parse(without_magics(source)))
    return [n for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "claim"]
