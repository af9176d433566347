"""Objects whose boxes alone are known: moved as masks that fill their boxes would be, and no label map is learned."""

import json
from dataclasses import replace

import matplotlib.pyplot as plt
import pytest
import torch
from torchvision.transforms import v2

from lessons_lib.__main__ import main
from lessons_lib.course.labs.explorer import draw_crowds, smaller
from lessons_lib.data.crop import crop, random_square, resize_short_side
from lessons_lib.data.open import open_dataset, require_truth
from lessons_lib.data.sample import Instances, Sample, collate
from lessons_lib.data.statistics import count
from lessons_lib.data.transforms import FILL, RandomScale, training_transform, transform_sample
from tests.data.published import photo

BOXES = [[0, 0, 8, 8], [4, 2, 20, 30], [22, 10, 40, 24], [38, 28, 40, 32]]


def filled():
    """Four objects that fill their boxes, in an image of 32 × 40."""
    masks = torch.zeros(len(BOXES), 32, 40, dtype=torch.bool)
    for mask, (x0, y0, x1, y1) in zip(masks, BOXES, strict=True):
        mask[y0:y1, x0:x1] = True
    crowd = torch.tensor([False, True, False, False])
    instances = Instances(torch.tensor(BOXES).float(), torch.arange(1, 5), masks, is_crowd=crowd)
    return Sample(torch.rand(3, 32, 40), torch.full((32, 40), 255), instances)


def bare(sample):
    return replace(sample, instances=replace(sample.instances, masks=None))


@pytest.mark.parametrize(
    "change",
    [
        lambda sample: resize_short_side(sample, 64),
        lambda sample: resize_short_side(sample, 16),
        lambda sample: crop(sample, 4, 6, 20, 17),
        lambda sample: crop(sample, 0, 0, 32, 40),
        lambda sample: random_square(sample, torch.Generator().manual_seed(1), 32),
        lambda sample: transform_sample(sample, v2.RandomHorizontalFlip(1.0)),
        lambda sample: transform_sample(sample, RandomScale(2.0, 2.0)),
        lambda sample: transform_sample(sample, v2.RandomCrop(24)),
        lambda sample: transform_sample(sample, v2.RandomCrop(48, pad_if_needed=True, fill=FILL)),
        lambda sample: transform_sample(sample, training_transform(24, scales=(1.0, 1.0))),
    ],
)
def test_boxes_move_as_masks_that_fill_them(change):
    sample = filled()
    torch.manual_seed(3)
    want = change(sample).instances
    torch.manual_seed(3)
    got = change(bare(sample))
    assert got.instances.masks is None and got.image.shape[1:] == got.label_map.shape
    torch.testing.assert_close(got.instances.boxes, want.boxes)
    assert got.instances.labels.tolist() == want.labels.tolist()
    assert got.instances.is_crowd.tolist() == want.is_crowd.tolist()


def test_they_make_a_batch_and_statistics():
    sample = bare(filled())
    assert collate([sample, sample]).instances[1].masks is None
    assert count([sample], 5).areas.tolist() == [64, 252, 8]


def test_the_explorer_shows_them():
    sample = smaller(bare(filled()), longest=20)
    assert sample.instances.masks is None and sample.instances.boxes.tolist()[1] == [2, 1, 10, 15]
    figure, ax = plt.subplots()
    draw_crowds(ax, sample.instances)
    assert not ax.images
    plt.close(figure)


def boxes_alone(root):
    """A set of one image with one box, in COCO's layout."""
    for folder in ("annotations", "train2017"):
        (root / folder).mkdir(parents=True)
    (root / "train2017" / "a.png").write_bytes(photo(40, 40))
    record = {"images": [{"id": 1, "file_name": "a.png", "height": 40, "width": 40}]}
    record["annotations"] = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 9, 9]}]
    record["categories"] = [{"id": 1, "name": "dog"}]
    (root / "annotations" / "instances_train2017.json").write_text(json.dumps(record))
    return root


def test_what_a_set_lacks(tmp_path):
    samples = open_dataset("coco", boxes_alone(tmp_path / "set"), on_error="skip")
    require_truth(samples, "boxes")
    require_truth(open_dataset("scenes"), "label maps", "masks")
    for wanted in ("masks", "label maps"):
        with pytest.raises(ValueError, match=f"data must have {wanted} for this model, got none: it holds boxes and"):
            require_truth(samples, wanted)


def test_a_semantic_model_does_not_train_on_nothing(tmp_path, capsys):
    root = boxes_alone(tmp_path / "set")
    words = ["train", "plain_fcn", "--data", "coco", "--root", str(root), "--steps", "1", "--device", "cpu"]
    assert main([*words, "--out", str(tmp_path / "run")]) != 0
    assert "data must have label maps for this model, got none: it holds boxes and no masks" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
