"""The numbers in the self-check answers of lesson 19, each computed anew."""

import itertools

import torch

from lessons_lib.course.exercises.lesson_19.areas import counted_in_range
from lessons_lib.data.sample import Instances
from lessons_lib.metrics.detection import DetectionScores
from lessons_lib.metrics.error_kinds import kinds_of
from lessons_lib.metrics.ranks import kendall_tau
from tests.notebooks.test_self_checks import answers


def test_lesson_19():
    found = answers("19")
    tau = kendall_tau(torch.tensor([1.0, 2, 3, 4]), torch.tensor([1.0, 3, 2, 4])).item()
    assert f"(5 − 1) / 6 = {tau:.2f}" in found[0]
    means = [sum(draw) / 3 for draw in itertools.product((0.30, 0.31, 0.35), repeat=3)]
    assert f"in {sum(mean > 0.3499 for mean in means)} of {len(means)} draws" in found[1] and "0.35" in found[1]
    assert "twice as many" in found[2]
    truth = Instances(torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([1]), None)
    near = Instances(torch.tensor([[0.0, 0, 10, 4.5]]), torch.tensor([1]), None, torch.tensor([0.9]))
    scores = DetectionScores("box")
    scores.update(near, truth)
    iou = torch.tensor([[0.45]], dtype=torch.float64)
    kind = kinds_of(iou, iou > 0, torch.tensor([0.9]), torch.zeros(1, dtype=torch.bool))
    assert kind == ["badly localised"] and scores.compute()["ap50"] == 0
    assert "badly localised" in found[3] and "AP50 = 0" in found[3]
    large = torch.tensor([900.0])
    words, _ = counted_in_range(torch.tensor([[0.8]]), torch.tensor([50.0]), large, large < 0, 0.0, 100.0)
    assert words == ["ignored"] and "ignored" in found[4]
