"""The shipped detector as a beginning: what systems on top of it take, and what stays fresh."""

import pytest
import torch

from lessons_lib.data.scenes import CLASSES
from lessons_lib.models.zoo import build_model
from lessons_lib.shipped import load_checkpoint
from lessons_lib.shipped.detector import load_detector

OWN = {"fcis": {"hidden", "predictor"}, "mnc": {"lateral", "top_down"}, "mask_rcnn": {"lateral", "top_down"}}


@pytest.mark.parametrize("name", OWN)
def test_everything_but_the_map_of_its_own_is_taken(name):
    shipped = build_model("faster_rcnn", len(CLASSES))
    load_checkpoint("faster_rcnn", shipped)
    known = shipped.state_dict()
    detector = build_model(name, len(CLASSES)).detector
    before = {key: value.clone() for key, value in detector.state_dict().items()}
    load_detector(detector)
    for key, value in detector.state_dict().items():
        if key.split(".")[2] in OWN[name]:
            assert torch.equal(value, before[key])
        else:
            assert torch.equal(value, known[key.replace("neck.inner.", "neck.").replace("neck.neck.", "neck.")])


@pytest.mark.parametrize("model", [build_model("faster_rcnn", 3), build_model("fcis", 11, "resnet18").detector])
def test_another_shape_is_refused(model):
    with pytest.raises(ValueError, match="detector must have the"):
        load_detector(model)
