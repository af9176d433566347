"""Every option of every verb has a value that changes something which one can see, or is refused; none does nothing."""

import contextlib
import hashlib
import io
import json

import pytest
from accelerate.state import AcceleratorState, PartialState
from torch.utils.data import DataLoader
from torchvision.utils import save_image

from lessons_lib import __main__ as command
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models import zoo
from lessons_lib.models.zoo import MODELS, Entry
from lessons_lib.scoreboard.pace import Pace
from lessons_lib.training import train as train_module
from lessons_lib.training.checkpoint import open_checkpoint
from lessons_lib.training.journal import read_journal
from tests.tiny_model import TinyModel

TRAIN = {"model": "tiny", "--size": "32", "--batch": "2", "--steps": "2", "--device": "cpu", "--out": "run"}
EVALUATE = {"run_folder": "run", "--count": "2", "--device": "cpu"}

# (verb, option) → what is given: its value, where None is a flag, and what else it needs. What comes of it must differ
# from what the same words give without it. A single dash before a name leaves that option out.
CHANGES = {
    ("train", "model"): {"model": "tiny_wide"},
    ("train", "--recipe"): {"--recipe": "small", "-model": "", "-size": "", "-batch": "", "-steps": ""},
    ("train", "--overfit"): {"--overfit": "1", "-out": ""},
    ("train", "--option"): {"--option": "width=3"},
    ("train", "--data"): {"--data": "voc2012"},
    ("train", "--root"): {"--root": "."},
    ("train", "--split"): {"--split": "val"},
    ("train", "--preset"): {"--preset": "context"},
    ("train", "--count"): {"--count": "1"},
    ("train", "--size"): {"--size": "48"},
    ("train", "--augment"): {"--augment": "full"},
    ("train", "--backbone"): {"--backbone": "resnet18"},
    ("train", "--pretrained"): {"--pretrained": None},
    ("train", "--from"): {"--from": "nowhere"},
    ("train", "--steps"): {"--steps": "3"},
    ("train", "--batch"): {"--batch": "1"},
    ("train", "--lr"): {"--lr": "0.1"},
    ("train", "--schedule"): {"--schedule": "warm-up-cosine"},
    ("train", "--weight-decay"): {"--weight-decay": "1.0"},
    ("train", "--clip"): {"--clip": "0.000001"},
    ("train", "--seed"): {"--seed": "1"},
    ("train", "--precision"): {"--precision": "bf16"},
    ("train", "--device"): {"--device": "tpu"},
    ("train", "--workers"): {"--workers": "1"},
    ("train", "--on-error"): {"--on-error": "skip"},
    ("train", "--out"): {"--out": "elsewhere"},
    ("train", "--save-every"): {"--save-every": "1"},
    ("train", "--recorded"): {"--recorded": None},
    ("train", "--resume"): {"--resume": None},
    ("evaluate", "run_folder"): {"run_folder": "nowhere"},
    ("evaluate", "--data"): {"--data": "voc2012"},
    ("evaluate", "--root"): {"--root": "."},
    ("evaluate", "--split"): {"--split": "train"},
    ("evaluate", "--preset"): {"--preset": "context"},
    ("evaluate", "--size"): {"--size": "48"},
    ("evaluate", "--count"): {"--count": "3"},
    ("evaluate", "--device"): {"--device": "tpu"},
    ("evaluate", "--on-error"): {"--on-error": "skip"},
    ("evaluate", "--out"): {"--out": "elsewhere"},
    ("predict", "images"): {"images": "other.png"},
    ("predict", "--weights"): {"--weights": "fcn8s"},
    ("predict", "--run"): {"--run": "nowhere", "-weights": ""},
    ("predict", "--confidence"): {"--confidence": "0.01"},
    ("predict", "--conventions"): {"--conventions": "torchvision"},
    ("predict", "--size"): {"--size": "64"},
    ("predict", "--tiles"): {"--tiles": None},
    ("predict", "--on-error"): {"--on-error": "skip", "images": "broken.png"},
    ("predict", "--device"): {"--device": "tpu"},
    ("predict", "--out"): {"--out": "elsewhere"},
    ("data", "folder"): {"folder": "nowhere"},
    ("data", "--data"): {"--data": "voc2012"},
    ("data", "--on-error"): {"--on-error": "raise"},
    ("data", "--out"): {"--out": "elsewhere.png"},
    ("lab", "--no-browser"): {"--no-browser": None},
    ("lab", "--port"): {"--port": "9999"},
    ("reset", "lesson"): {"lesson": "no such lesson"},
    ("check", "folder"): {"folder": "nowhere"},
    ("check", "--pages"): {"--pages": "elsewhere"},
    ("check", "--minutes"): {"--minutes": "1"},
    ("check", "--memory"): {"--memory": "1"},
    ("scoreboard", "--data"): {"--data": "voc2012"},
    ("scoreboard", "--root"): {"--root": "."},
    ("scoreboard", "--budget"): {"--budget": "3"},
    ("scoreboard", "--only"): {"--only": "faster_rcnn_c4"},
    ("scoreboard", "--seeds"): {"--seeds": "1"},
    ("scoreboard", "--backbone"): {"--backbone": "resnet18"},
    ("scoreboard", "--size"): {"--size": "48"},
    ("scoreboard", "--count"): {"--count": "3"},
    ("scoreboard", "--unseen"): {"--unseen": "3"},
    ("scoreboard", "--device"): {"--device": "tpu"},
    ("scoreboard", "--work"): {"--work": "elsewhere"},
    ("scoreboard", "--out"): {"--out": "elsewhere.json"},
    ("scoreboard", "--verify"): {"--verify": None},
}
SCOREBOARD = {
    "--only": "faster_rcnn_fpn", "--budget": "2", "--seeds": "0", "--size": "32", "--count": "2", "--unseen": "2",
    "--device": "cpu", "--work": "work", "--out": "out.json",
}  # fmt: skip
PREDICT = {"images": "scene.png", "--weights": "faster_rcnn", "--device": "cpu"}
BASE = {
    "train": TRAIN,
    "evaluate": EVALUATE,
    "predict": PREDICT,
    "data": {"folder": "labelled"},
    "lab": {},
    "reset": {"lesson": "0"},
    "check": {"folder": "."},
    "scoreboard": SCOREBOARD,
}
VERBS = next(action.choices for action in command.parser()._actions if action.dest == "==SUPPRESS==" or action.choices)


def options_of(parser) -> set[str]:
    return {(action.option_strings or [action.dest])[-1] for action in parser._actions if action.dest != "help"}


def test_no_option_is_left_out():
    there = {(verb, option) for verb, parser in VERBS.items() for option in options_of(parser)}
    assert there == set(CHANGES)


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """Runs a command in a folder of its own; gives all that one can see of it: words, files, weights, losses."""
    monkeypatch.setattr(train_module, "UNSEEN", 2)
    monkeypatch.setitem(MODELS, "tiny", Entry("semantic", build_tiny))
    monkeypatch.setitem(MODELS, "tiny_wide", Entry("semantic", lambda classes, backbone: TinyModel(classes, width=9)))
    monkeypatch.setattr("lessons_lib.course.launch.lab", lambda **words: print(words) or 0)
    monkeypatch.setattr("lessons_lib.course.teachers.submissions.check_folder", lambda *words: print(words) or [])
    monkeypatch.setattr("lessons_lib.training.sampling.DataLoader", WatchedLoader)
    monkeypatch.setattr("lessons_lib.scoreboard.make.measured_pace", lambda *_: (Pace(1.0, 0.0), 2))
    small_recipe(monkeypatch)

    def see(verb: str, words: dict[str, str | None], folder: str, before: dict | None = None) -> dict:
        home = tmp_path / folder
        home.mkdir()
        (home / "empty").mkdir()
        if verb == "predict":
            for name, sample in zip(("scene", "other"), draw_scenes([0, 1], PRESETS["clear"], seed=1), strict=True):
                save_image(sample.image, home / f"{name}.png")
        if verb == "data":  # two images with masks, one of which is damaged
            for number, scene in enumerate(draw_scenes([0, 1], PRESETS["clear"], seed=1)):
                for part in ("images", "masks"):
                    (home / "labelled" / part).mkdir(parents=True, exist_ok=True)
                save_image(scene.image, home / "labelled" / "images" / f"{number}.png")
                save_image(scene.label_map[None] / 255, home / "labelled" / "masks" / f"{number}.png")
            (home / "labelled" / "images" / "1.png").write_bytes(b"")
        monkeypatch.chdir(home)
        if before is not None:
            run(["train", *words_of(before)])
        status, said = run([verb, *words_of(words)])
        files = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
        weights = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(home.rglob("[!c]*.safetensors"))]
        for path in sorted(home.rglob("checkpoint.safetensors")):
            tensors = open_checkpoint(path).tensors
            weights.append({name: hashlib.sha256(t.numpy().tobytes()).hexdigest() for name, t in tensors.items()})
        losses = [line["losses"] for path in home.rglob("metrics.jsonl") for line in read_journal(path)]
        losses += [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(home.rglob("*_*.*"))]
        scores = [json.loads(path.read_text("utf-8")) for path in sorted(home.rglob("scores.json"))]
        said = said.replace(str(home), "HOME")
        return {"status": status, "said": said, "files": files, "weights": weights, "losses": losses, "scores": scores}

    yield see
    AcceleratorState._reset_state()
    PartialState._reset_state()


def build_tiny(classes, backbone, *, width=8):
    model = TinyModel(classes, width=width)
    model.backbone = zoo.make_backbone("resnet18") if backbone == "resnet18" else None
    return model


class WatchedLoader(DataLoader):
    """torch's loader, which says how many workers it has: what they do is the same as without them."""

    def __init__(self, *args, num_workers=0, **words):
        print(f"{num_workers} workers")
        words["persistent_workers"] = False
        super().__init__(*args, **words)


def small_recipe(monkeypatch):
    from lessons_lib.shipped import recipes, scores
    from lessons_lib.training.settings import Settings

    settings = Settings("tiny", steps=2, batch=2, size=32, count=4, recipe="small")
    monkeypatch.setitem(recipes.RECIPES, "small", recipes.Recipe(settings, ("easy",), trunk=False))
    monkeypatch.setattr(scores, "JUDGED_ON", 2)


def words_of(options: dict[str, str | None]) -> list[str]:
    """Positional values first; a flag has no value."""
    first = [value for name, value in options.items() if not name.startswith("-")]
    return first + [w for name, value in options.items() if name.startswith("--") for w in (name, value) if w]


def run(words: list[str]) -> tuple[int, str]:
    AcceleratorState._reset_state()
    PartialState._reset_state()
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = command.main(words)
        except SystemExit as stopped:
            status = stopped.code
    return status, said.getvalue()


@pytest.mark.parametrize(("verb", "option"), CHANGES)
def test_the_option_changes_something_or_is_refused(verb, option, seen):
    given, base = CHANGES[verb, option], BASE[verb]
    dropped = {f"--{name[1:]}" for name in given if name[0] == "-" and name[1] != "-"} | {
        name[1:] for name in given if name[0] == "-" and name[1] != "-"
    }
    changed = {name: value for name, value in (base | given).items() if name not in dropped and value != ""}
    before = TRAIN if verb == "evaluate" or option == "--resume" else None
    first, second = seen(verb, base, "without", before), seen(verb, changed, "with", before)
    assert first != second, first
    if verb in ("train", "evaluate", "scoreboard") and option != "--resume":
        assert first["status"] == 0, first["said"]  # the words without the option are right
    if second["status"] not in (0, first["status"]):
        assert "error:" in second["said"] or "usage:" in second["said"] or "NOT learned" in second["said"]


def test_the_same_words_twice_show_the_same(seen):
    """The control: what differs above is the option's doing."""
    assert seen("train", TRAIN, "one") == seen("train", TRAIN, "two")
    assert seen("evaluate", EVALUATE, "three", TRAIN) == seen("evaluate", EVALUATE, "four", TRAIN)
