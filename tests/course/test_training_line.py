"""The line of a training: when it appears, what it says, what is left of it; and a notebook that shows it."""

from types import SimpleNamespace

import nbformat
import torch
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from lessons_lib.course import training_line
from lessons_lib.course.training_line import Line, TrainingLine
from lessons_lib.data.sample import collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.training import loop
from lessons_lib.training.loop import Record
from notebooks.refresh import clean


class Told:
    """A clock that the test turns, and the lines that were shown, or changed to."""

    def __init__(self):
        self.now, self.shown, self.changed = 0.0, [], []
        self.line = TrainingLine(self.show, lambda: self.now)

    def show(self, line):
        self.shown.append(line)
        return self.changed.append

    def fit(self, seconds, steps, each=1):
        for step in range(1, steps + 1):
            self.now += seconds / steps
            self.line.step()
            self.line.fitted(Record(step, {"a": 1.0, "b": 0.5 / step}), steps)


def test_what_trains_for_less_than_a_second_shows_nothing():
    told = Told()
    told.fit(0.9, 100)
    told.line.end()
    assert told.shown == told.changed == []


def test_a_training_says_its_step_its_loss_and_the_seconds_left():
    told = Told()
    told.fit(12.5, 100)  # an eighth of a second each, so that the clock is exact
    assert told.shown == [Line("step 8 of 100 · loss 1.062 · about 12 s left", 0.08)]
    assert told.changed[-1] == Line("step 100 of 100 · loss 1.005 · about 0 s left", 1.0)
    assert len(told.changed) == 46, "four changes a second at most"
    told.line.end()
    assert told.changed[-1] == Line("trained 100 steps in 12 s")
    told.line.begin()
    told.fit(2, 10)
    assert len(told.shown) == 2, "the next cell has a line of its own"


def test_the_check_of_an_exercise_shows_its_card_alone():
    told = Told()
    told.line.begin(SimpleNamespace(raw_cell='@exercise("06.6")\ndef training_step(): ...'))
    told.fit(5, 10)
    told.line.end()
    assert told.shown == told.changed == []
    told.line.begin(SimpleNamespace(raw_cell="train()"))
    told.fit(5, 10)
    assert len(told.shown) == 1


def test_the_second_training_of_a_cell_says_so():
    told = Told()
    told.fit(2, 10)
    told.fit(4, 10)
    assert len(told.shown) == 1
    assert told.changed[-1] == Line("training 2: step 10 of 10 · loss 1.050 · about 0 s left", 1.0)


def test_a_loop_without_fit_counts_its_optimisers_steps():
    told = Told()
    for _ in range(2000):
        told.now += 1 / 1024
        told.line.step()
    assert told.shown[0].words == "1,024 steps · 1 s" and told.shown[0].share is None
    assert "<progress" not in told.shown[0]._repr_html_()


def test_the_line_as_html_has_a_name_for_its_bar():
    assert Line("a < b", 0.25)._repr_html_() == (
        '<div class="lessons-training"><progress aria-label="training" value="0.250"></progress> a &lt; b</div>'
    )


def test_outside_a_notebook_nothing_happens(monkeypatch):
    monkeypatch.delitem(training_line.sys.modules, "ipykernel", raising=False)
    training_line.show_training()
    assert training_line._lines == [] and loop.watchers == []


SETUP = """import time, torch
from lessons_lib.course.training_line import show_training
show_training()
show_training()"""
TRAINS = """weight = torch.nn.Parameter(torch.zeros(1))
optimizer = torch.optim.SGD([weight], 0.1)
weight.grad = torch.ones(1)
for _ in range(3):
    time.sleep(0.6)
    optimizer.step()
print(weight.item())"""


def test_a_notebook_shows_one_line_and_a_committed_lesson_none(tmp_path):
    notebook = new_notebook(cells=[new_code_cell(SETUP), new_code_cell(TRAINS), new_code_cell("optimizer.step()")])
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute(cwd=str(tmp_path))
    first, second, third = (cell.outputs for cell in notebook.cells)
    assert first == third == []
    line, printed = second
    assert line.data["text/plain"].startswith("trained 3 steps in ") and printed.name == "stdout"
    assert [output.output_type for output in clean(notebook).cells[1].outputs] == ["stream"]
    nbformat.validate(notebook)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(1, 1)

    def forward(self, batch):
        return {"loss": self.net(torch.ones(1, 1)).sum()}


def test_fit_tells_who_watches(monkeypatch):
    seen = []
    monkeypatch.setattr(loop, "watchers", [lambda record, steps: seen.append((record.step, steps))])
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    batch = collate([draw_scenes([0], PRESETS["easy"], seed=0)[0]])
    steps = [record.step for record in loop.fit(model, [batch], optimizer, 5, start=3)]
    assert steps == [4, 5] and seen == [(4, 5), (5, 5)]
