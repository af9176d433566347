"""Bands hold on every machine: each trained lesson's bands against the twenty runs of its experiment.

A band must hold in every run with the margin of the whole spread of all runs again, and the control and the untrained
model must miss it as clearly.
"""

import json
import re
from pathlib import Path

import nbformat
import pytest

from notebooks import seeds
from tests.notebooks.bands import bands, tagged
from tests.notebooks.rules import code_cells

ROOT = Path(__file__).resolve().parents[2]
TRAINED = ("01", "04", "06", "07", "08", "09", "11", "13", "14", "15", "16", "17", "18", "20")
ALL_RUNS = {(seed, disturbance) for seed in range(5) for disturbance in range(4)}
RUNS = [{"gain": 0.30}, {"gain": 0.34}, {"gain": 0.32}]  # spread 0.04


def lesson(number: str) -> Path:
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    return path


def table(number: str) -> dict:
    path = ROOT / "results" / f"lesson_{number}.json"
    found = json.loads(path.read_text("utf-8")) if path.exists() else {}
    missing = len(ALL_RUNS) - len(found.get("runs", []))
    assert missing <= 0, f"results/lesson_{number}.json lacks {missing} runs: python notebooks/seeds.py {number}"
    return found


def faults(source: str, runs: list[dict]) -> list[str]:
    return [fault for band in bands([source], runs) for fault in band.faults()]


@pytest.mark.parametrize("number", TRAINED)
def test_bands_hold_in_all_runs_with_their_spread_again(number):
    runs = [run["measured"] for run in table(number)["runs"]]
    found = bands(tagged(lesson(number), "bands"), runs)
    assert found, "a trained lesson claims something in a cell tagged bands"
    assert [fault for band in found for fault in band.faults()] == []


@pytest.mark.parametrize("number", TRAINED)
def test_table_is_whole_and_of_this_experiment(number):
    found = table(number)
    assert {(run["seed"], run["disturbance"]) for run in found["runs"]} == ALL_RUNS
    assert found["experiment"] == seeds.fingerprint(lesson(number)), "the experiment cells changed: run seeds.py again"
    disturbed = [run for run in found["runs"] if run["seed"] == 0]
    assert any(run["measured"] != disturbed[0]["measured"] for run in disturbed[1:]), (
        "disturbing the weights did nothing"
    )


@pytest.mark.parametrize("number", TRAINED)
def test_what_was_measured_is_asserted_as_a_band(number):
    assert tagged(lesson(number), "bands"), "a trained lesson claims something in a cell tagged bands"
    for place, cell in enumerate(code_cells(nbformat.read(lesson(number), as_version=4)), 1):
        wild = "measured[" in cell.source and re.search(r"^\s*assert ", cell.source, re.MULTILINE)
        assert not wild, f"code cell {place}: what is measured is claimed with claim(...)"


def test_a_band_that_keeps_the_margin_passes():
    source = 'claim(11, "gain", measured["gain"], above=0.25, control=0.0, null=measured["gain"] - 1)'
    assert faults(source, RUNS) == []


@pytest.mark.parametrize(
    "source, fault",
    [
        ('claim(11, "gain", measured["gain"], above=0.27)', "its value must keep in (0.27, inf) by 0.04"),
        ('claim(11, "gain", measured["gain"], below=0.37)', "its value must keep in (-inf, 0.37) by 0.04"),
        ('claim(11, "gain", 1, above=0.3, control=measured["gain"])', "its control must keep out of (0.3, inf)"),
        ('claim(11, "gain", 1, above=0.35, null=measured["gain"])', "its null must keep out of (0.35, inf) by 0.04"),
        ('claim(11, "gain", 0.5, above=0.4999)', "its value must keep in (0.4999, inf) by 0.0005"),
    ],
)
def test_a_band_that_is_too_narrow_is_found(source, fault):
    (found,) = faults(source, RUNS)
    assert fault in found


def test_a_mean_over_all_runs_has_no_spread():
    source = 'claim(11, "mean", sum(run["gain"] for run in runs("07")) / 3, above=0.315)'
    assert faults(source, RUNS) == []


def test_a_band_that_follows_the_run_is_refused():
    with pytest.raises(AssertionError, match="its band depends on the run"):
        bands(['claim(11, "gain", measured["gain"], above=measured["gain"] - 1)'], RUNS)


def test_a_cell_of_bands_knows_nothing_else_of_the_lesson():
    with pytest.raises(NameError):
        bands(['claim(11, "gain", models["FCN"], above=0)'], RUNS)
