"""The shipped checkpoints: small, whole, loadable, as good as their JSON says, and made by a command that goes on."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from lessons_lib.data.scenes import CLASSES, SceneConfig
from lessons_lib.models.backbones import TinyBackbone
from lessons_lib.models.zoo import build_model
from lessons_lib.shipped import FOLDER, load_checkpoint, recipes, shipped
from lessons_lib.shipped.scores import scene_scores
from lessons_lib.shipped.trunk import TrunkClassifier

NAMES = ("trunk", *recipes.RECIPES)


def fresh(name):
    return TinyBackbone() if name == "trunk" else build_model(name, len(CLASSES))


def test_what_is_shipped_is_what_the_recipes_make():
    assert shipped() == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_checkpoint_is_small_and_says_how_it_was_made(name):
    file = FOLDER / f"{name}.safetensors"
    assert file.stat().st_size <= 1_000_000
    assert {tensor.dtype for tensor in load_file(file).values()} == {torch.float16}
    model = fresh(name)
    notes = load_checkpoint(name, model)
    assert {"steps", "data", "seed", "device", "versions", "seconds", "size"} <= set(notes)
    assert notes["size"] >= 128 and notes["parameters"] == sum(p.numel() for p in model.parameters())
    stored = load_file(file)
    assert all(torch.equal(value, stored[key].float()) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_scores_are_those_of_the_notes(name):
    """Fewer scenes than the notes speak of, so only about the same."""
    model = fresh(name)
    notes = load_checkpoint(name, model)
    kind = recipes.RECIPES[name].kinds[-1]
    scores = scene_scores(model, recipes.judged_config(kind), count=40)
    for key in ("miou", "boundary_f"):
        assert scores[key] == pytest.approx(notes["scores"][kind][key], abs=0.08)


def test_scores_of_a_model_that_is_always_right_and_of_one_that_sees_only_ground():
    config = SceneConfig(size=48, objects=(2, 4), void_border=False)
    from lessons_lib.data.scenes import draw_scenes
    from lessons_lib.shipped.scores import UNSEEN_SEED

    class Known(nn.Module):
        def __init__(self):
            super().__init__()
            self.answers = iter(draw_scenes(range(6), config, UNSEEN_SEED))

        def logits(self, images):
            maps = torch.stack([next(self.answers).label_map for _ in images])
            return nn.functional.one_hot(maps, len(CLASSES)).permute(0, 3, 1, 2).float()

    class Ground(nn.Module):
        def logits(self, images):
            scores = images.new_zeros(len(images), len(CLASSES), *images.shape[2:])
            scores[:, 0] = 1
            return scores

    right = scene_scores(Known(), config, count=6, batch=4)
    assert right["miou"] == right["boundary_f"] == right["pixel_accuracy"] == 1
    flat = scene_scores(Ground(), config, count=6, batch=4)
    assert flat["boundary_f"] == 0 and 0 < flat["miou"] < 0.2 and not flat["thin_recall"] > 0


def test_unknown_name_and_another_model():
    with pytest.raises(ValueError, match=r"name must be one of .*fcn8s.*, got 'fcn4s'"):
        load_checkpoint("fcn4s", TinyBackbone())
    with pytest.raises(ValueError, match=r"model must be the one that trunk was trained as"):
        load_checkpoint("trunk", TrunkClassifier(11))


def test_the_command_makes_what_is_missing_and_nothing_twice(tmp_path, monkeypatch):
    """At a scale of seconds: two models, two seeds; the second run trains only what was taken away."""
    small = recipes.Recipe(kinds=("islands",), steps=3, batch=2, scenes=4)
    monkeypatch.setattr(recipes, "RECIPES", {"fcn32s": small, "fcn8s": small})
    monkeypatch.setattr(recipes, "TRUNK", recipes.Recipe(kinds=("easy",), steps=2, batch=4, scenes=4))
    monkeypatch.setattr(recipes, "FOLDER", tmp_path / "shipped")
    monkeypatch.setattr(recipes, "PICTURES", 3)
    (tmp_path / "shipped").mkdir()
    command = ["--work", str(tmp_path / "work"), "--results", str(tmp_path / "results" / "s.json"), "--seeds", "0", "1"]
    assert recipes.main([*command, "--only", "fcn32s", "fcn8s"]) == 0
    made = {path: path.read_bytes() for path in (tmp_path / "work").iterdir()}
    assert len(made) == 2 * (1 + 4)
    assert sorted(path.stem for path in (tmp_path / "shipped").glob("*.safetensors")) == ["fcn32s", "fcn8s", "trunk"]
    table = json.loads((tmp_path / "results" / "s.json").read_text())
    row = table["models"]["fcn8s"]["scores"]["islands"]["miou"]
    assert row["mean"] == sum(row["values"]) / 2 and len(row["values"]) == 2
    (tmp_path / "work" / "fcn8s_1.safetensors").unlink()
    assert recipes.main([*command, "--only", "fcn32s", "fcn8s"]) == 0
    again = {path: path.read_bytes() for path in (tmp_path / "work").iterdir()}
    assert set(again) == set(made)
    assert [path.name for path in made if again[path] != made[path] and path.suffix == ".safetensors"] == []
