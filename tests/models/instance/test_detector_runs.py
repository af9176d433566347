"""A detector as a run: taken up again it ends where it would have, and its loss is the mean over its images."""

from dataclasses import replace

import pytest
import torch

from lessons_lib.data.sample import collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance.build import detector, usual_config
from lessons_lib.training import train as train_module
from lessons_lib.training.checkpoint import open_checkpoint
from lessons_lib.training.settings import Settings
from lessons_lib.training.train import train


@pytest.mark.parametrize("model", ["faster_rcnn", "mask_rcnn", "sds", "mnc", "fcis"])
def test_taken_up_again_it_ends_with_the_same_bits(tmp_path, model, monkeypatch):
    monkeypatch.setattr(train_module, "UNSEEN", 2)  # the scores do not matter here
    settings = Settings(model, preset="clear", count=8, steps=5, batch=2, schedule="constant")
    assert train(settings, tmp_path / "whole", device="cpu") is None
    assert train(replace(settings, steps=2), tmp_path / "parts", device="cpu") is None
    assert train(settings, tmp_path / "parts", device="cpu", resume=True) is None
    whole, parts = (open_checkpoint(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "parts"))
    assert whole.tensors.keys() == parts.tensors.keys()
    assert all(torch.equal(tensor, parts.tensors[name]) for name, tensor in whole.tensors.items())


def test_two_halves_of_a_batch_have_the_mean_loss_of_the_whole():
    """So two processes learn what one does where each image fills its seats and the dice fall alike on both sides."""
    config = replace(usual_config("tiny", "fpn"), divide_by="samples", regions=8, after_nms=(60, 60))
    torch.manual_seed(0)
    model, scenes = detector(11, "tiny", "fpn", config), draw_scenes([0, 3], PRESETS["clear"])

    def dice(first):
        """Each image has numbers of its own, whoever asks."""
        made = []

        def roll(images, count, device):
            made.append(count)
            rows = [torch.Generator().manual_seed(100 * len(made) + first + i) for i in range(images)]
            return torch.stack([torch.rand(2000, generator=row)[:count] for row in rows])

        return roll

    most = max(len(scene.instances) for scene in scenes)
    alone = [collate([scene]) for scene in scenes]
    assert most == min(len(scene.instances) for scene in scenes)  # so that the tables of truth are of one size
    whole = model.learn(collate(scenes), dice(0)).losses
    halves = [model.learn(batch, dice(i)).losses for i, batch in enumerate(alone)]
    for name, loss in whole.items():
        torch.testing.assert_close(loss, (halves[0][name] + halves[1][name]) / 2, rtol=1e-5, atol=1e-6)
