"""The shipped checkpoints: small, whole, loadable, as good as their JSON says, and made by a command that goes on."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from accelerate.state import AcceleratorState, PartialState
from safetensors.torch import load_file
from torch import nn

from lessons_lib.__main__ import main
from lessons_lib.data.scenes import CLASSES, SceneConfig
from lessons_lib.models.backbones import TinyBackbone
from lessons_lib.models.zoo import build_model
from lessons_lib.shipped import FOLDER, load_checkpoint, make, recipes, scores, shipped
from lessons_lib.shipped.scores import scene_scores
from lessons_lib.shipped.trunk import TrunkClassifier
from lessons_lib.training import train
from lessons_lib.training.run import Run

NAMES = ("trunk", *recipes.RECIPES)


def fresh(name):
    if name == "trunk":
        return TinyBackbone()
    return build_model(name, len(scores.classes_of(recipes.RECIPES[name].settings.preset)))


def test_what_is_shipped_is_what_the_recipes_make():
    assert shipped() == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_checkpoint_is_small_and_says_how_it_was_made(name):
    file = FOLDER / f"{name}.safetensors"
    assert file.stat().st_size <= 1_100_000
    assert {tensor.dtype for tensor in load_file(file).values()} == {torch.float16}
    model = fresh(name)
    notes = load_checkpoint(name, model)
    assert {"steps", "data", "seed", "device", "versions", "seconds", "size"} <= set(notes)
    assert notes["size"] >= (64 if name == "recurrent" else 96)
    assert notes["parameters"] == sum(p.numel() for p in model.parameters())
    stored = load_file(file)
    assert all(torch.equal(value, stored[key].float()) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_scores_are_those_of_the_notes(name, monkeypatch):
    """Fewer scenes than the notes speak of, so only about the same."""
    model = fresh(name)
    notes = load_checkpoint(name, model)
    kind = recipes.RECIPES[name].judged[-1]
    monkeypatch.setattr(scores, "JUDGED_ON", 40)
    found = scores.judge(model, name, kind)
    keys = [pair for pair in (("miou", "boundary_f"), ("box_ap", "box_ap50"), ("best_iou", "sbd")) if pair[0] in found]
    for key in keys[0]:
        assert found[key] == pytest.approx(notes["scores"][kind][key], abs=0.08)


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


@pytest.fixture
def small(monkeypatch, tmp_path):
    """The recipes at a scale of seconds; what is shipped goes to a folder of its own."""
    one = recipes.RECIPES["fcn8s"]
    settings = replace(one.settings, steps=3, batch=2, count=4, size=64)
    scaled = {name: replace(one, settings=replace(settings, model=name, recipe=name)) for name in ("fcn32s", "fcn8s")}
    scaled["pieces"] = replace(one, settings=replace(settings, model="pieces", recipe="pieces", preset="easy"))
    for module in (recipes, make):
        monkeypatch.setattr(module, "RECIPES", scaled)
        monkeypatch.setattr(module, "FOLDER", tmp_path / "shipped")
    monkeypatch.setattr(recipes, "TRUNK", recipes.TrunkRecipe(("easy",), steps=2, batch=4, scenes=4))
    monkeypatch.setattr(scores, "JUDGED_ON", 3)
    monkeypatch.setattr(train, "UNSEEN", 3)
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "trunk.safetensors").write_bytes((FOLDER / "trunk.safetensors").read_bytes())
    yield tmp_path
    AcceleratorState._reset_state()
    PartialState._reset_state()


@pytest.mark.parametrize("name", ["fcn8s", "pieces", "trunk"])
def test_a_recipe_makes_the_same_bytes_twice(name, small, monkeypatch):
    """Also when the second run is stopped after its second step and taken up again."""
    files = [small / run / f"{name}.safetensors" for run in ("one", "two")]
    command = ["train", "--recipe", name, "--seed", "5"]
    more = [] if name == "trunk" else ["--device", "cpu"]
    for file in files:
        torch.rand(3)  # what was drawn before does not matter
        assert main([*command, *more, "--out", str(file.parent)]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    notes = json.loads(files[0].with_suffix(".json").read_text("utf-8"))
    assert notes["seed"] == 5 and notes["settings"]["recipe"] == name
    if name != "trunk":
        assert set(notes["scores"]) == {"islands"} and notes["steps"] == 3
        assert main([*command[:-1], "6", *more, "--out", str(small / "three")]) == 0
        assert (small / "three" / f"{name}.safetensors").read_bytes() != files[0].read_bytes()


def test_a_recipe_begins_with_the_shipped_trunk(small):
    torch.manual_seed(0)
    model = build_model("fcn8s", len(CLASSES))
    recipes.begin_with_trunk(model)
    trunk = load_file(FOLDER / "trunk.safetensors")
    assert all(torch.equal(value, trunk[key].float()) for key, value in model.backbone.state_dict().items())
    recipes.begin_with_trunk(build_model("plain", len(CLASSES)))  # a network of its own begins as it is


def test_a_stopped_recipe_goes_on_to_the_same_bytes(small, monkeypatch):
    whole, stopped = small / "whole", small / "stopped"
    command = ["train", "--recipe", "fcn8s", "--device", "cpu", "--save-every", "1", "--out"]
    assert main([*command, str(whole)]) == 0
    save = Run.save

    def save_and_stop(run, step):
        save(run, step)
        if step == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save", save_and_stop)
        assert main([*command, str(stopped)]) == 130
    assert not (stopped / "fcn8s.safetensors").exists()
    assert main([*command, str(stopped), "--resume"]) == 0
    assert (whole / "fcn8s.safetensors").read_bytes() == (stopped / "fcn8s.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recipe", "fcn4s"], "recipe must be one of trunk, fcn32s, fcn8s, pieces, got 'fcn4s'"),
        (["fcn8s", "--recipe", "fcn8s"], "recipe must go without MODEL: it says all but --seed"),
        (["--recipe", "fcn8s", "--lr", "1"], "recipe must go without --lr: it says all but --seed"),
        (["--recipe", "fcn8s", "--overfit", "1"], "recipe must go without --overfit: it says all but --seed"),
        (["--recipe", "trunk", "--resume"], "recipe trunk must go with --seed and --out alone"),
    ],
)
def test_what_a_recipe_leaves_open_is_the_seed_alone(words, message, small, capsys):
    assert main(["train", *words]) == 1
    assert f"error: {message}" in capsys.readouterr().err


def test_the_command_makes_what_is_missing_and_nothing_twice(small):
    """Two models, two seeds; the second run trains only what was taken away."""
    command = ["--work", str(small / "work"), "--results", str(small / "results" / "s.json"), "--seeds", "0", "1"]
    assert make.main([*command, "--only", "fcn32s", "fcn8s"]) == 0
    made = {path: path.read_bytes() for path in (small / "work").rglob("*.safetensors")}
    assert len(made) == 1 + 4 * 2
    assert sorted(path.stem for path in (small / "shipped").glob("*.safetensors")) == ["fcn32s", "fcn8s", "trunk"]
    table = json.loads((small / "results" / "s.json").read_text("utf-8"))
    row = table["models"]["fcn8s"]["scores"]["islands"]["miou"]
    assert row["mean"] == sum(row["values"]) / 2 and len(row["values"]) == 2
    dates = {path: path.stat().st_mtime_ns for path in made}
    shutil.rmtree(small / "work" / "fcn8s_1")
    assert make.main([*command, "--only", "fcn32s", "fcn8s"]) == 0
    again = {path: path.read_bytes() for path in (small / "work").rglob("*.safetensors")}
    assert again == made
    anew = {path.parent.name for path in made if path.stat().st_mtime_ns != dates[path]}
    assert anew == {"fcn8s_1"}
