"""The command that runs a lesson's experiment twenty times: what it runs, how it disturbs, what it keeps."""

import importlib
import json
import sys
from pathlib import Path

import pytest
import torch
from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook

from notebooks import seeds

SETUP = "import torch\nSEED = 0\n%matplotlib inline"
EXPERIMENT = """
torch.manual_seed(SEED)
w = torch.ones(3, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.5)
for _ in range(2):
    optimizer.zero_grad()
    (w * torch.rand(3)).sum().backward()
    optimizer.step()
measured = {"weights": w.tolist(), "draw": torch.rand(1).item(), "many": {"seed": SEED}}
"""


def lesson(folder: Path, experiment: str = EXPERIMENT) -> Path:
    cells = [new_code_cell(SETUP, metadata={"tags": ["setup"]}), new_code_cell("assert False")]
    cells += [new_code_cell(experiment, metadata={"tags": ["experiment"]})] if experiment else []
    path = folder / "42_tiny.ipynb"
    write(new_notebook(cells=cells), path)
    return path


def test_runs_setup_and_experiment_from_the_seed(tmp_path):
    path = lesson(tmp_path)
    zero, one = (seeds.experiment(path, seed) for seed in (0, 1))
    assert zero["many"]["seed"] == 0 and one["many"]["seed"] == 1 and zero["weights"] != one["weights"]
    assert zero == seeds.experiment(path, 0)


def test_a_disturbance_moves_weights_by_a_millionth_and_leaves_the_random_numbers(tmp_path):
    path = lesson(tmp_path)
    runs = [seeds.experiment(path, 0, disturbance) for disturbance in range(4)]
    weights = torch.tensor([run["weights"] for run in runs])
    assert len(weights.unique(dim=0)) == 4
    assert (weights[1:] - weights[0]).abs().max() < 5e-6
    assert len({run["draw"] for run in runs}) == 1


def test_the_disturbance_ends_with_the_run(tmp_path):
    path = lesson(tmp_path)
    plain = seeds.experiment(path, 0)
    seeds.experiment(path, 0, 1)
    assert seeds.experiment(path, 0) == plain


def test_a_lesson_without_experiment_is_refused(tmp_path):
    with pytest.raises(ValueError, match="lesson must have cells tagged experiment"):
        seeds.experiment(lesson(tmp_path, ""), 0)


@pytest.mark.parametrize("value", [float("nan"), torch.tensor(float("inf"))])
def test_what_is_no_finite_number_is_named(value):
    with pytest.raises(ValueError, match=r"measured\['a'\]\[1\] must be a finite number"):
        seeds.plain({"a": [1, value]})


def test_fingerprint_sees_code_and_no_comments(tmp_path):
    first = seeds.fingerprint(lesson(tmp_path))
    assert seeds.fingerprint(lesson(tmp_path, EXPERIMENT + "# said\n\n")) == first
    assert seeds.fingerprint(lesson(tmp_path, EXPERIMENT.replace("0.5", "0.6"))) != first


def test_the_command_keeps_every_run_and_takes_up_where_it_stopped(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(seeds, "HERE", tmp_path)
    lesson(tmp_path)
    assert seeds.main(["42", "--out", str(tmp_path), "--seeds", "0", "--disturbances", "1"]) == 0
    target = tmp_path / "lesson_42.json"
    first = json.loads(target.read_text())
    assert [(run["seed"], run["disturbance"]) for run in first["runs"]] == [(0, 1)]
    assert {"processor", "capability", "threads"} == first["machine"].keys() and "torch" in first["versions"]
    capsys.readouterr()
    arguments = ["42", "--out", str(tmp_path), "--seeds", "0", "--disturbances", "0", "1", "--jobs", "2"]
    assert seeds.main(arguments) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1  # the run that was missing
    assert json.loads(target.read_text())["runs"][1:] == first["runs"]


def test_a_table_of_another_experiment_is_begun_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(seeds, "HERE", tmp_path)
    path = lesson(tmp_path)
    run = {"seed": 0, "disturbance": 0, "cpu_seconds": 1.0, "measured": {}}
    seeds.write(tmp_path / "lesson_42.json", seeds.heading(path), [run])
    assert seeds.begun(tmp_path / "lesson_42.json", seeds.heading(path)) == [run]
    lesson(tmp_path, EXPERIMENT.replace("0.5", "0.6"))
    assert seeds.begun(tmp_path / "lesson_42.json", seeds.heading(path)) == []


def test_a_run_that_fails_is_reported_and_not_kept(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(seeds, "HERE", tmp_path)
    lesson(tmp_path, "measured = {'a': float('nan')}")
    assert seeds.main(["42", "--out", str(tmp_path), "--seeds", "0", "--disturbances", "0"]) == 1
    assert "seed 0, disturbance 0: ValueError: measured['a'] must be a finite number" in capfd.readouterr().err
    assert not (tmp_path / "lesson_42.json").exists()


def test_a_missing_package_is_stood_in_for(monkeypatch):
    monkeypatch.setattr(seeds, "OPTIONAL", ("no_such_package",))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    seeds.stand_in_for_missing()
    part = importlib.import_module("no_such_package.part")
    assert part.Slider(1) is not None
    for name in ("no_such_package", "no_such_package.part"):
        monkeypatch.delitem(sys.modules, name)
