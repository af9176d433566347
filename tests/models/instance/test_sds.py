"""SDS: what a region stands for and what the network sees of it, by hand; the model's steps, stages and masks."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from lessons_lib.data.sample import Instances, Sample, collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance import sds_proposer
from lessons_lib.models.instance.sds import best_regions, sds, sds_model
from lessons_lib.models.instance.sds_config import TINY_SDS, SDSConfig
from lessons_lib.models.instance.sds_proposer import Proposer
from lessons_lib.models.instance.sds_regions import (
    label_segments,
    masks_of_regions,
    padded_masks,
    rectangles,
    two_crops,
    with_context,
)
from lessons_lib.models.instance.truth import pad_truth
from lessons_lib.models.semantic.hypercolumns import upsample
from lessons_lib.ops.masks import pairwise_mask_iou
from lessons_lib.ops.matching import IGNORED, NEGATIVE, POSITIVE
from lessons_lib.ops.segments import Segments

SMALL = replace(TINY_SDS, proposals=30, regions=8, crop=16, width=16, hidden=8)


def model_of(**change):
    torch.manual_seed(0)
    return sds_model(4, "tiny", replace(SMALL, **change))


def sample(*boxes, size=48, crowd=None):
    """An image with bright rectangles for objects, all of class 1."""
    image = torch.rand(3, size, size, generator=torch.Generator().manual_seed(0)) / 10
    masks = torch.zeros(len(boxes), size, size, dtype=torch.bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
        image[:, y0:y1, x0:x1] += 0.6
    corners = torch.tensor(boxes, dtype=torch.float32).view(-1, 4)
    labels = torch.ones(len(boxes), dtype=torch.int64)
    objects = Instances(corners, labels, masks, None, None if crowd is None else torch.tensor(crowd))
    return Sample(image, torch.zeros(size, size, dtype=torch.int64), objects)


def many(count):
    """Objects one pixel apart, in rows."""
    return sample(*((6 * (n % 8), 6 * (n // 8), 6 * (n % 8) + 5, 6 * (n // 8) + 5) for n in range(count)))


def learn(model, batch):
    losses = model(batch)
    sum(losses.values()).backward()
    assert all(loss.isfinite() for loss in losses.values())
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    return losses


@pytest.mark.parametrize(
    "change",
    [{}, {"pathways": "box"}, {"pathways": "region"}, {"refine": False}, {"rectangles": True},
     {"pathways": "region", "refine": False}, {"rectangles": True, "refine": False}],
)  # fmt: skip
def test_every_kind_makes_a_step_and_predicts(change):
    model, batch = model_of(least_confidence=0.0, **change), collate([sample([5, 5, 20, 30]), sample()])
    assert list(learn(model, batch)) == ["classification", "mask"][: 1 + model.config.refine]
    found = model.predict([batch.images[0], batch.images[1, :, :30]])
    assert [objects.masks.shape[1:] for objects in found] == [(48, 48), (30, 48)] and len(found[0]) and model.training
    if change.get("rectangles") and not model.config.refine:
        torch.testing.assert_close(found[0].masks, rectangles(found[0].boxes, (48, 48)))


@pytest.mark.parametrize("counts", [(0, 0), (0, 1), (1, 1), (0, 50)])
def test_any_number_of_objects(counts):
    model = model_of()
    losses = learn(model, collate([many(count) for count in counts]))
    assert (losses["mask"] == 0) == (sum(counts) == 0)


def test_an_image_that_is_all_one_colour_has_no_proposals():
    model, plain = model_of(), sample()
    plain = Sample(torch.full_like(plain.image, 0.5), plain.label_map, plain.instances)
    assert learn(model, collate([plain]))["classification"] == 0  # no object, no segment: nothing to learn from
    (found,) = model.predict([plain.image])
    assert len(found) == 0 and found.masks.shape == (0, 48, 48)


def test_boxes_alone_are_too_little():
    batch = collate([sample([5, 5, 20, 30])])
    object.__setattr__(batch, "instances", [Instances(batch.instances[0].boxes, batch.instances[0].labels, None)])
    with pytest.raises(ValueError, match="image 0 of the batch: objects must have masks to learn from"):
        model_of()(batch)


def three_segments():
    """The left side of 4 × 6 pixels, half of it, and the right side; objects: the left side, a crowd at the right."""
    label_map = torch.tensor([[0, 0, 0, 2, 2, 2]] * 2 + [[1, 1, 1, 2, 2, 2]] * 2)
    segments = Segments(label_map, torch.tensor([[True, True, False], [True, False, False], [False, False, True]]))
    masks = torch.stack([label_map < 2, label_map == 2])
    objects = Instances(
        torch.tensor([[0.0, 0, 3, 4], [3, 0, 6, 4]]), torch.tensor([3, 1]), masks, None, torch.tensor([False, True])
    )
    return segments, objects


def test_what_a_segment_stands_for_by_hand():
    """First the objects themselves; the whole left side is one, half of it (IoU 0.5) too; the crowd is neither."""
    segments, objects = three_segments()
    config = replace(SMALL, proposals=4)
    masks = padded_masks([objects.masks], (4, 6), 2)
    regions, found = label_segments([segments], pad_truth([objects]), masks, config)
    assert found.tolist() == [[POSITIVE, IGNORED, POSITIVE, POSITIVE, IGNORED, IGNORED]]
    assert regions.labels[0, :4].tolist() == [3, 0, 3, 3] and regions.valid.tolist() == [
        [True, False, *[True] * 3, False]
    ]
    assert regions.matched[0, 2:4].tolist() == [0, 0]
    _, strict = label_segments([segments], pad_truth([objects]), masks, replace(config, region_iou=0.51))
    assert strict[0, 3] == NEGATIVE


def test_with_rectangles_the_boxes_decide():
    """An L has the box of the square that it lies in."""
    label_map = torch.tensor([[0, 1, 1, 1]] * 3 + [[0, 0, 0, 0]])
    segments = Segments(label_map, torch.tensor([[True, False]]))
    objects = Instances(torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([2]), torch.ones(1, 4, 4, dtype=torch.bool))
    for whole, label in ((True, POSITIVE), (False, NEGATIVE)):
        config = replace(SMALL, proposals=1, rectangles=whole)
        _, found = label_segments([segments], pad_truth([objects]), objects.masks[None], config)
        assert found[0, 1] == label


@pytest.mark.parametrize("whole", [False, True])
def test_masks_of_the_chosen_regions(whole):
    segments, objects = three_segments()
    config = replace(SMALL, proposals=4, rectangles=whole)
    masks = padded_masks([objects.masks], (5, 7), 2)  # the batch is larger than the image
    regions, _ = label_segments([segments], pad_truth([objects]), masks, config)
    chosen = torch.tensor([[3, 0, 2, 4]])
    boxes = regions.boxes.gather(1, chosen[..., None].expand(-1, -1, 4))
    found = masks_of_regions([segments], masks, chosen, boxes, config)[0, :, :4, :6]
    drawn = torch.cat([objects.masks, segments.masks])
    assert torch.equal(found, drawn[chosen[0]])  # these three are rectangles
    assert masks_of_regions([segments], masks, chosen, boxes, config).flatten(2).sum(2).tolist() == [[6, 12, 12, 12]]


def test_the_share_of_context():
    """16 of 227 pixels on each side, so the box fills 195 of them."""
    window = with_context(torch.tensor([[10.0, 20, 205, 215]]), SDSConfig())
    torch.testing.assert_close(window, torch.tensor([[-6.0, 4, 221, 231]]))


def test_the_region_crop_has_the_mean_where_the_region_is_not():
    config = replace(SMALL, crop=8, context=0.0)
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    mean = torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    mask[..., 2:5, 3:7] = True
    box, region, share = two_crops(image, torch.tensor([[[0.0, 0, 8, 8]]]), mask, mean, config)
    torch.testing.assert_close(box[0], image)  # a window of the crop's size changes nothing
    torch.testing.assert_close(share, mask.float()[:, :1].squeeze(2))
    torch.testing.assert_close(region[0], torch.where(mask, image, mean))


def test_beyond_the_image_there_is_the_mean_in_both_crops():
    mean = torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)
    window, mask = torch.tensor([[[-20.0, 0, 0, 8]]]), torch.ones(1, 1, 8, 8, dtype=torch.bool)
    box, region, _ = two_crops(torch.rand(1, 3, 8, 8), window, mask, mean, replace(SMALL, crop=8, context=0.0))
    torch.testing.assert_close(box[0, 0, :, :, :6], mean.expand(3, 8, 6))
    torch.testing.assert_close(region[0, 0, :, :, :6], mean.expand(3, 8, 6))


def test_a_fresh_hypercolumn_draws_nearly_the_region_itself():
    """The region's own mask, and the columns' logits of fresh weights beside it."""
    model = model_of(trust=20.0)
    share = torch.zeros(1, 16, 16)
    share[:, 4:12, 2:14] = 1
    seen = model.backbone(torch.rand(1, 3, 16, 16))
    drawn = model.draw(seen, share, torch.tensor([2])).sigmoid() > 0.5
    assert torch.equal(drawn, F.avg_pool2d(share, 2) > 0.5)


def test_the_columns_of_the_regions_class_draw_it():
    model = model_of()
    seen, share = model.backbone(torch.rand(2, 3, 16, 16)), torch.rand(2, 16, 16)
    every = model.columns.classify(seen, (8, 8), 2)
    drawn = model.draw(seen, share, torch.tensor([3, 1]))
    prior = model.trust * (2 * F.avg_pool2d(share, 2) - 1)
    torch.testing.assert_close(drawn, torch.stack([every[0, 3], every[1, 1]]) + prior)


def test_columns_at_every_second_pixel_are_the_mean_of_neighbours_for_a_linear_map():
    """Between two pixels bilinear interpolation of the scores is linear, inside the outermost cells."""
    columns = model_of().columns
    maps = columns.backbone(torch.rand(1, 3, 64, 64))
    grids = columns.backbone.grids
    full, half = (upsample(maps["c1"], grids["c1"], (64 // s, 64 // s), s) for s in (1, 2))
    torch.testing.assert_close(half[..., 1:-1, 1:-1], F.avg_pool2d(full, 2)[..., 1:-1, 1:-1], rtol=1e-4, atol=1e-5)


def test_best_regions_by_hand():
    """The second region is suppressed as class 1 and stays as class 2; the background never speaks."""
    probs = torch.tensor([[0.1, 0.8, 0.1], [0.1, 0.5, 0.4], [0.97, 0.02, 0.01]])
    iou = torch.tensor([[1.0, 0.6, 0], [0.6, 1, 0], [0, 0, 1]])
    config = replace(SMALL, least_confidence=0.2, nms=0.3)
    which, labels, scores = best_regions(probs, iou, config)
    assert (which.tolist(), labels.tolist()) == ([0, 1], [1, 2]) and scores.tolist() == pytest.approx([0.8, 0.4])
    assert len(best_regions(probs, iou, replace(config, most=1))[0]) == 1


def test_stages_hang_together():
    model = model_of(least_confidence=0.0, most=9).eval()
    image = draw_scenes([3], PRESETS["clear"])[0].image
    with torch.inference_mode():
        seen = dict(model.stages(image))
    names = ["image", "proposals", "crops", "scores", "regions", "refined", "detections"]
    assert list(seen) == names
    proposals, crops, regions = seen["proposals"], seen["crops"], seen["regions"]
    count = len(proposals["segments"])
    assert count == 30 == len(proposals["boxes"]) == len(crops["box"]) == len(seen["scores"]["probs"])
    assert torch.equal(proposals["masks"], proposals["segments"].masks)
    assert torch.equal(regions["instances"].masks, proposals["masks"][regions["proposal"]])
    iou = pairwise_mask_iou(regions["instances"].masks, regions["instances"].masks)
    same = regions["instances"].labels[:, None] == regions["instances"].labels
    assert (iou * same).fill_diagonal_(0).max() <= model.config.nms
    assert len(seen["refined"]["probs"]) == len(regions["proposal"]) == 9
    assert set(seen["detections"]["proposal"].tolist()) <= set(regions["proposal"].tolist())
    (found,), (both,) = model.predict([image]), model.predict_with_proposals([image], 20)
    assert torch.equal(found.masks, both[0].masks) and torch.equal(both[1], proposals["boxes"][:20])


def test_no_shape_depends_on_the_data():
    """Images with 0, 1 and 3 objects of a batch of three: whatever the labels, the network sees crops of one shape."""
    seen, model = [], model_of()
    model.backbone.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape))
    for boxes in ([], [[5, 5, 20, 30]], [[5, 5, 20, 30], [30, 5, 40, 20], [10, 36, 40, 44]]):
        model(collate([sample(*boxes), sample(*boxes)]))
    assert set(seen) == {torch.Size([16, 3, 16, 16])}


def test_dice_alone_decide_which_regions_are_drawn():
    def dice(seed):
        generator = torch.Generator().manual_seed(seed)
        return lambda *shape, device: torch.rand(*shape, generator=generator, device=device)

    model, batch = model_of(), collate([many(9), many(4)])
    losses = [model.learn(batch, dice(seed))["classification"] for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_an_image_that_was_predicted_can_be_learned():
    """What is remembered was made without gradients, in inference mode."""
    model, batch = model_of(), collate([sample([5, 5, 20, 30])])
    model.predict(list(batch.images))
    learn(model, batch)


def test_the_proposer_remembers_images_and_not_too_many(monkeypatch):
    made = []
    right = sds_proposer.segment_proposals
    monkeypatch.setattr(sds_proposer, "segment_proposals", lambda *x: made.append(1) or right(*x))
    monkeypatch.setattr(sds_proposer, "REMEMBERED", 2)
    images = [torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(n)) for n in range(3)]
    propose = Proposer(SMALL)
    first = [propose(image) for image in images]
    again = [propose(image) for image in reversed(images)]  # the first image is forgotten, and computed anew
    assert len(made) == 4
    for one, other in zip(first, reversed(again), strict=True):
        assert torch.equal(one.masks, other.masks)
    assert propose(images[0].view(3, 8, 32)).label_map.shape == (8, 32)  # the same pixels, another image


def test_options():
    model = sds(3, rectangles=True, pathways="box", refine=False)
    assert (model.config.rectangles, model.config.pathways, model.config.refine) == (True, "box", False)
    assert model.expected_losses()["classification"] == pytest.approx(1.0986, abs=1e-4)
