"""Images of any size: resized as in training, brought back to their own pixels, or read in tiles."""

import pytest
import torch
from torch.nn import functional as F

from lessons_lib.data.sample import Instances
from lessons_lib.models.contract import InstanceModel
from lessons_lib.training.own_size import Seen, predict_resized, predict_tiles, seen_size
from tests.tiny_model import TinyModel


class FindsTheBright(InstanceModel):
    """One object: the pixels that are brighter than a half."""

    def detect(self, image):
        mask = image.mean(0) > 0.5
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        box = torch.tensor([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]]).float()
        return Instances(box, torch.tensor([1]), mask[None], torch.tensor([0.9]))


def test_the_size_that_is_seen_worked_by_hand():
    assert seen_size((96, 96), 96) == (96, 96)
    assert seen_size((3000, 4000), 96) == (96, 128)
    assert seen_size((48, 60), 96) == (96, 120)  # a small image grows, as in training
    assert seen_size((100, 5000), 96) == (8, 384)  # the longer side is at most 4 times 96
    assert seen_size((1, 4000), 96) == (1, 384)


def test_an_object_comes_back_in_the_image_s_own_pixels():
    image = torch.zeros(3, 400, 600)
    image[:, 100:200, 300:420] = 1
    seen = predict_resized(FindsTheBright(), image, 100)
    assert seen.how == "resized to 150 × 100 pixels" and seen.answer.masks.shape == (1, 100, 150)
    found = seen.at((400, 600))
    assert found.boxes.tolist() == [[300, 100, 420, 200]]
    wrong = (found.masks[0] != (image[0] > 0.5)).nonzero()
    corners = torch.tensor([[y, x] for y in (100, 199) for x in (300, 419)])
    assert 0 < len(wrong) <= 12 and all((corners - pixel).abs().sum(1).min() <= 1 for pixel in wrong)  # rounded off
    assert found.scores.tolist() == seen.answer.scores.tolist()
    assert len(seen.at((400, 600), slice(0, 0))) == 0 and seen.at((400, 600), slice(0, 0)).masks.shape == (0, 400, 600)


def test_at_its_own_size_nothing_changes():
    image = torch.rand(3, 40, 50)
    seen = predict_resized(FindsTheBright(), image, None)
    assert seen.how == "at its own size" and seen.at((40, 50)).masks.equal(FindsTheBright().detect(image).masks)


def test_boxes_alone_have_no_masks_at_any_size():
    boxes = Instances(torch.tensor([[1.0, 2, 3, 4]]), torch.tensor([1]), None, torch.tensor([1.0]))
    found = Seen(boxes, (20, 40), (10, 10), "").at((20, 40))
    assert found.masks is None and found.boxes.tolist() == [[4, 4, 12, 8]]


def test_a_label_map_is_that_of_the_enlarged_logits():
    torch.manual_seed(0)
    model, image = TinyModel(5), torch.rand(3, 90, 70)
    seen = predict_resized(model, image, 32)
    small = F.interpolate(image[None], (41, 32), mode="bilinear", antialias=True).clamp(0, 1)
    large = F.interpolate(model.eval().logits(small), (90, 70), mode="bilinear", align_corners=False)
    assert torch.equal(seen.answer, large.argmax(1)[0]) and seen.grid == (90, 70)
    assert torch.equal(seen.at((9, 7)), seen.answer[5::10, 5::10])
    assert predict_resized(model.train(), image, 32).answer.equal(seen.answer) and model.training


@pytest.mark.parametrize("size", [(64, 64), (100, 70), (33, 200), (20, 150), (5, 5), (128, 129)])
def test_tiles_are_the_whole_image_where_the_receptive_field_is_small(size):
    torch.manual_seed(0)
    model, image = TinyModel(5), torch.rand(3, *size)  # a field of 3 pixels: 1 beyond each border
    seen = predict_tiles(model, image, 32)
    assert torch.equal(seen.answer, model.predict([image])[0])
    assert seen.size == seen.grid == size and "32 × 32 pixels that overlap by 8" in seen.how
