"""The command that prices bugs: what it runs, what it leaves out, what it makes again."""

import json

import pytest

from notebooks import bugs

TINY = {"scenes": 4, "unseen": 2, "steps": 1, "batch": 2}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(bugs, "RECIPE", bugs.RECIPE | TINY)
    for function in (bugs.scenes, bugs.sound):
        function.cache_clear()
    yield
    for function in (bugs.scenes, bugs.sound):
        function.cache_clear()


def named(name):
    return next(bug for bug in bugs.EVERY if bug.name == name)


def test_a_run_says_what_it_did(tiny):
    row = bugs.run_once(named("square anchors"), seed=0)
    assert row["bug"] == "square anchors" and row["seed"] == 0 and row["cpu_seconds"] > 0
    assert set(row["measured"]) == {"box", "mask"} and set(row["measured"]["mask"]) == {"ap", "ap50", "ap75"}
    assert "failed" not in row


def test_a_network_that_a_bug_drives_to_infinity_finds_nothing(tiny, monkeypatch):
    def learned(bug, seed):
        raise FloatingPointError("losses must be finite")

    monkeypatch.setattr(bugs, "learned", learned)
    row = bugs.run_once(named("square anchors"), seed=0)
    assert row["failed"] == "losses must be finite" and row["measured"]["box"]["ap"] == 0


def test_bugs_of_predictions_share_one_network(tiny, monkeypatch):
    trained = []
    right = bugs.learned
    monkeypatch.setattr(bugs, "learned", lambda bug, seed: trained.append(bug.name) or right(bug, seed))
    rows = bugs.run_together(["none", "NMS across classes", "pasted on whole pixels"], seed=0)
    assert trained == ["none"] and [row["bug"] for row in rows] == [
        "none",
        "pasted on whole pixels",
        "NMS across classes",
    ]


def test_what_is_missing():
    everything = bugs.missing({}, [])
    runs = {(name, seed) for names, seed in everything for name in names}
    assert len(runs) == sum(map(len, (names for names, _ in everything)))
    assert {seed for name, seed in runs if name == "none"} == set(bugs.MORE_SEEDS)
    assert {seed for name, seed in runs if name == "square anchors"} == set(bugs.SEEDS)
    assert bugs.missing({key: {} for key in runs}, []) == []
    assert bugs.missing({("RoIPool", 0): {}}, ["RoIPool"]) == [(["RoIPool"], seed) for seed in bugs.MORE_SEEDS[1:]]


def test_the_table_goes_on_where_it_was_and_forgets_other_code(tmp_path, monkeypatch):
    target = tmp_path / "bugs.json"
    head = {"recipe": bugs.RECIPE, **bugs.machine_and_versions()}
    code = {bug.name: bugs.code_of(bug) for bug in bugs.EVERY}
    rows = {("RoIPool", 0): {"bug": "RoIPool", "seed": 0, "code": code["RoIPool"]}}
    rows["C4", 0] = {"bug": "C4", "seed": 0, "code": "of yesterday"}
    bugs.write(target, head, rows)
    assert [row["bug"] for row in json.loads(target.read_text("utf-8"))["runs"]] == ["RoIPool", "C4"]
    assert set(bugs.begun(target, head)) == {("RoIPool", 0)}
    assert bugs.begun(target, head | {"recipe": {}}) == {}
    assert bugs.begun(tmp_path / "none.json", head) == {}


def test_an_unknown_bug_is_refused(capsys):
    with pytest.raises(SystemExit):
        bugs.main(["no such bug"])
    assert "BUG must be one of none, " in capsys.readouterr().err
