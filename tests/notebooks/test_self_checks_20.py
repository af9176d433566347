"""The numbers in lesson 20's folded answers, computed by other means than the sentences that state them."""

import json
import math

from lessons_lib.data.sets.coco import CocoSamples
from lessons_lib.models.zoo import build_model
from lessons_lib.training.own_size import tile_starts
from tests.notebooks.test_self_checks import answers


def test_lesson_20(tmp_path):
    found = answers("20")
    record = {"images": [], "annotations": [], "categories": [{"id": n, "name": str(n)} for n in (90, 3, 7)]}
    (tmp_path / "annotations").mkdir()
    (tmp_path / "val2017").mkdir()
    (tmp_path / "annotations" / "instances_val2017.json").write_text(json.dumps(record))
    classes = CocoSamples(tmp_path).classes
    head = build_model("faster_rcnn", len(classes)).box_head.predictor.classes
    assert f"Label {classes.index('7')}; four scores" in found[0] and head.out_features == 4
    assert f"ln 21 = {math.log(21):.2f}" in found[1]
    starts = tile_starts(1000, 256, 64)
    assert f"at {', '.join(map(str, starts[:-1]))} and {starts[-1]} = 1,000 − 256" in found[4] and len(starts) == 5
