"""Every claim of the ledger has its evidence in its lesson: measure, control, a model that learned nothing, seeds.

The evidence is read from the calls of `claim` (lessons_lib/course/claims.py), which also checks it when the lesson
runs. Seeds are the twenty runs behind a cell tagged bands, or `seeds=` at least 5, or `exact=True` where nothing random
enters.
"""

import ast
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.notebooks.bands import claim_calls
from tests.notebooks.rules import code_cells

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
ROLES = {"measure", "control", "null", "seeds"}
# claim → the lessons that hold it
LEDGER = {
    **{1: ("01",), 2: ("06",), 3: ("02",), 4: ("02",), 5: ("03",), 6: ("03",), 7: ("04",), 8: ("05",), 9: ("06",)},
    **{10: ("07",), 11: ("07",), 12: ("08",), 13: ("09",), 14: ("09",), 15: ("01", "17", "18"), 16: ("11",)},
    **{17: ("15",), 18: ("14",), 19: ("14",), 20: ("12", "14"), 21: ("12",), 22: ("19",), 23: ("18",), 24: ("17",)},
    **{25: ("17",), 26: ("17",)},
}
EXISTING = {path.name[:2]: path for path in NOTEBOOKS.glob("*.ipynb")}
CLAIMS = [(number, name) for number, lessons in LEDGER.items() for name in lessons]


def evidence(notebook: nbformat.NotebookNode) -> dict[int, set[str]]:
    """The roles that a lesson's calls of claim play, by the claim's number."""
    found: dict[int, set[str]] = {}
    for cell in code_cells(notebook):
        for call in claim_calls(cell.source):
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            roles = {"measure"} | (ROLES & given.keys() - {"seeds"})
            seeds = given.get("seeds", ast.Constant(0))
            assert isinstance(seeds, ast.Constant), "seeds is written as a number, so that a reader sees it"
            if "bands" in cell.metadata.get("tags", []) or seeds.value >= 5 or "exact" in given:
                roles.add("seeds")
            assert isinstance(call.args[0], ast.Constant), "a claim's number is written as a number"
            found[call.args[0].value] = found.get(call.args[0].value, set()) | roles
    return found


@pytest.mark.parametrize("number, name", CLAIMS, ids=lambda value: str(value))
def test_claim_has_its_evidence(number, name):
    found = evidence(nbformat.read(EXISTING[name], as_version=4))
    assert ROLES - found.get(number, set()) == set(), f"claim {number} lacks these in lesson {name}"


@pytest.mark.parametrize("lesson", sorted(EXISTING))
def test_no_claim_is_outside_the_ledger(lesson):
    numbers = evidence(nbformat.read(EXISTING[lesson], as_version=4)).keys() - {0}
    assert {number for number in numbers if lesson not in LEDGER.get(number, ())} == set()


def test_the_ledger_has_all_26():
    assert sorted(LEDGER) == list(range(1, 27))


CALL = 'claim(6, "the gap", gap, below=1, control=2, null=3, seeds=5)'


@pytest.mark.parametrize("role, less", [("control", "control=2, "), ("null", "null=3, "), ("seeds", ", seeds=5")])
def test_a_missing_role_is_found(role, less):
    assert evidence(new_notebook(cells=[new_code_cell(CALL)]))[6] == ROLES
    assert evidence(new_notebook(cells=[new_code_cell(CALL.replace(less, ""))]))[6] == ROLES - {role}


def test_seeds_come_from_the_tag_or_from_exact_or_are_too_few():
    few = CALL.replace("seeds=5", "seeds=3")
    assert evidence(new_notebook(cells=[new_code_cell(few)]))[6] == ROLES - {"seeds"}
    assert evidence(new_notebook(cells=[new_code_cell(few, metadata={"tags": ["bands"]})]))[6] == ROLES
    assert evidence(new_notebook(cells=[new_code_cell(CALL.replace("seeds=5", "exact=True"))]))[6] == ROLES
