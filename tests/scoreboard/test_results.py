"""The committed tables: every row from finished runs of one protocol, and their means as the runs have them."""

import statistics

import pytest

from lessons_lib.scoreboard.protocol import Protocol
from lessons_lib.scoreboard.systems import SYSTEMS
from lessons_lib.shipped import results

SCENES, NUCLEI = results("scoreboard"), results("scoreboard_nuclei")


def test_scenes_have_every_system_from_three_seeds_under_the_protocol():
    assert list(SCENES["rows"]) == list(SYSTEMS)
    wanted = Protocol()
    assert SCENES["protocol"] == {**vars(wanted), "looks": list(wanted.looks)}
    assert SCENES["protocol"]["budget"] >= 300


def test_nuclei_have_six_systems_of_three_splits():
    assert len(NUCLEI["rows"]) >= 6
    protocol = NUCLEI["protocol"]
    assert protocol["data"] == "nuclei" and protocol["folds"] and protocol["own_scale"] and protocol["root"] is None


@pytest.mark.parametrize("table", [SCENES, NUCLEI], ids=["scenes", "nuclei"])
def test_rows_are_their_runs(table):
    for name, row in table["rows"].items():
        system, runs = SYSTEMS[name], row["runs"]
        assert [run["seed"] for run in runs] == [0, 1, 2]
        assert row["words"] == system.words and row["options"] == system.options
        assert {run["steps"] for run in runs} == {row["pace"]["steps"]}
        assert {run["parameters"] for run in runs} == {row["parameters"]}
        assert len({run["weights"] for run in runs}) == 3
        assert ("mask_ap" in row["mean"]) == system.has_masks
        for key, mean in row["mean"].items():
            values = [run["scores"][key] for run in runs]
            assert mean is None or mean == pytest.approx(statistics.mean(values))
        for run in runs:
            assert len(run["curve"]) == 5 and run["curve"][-1]["step"] == run["steps"]
            assert run["curve"][-1]["box_ap"] == run["scores"]["box_ap"]
        assert [("found" in run) for run in runs] == [True, False, False]
