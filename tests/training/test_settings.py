"""The defaults of a run, written out once more: whoever changes one changes what every run without options does."""

from lessons_lib.training.settings import Settings

DEFAULTS = {
    **{"model": "fcn8s", "data": "scenes", "root": None, "split": "train", "preset": "easy", "count": None},
    **{"size": 96, "augment": "flip", "backbone": "tiny", "pretrained": False, "weights": None, "options": {}},
    **{"steps": 1000, "batch": 8, "lr": 1e-3, "schedule": "polynomial", "weight_decay": 0.01, "clip": None},
    **{"seed": 0, "precision": "fp32", "recipe": None},
}


def test_the_defaults():
    assert vars(Settings("fcn8s")) == DEFAULTS
