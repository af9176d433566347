"""Tasks: scores that are known, ready for JSON and as a table, and the share of several processes joined in order."""

import json

import pytest
import torch

from lessons_lib.data.sample import Instances
from lessons_lib.data.scenes import CLASSES, PRESETS, Scenes
from lessons_lib.metrics.detection import DetectionScores
from lessons_lib.models.zoo import TASKS as NAMES
from lessons_lib.training.machine import start_machine
from lessons_lib.training.scoring import EXAMPLES, score
from lessons_lib.training.tasks import DETECTION, INSTANCE, SEMANTIC, SEQUENCE, TASKS

SAMPLES = Scenes(PRESETS["easy"], 9, 3)


class Knows(torch.nn.Module):
    """Answers the truth, each object with confidence 0.9; `masks` false leaves them out, `miss` one object an image."""

    def __init__(self, masks=True, miss=0):
        super().__init__()
        self.masks, self.miss, self.asked = masks, miss, 0

    def predict(self, images):
        answers = []
        for _ in images:
            truth = SAMPLES[self.asked].instances
            kept = torch.arange(len(truth))[self.miss :]
            answers.append(
                Instances(
                    truth.boxes[kept],
                    truth.labels[kept],
                    truth.masks[kept] if self.masks else None,
                    scores=torch.full((len(kept),), 0.9),
                )
            )
            self.asked += 1
        return answers


def test_the_zoo_and_the_tasks_have_the_same_names():
    assert set(TASKS) == set(NAMES)
    for task in TASKS.values():
        assert set(task.gist) <= set(task.numbers) and task.learned[0] in task.numbers


def test_who_knows_all_objects_scores_one_in_masks_and_boxes():
    found = score(Knows(), INSTANCE, SAMPLES, CLASSES, 96, start_machine("cpu"))
    assert found.scores["mask_ap"] == found.scores["box_ap"] == found.scores["mask_ap75"] == pytest.approx(1)
    assert found.scores["images"] == 9 and found.scores["task"] == "instance"
    assert list(found.scores["ap"]) == list(CLASSES[1:])
    assert len(found.examples) == EXAMPLES and found.examples[2][0].image.equal(SAMPLES[2].image)
    text = json.dumps(found.scores, allow_nan=False)
    assert json.loads(text) == found.scores


def test_boxes_alone_are_judged_as_boxes():
    found = score(Knows(masks=False), DETECTION, SAMPLES, CLASSES, 96, start_machine("cpu")).scores
    assert found["box_ap"] == pytest.approx(1) and not any(name.startswith("mask") for name in found)
    assert DETECTION.table(found).splitlines()[1].split() == ["box", "AP", "1.0000"]


def test_what_is_missed_costs_as_the_metric_says():
    found = score(Knows(miss=1), INSTANCE, SAMPLES, CLASSES, 96, start_machine("cpu")).scores
    metric, model = DetectionScores("mask"), Knows(miss=1)
    for index in range(9):
        metric.update(model.predict([None])[0], SAMPLES[index].instances)
    expected = metric.compute()
    assert found["mask_ap"] == expected["ap"] < 1
    assert found["mask_ar100"] == expected["ar100"]
    for label, value in expected["class_ap"].items():
        assert found["ap"][CLASSES[label]] == value


def test_a_sequence_is_judged_by_what_it_draws_and_counts():
    found = score(Knows(), SEQUENCE, SAMPLES, CLASSES, 96, start_machine("cpu")).scores
    assert (found["count_exact"], found["abs_dic"], found["dic"]) == (1, 0, 0)
    assert found["best_iou"] == found["sbd"] == found["by_step"]["1"] == 1
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    last = SEQUENCE.table(found).splitlines()[-1]
    assert last.split()[:-1] == ["best", "IoU", "of", "step", str(len(found["by_step"]))]
    fewer = score(Knows(miss=1), SEQUENCE, SAMPLES, CLASSES, 96, start_machine("cpu")).scores
    assert fewer["count_exact"] == 0 and fewer["abs_dic"] == -fewer["dic"] == 1 and fewer["best_iou"] < 1


def test_a_class_that_no_image_has_is_null_and_left_out_of_the_table():
    found = score(Knows(), INSTANCE, SAMPLES, CLASSES, 96, start_machine("cpu"), count=1).scores
    there = {CLASSES[label] for label in SAMPLES[0].instances.labels[~SAMPLES[0].instances.is_crowd].tolist()}
    assert {name for name, value in found["ap"].items() if value is not None} == there
    table = INSTANCE.table(found)
    assert table.splitlines()[0] == "1 image"
    assert all((f"mask AP {name}" in table) == (name in there) for name in CLASSES[1:9])
    assert "–" in table  # of no large object there is no AP


def test_metrics_of_two_halves_joined_are_those_of_all():
    """As two processes count: the first half, then the second."""
    model, halves = Knows(miss=1), []
    for indices in (range(5), range(5, 9)):
        metrics = INSTANCE.metrics(len(CLASSES))
        for index in indices:
            INSTANCE.count(metrics, model.predict([None])[0], SAMPLES[index])
        halves.append(metrics)
    for one, other in zip(*halves, strict=True):
        one.merge(other)
    expected = score(Knows(miss=1), INSTANCE, SAMPLES, CLASSES, 96, start_machine("cpu")).scores
    assert INSTANCE.scores(halves[0], CLASSES, 9) == expected


def test_the_gist_says_what_is_not_known():
    scores = dict.fromkeys(SEMANTIC.numbers, None) | {"miou": 0.25, "iou": {}, "images": 3}
    assert SEMANTIC.in_one_line(scores) == "mIoU 0.250  pixel accuracy –  boundary F –"
