"""Evaluation: scores of predictions that are known, the table, JSON, and what is refused."""

import json

import pytest
import torch

from lessons_lib.__main__ import main
from lessons_lib.data.scenes import CLASSES, PRESETS, Scenes
from lessons_lib.metrics.semantic import SemanticScores
from lessons_lib.training import train
from lessons_lib.training.machine import start_machine
from lessons_lib.training.scoring import score
from lessons_lib.training.tasks import SEMANTIC
from tests.tiny_model import TinyModel

SAMPLES = Scenes(PRESETS["easy"], 11, 3)


class Knows(torch.nn.Module):
    """Predicts the truth, with the first row of each picture taken for ground."""

    def predict(self, images):
        known = {sample.image.sum().item(): sample.label_map for sample in SAMPLES.__getitems__(list(range(11)))}
        answers = [known[image.sum().item()].clone() for image in images]
        for answer in answers:
            answer[0] = 0
            answer[answer == 255] = 4
        return answers


def test_scores_are_those_of_the_metric_over_all_pictures():
    scores = score(Knows(), SEMANTIC, SAMPLES, CLASSES, 96, start_machine("cpu")).scores
    expected = SemanticScores(len(CLASSES))
    for sample in SAMPLES.__getitems__(list(range(11))):
        expected.update(Knows().predict([sample.image])[0], sample.label_map)
    values = expected.compute()
    assert scores["images"] == 11
    assert scores["miou"] == float(values["miou"])
    assert list(scores["iou"]) == list(CLASSES)
    assert 0.9 < scores["miou"] < 1
    assert scores["boundary_f"] > 0.9


def test_count_and_size():
    sizes = []

    def predict(images):
        sizes.extend(tuple(image.shape) for image in images)
        return [torch.zeros(image.shape[1:], dtype=torch.int64) for image in images]

    model = TinyModel()
    model.predict = predict
    scores = score(model, SEMANTIC, SAMPLES, CLASSES, 40, start_machine("cpu"), count=3).scores
    assert (scores["images"], sizes) == (3, [(3, 40, 40)] * 3)


def test_what_was_not_there_is_null_in_json_and_left_out_of_the_table():
    model = TinyModel()
    model.predict = lambda images: [torch.zeros(image.shape[1:], dtype=torch.int64) for image in images]
    scores = score(model, SEMANTIC, SAMPLES, CLASSES, 96, start_machine("cpu"), count=1).scores
    here = set(SAMPLES[0].label_map.unique().tolist()) | {0}
    assert [value is None for value in scores["iou"].values()] == [label not in here for label in range(len(CLASSES))]
    absent = CLASSES[next(label for label in range(len(CLASSES)) if label not in here)]
    assert "NaN" not in json.dumps(scores, allow_nan=False)
    text = SEMANTIC.table(scores)
    assert f"IoU {absent}" not in text
    assert text.splitlines()[0] == "1 image"
    assert "mIoU" in text


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from lessons_lib.models.zoo import MODELS, Entry

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "tiny", Entry("semantic", lambda classes, backbone: TinyModel(classes)))
        folder = tmp_path_factory.mktemp("runs") / "run"
        patch.setattr(train, "UNSEEN", 20)
        words = ["train", "tiny", "--size", "32", "--batch", "2", "--steps", "2", "--device", "cpu"]
        assert main([*words, "--out", str(folder)]) == 0
    return folder


def test_the_command_answers_as_training_did(run, capsys):
    trained = json.loads((run / "scores.json").read_text("utf-8"))
    for where in (run, run / "checkpoint.safetensors"):
        assert main(["evaluate", str(where), "--count", "20", "--device", "cpu"]) == 0
        said = capsys.readouterr().out
        assert f"mIoU                {trained['miou']:.4f}" in said
        assert f"as JSON: {run / 'scores.json'}" in said
        assert json.loads((run / "scores.json").read_text("utf-8")) == trained


def test_other_scenes_and_sizes_on_request(run):
    assert main(["evaluate", str(run), "--count", "4", "--preset", "context", "--size", "48", "--device", "cpu"]) == 0
    scores = json.loads((run / "scores.json").read_text("utf-8"))
    assert scores["iou"]["duck"] is not None or scores["iou"]["hen"] is not None
    assert scores["images"] == 4


def test_the_count_is_at_least_one(run, capsys):
    assert main(["evaluate", str(run), "--count", "0", "--device", "cpu"]) == 1
    assert "error: count must be ≥ 1, got 0" in capsys.readouterr().err
