"""MNC stage by stage: what its warping reads, what each stage adds, what is put out in the end."""

from dataclasses import replace

import pytest
import torch

from lessons_lib.models.instance.build import faster_rcnn, usual_config
from lessons_lib.models.instance.build_mnc import cascade, usual_cascade
from lessons_lib.models.instance.candidates import Candidates, candidates_after, voted
from lessons_lib.models.instance.regions import Regions
from lessons_lib.ops.grid import Grid
from lessons_lib.ops.roi import roi_warp
from lessons_lib.shipped.detector import load_detector
from tests.models.instance.test_mask_rcnn import scenes
from tests.models.instance.test_mnc import fresh


def test_the_box_pathway_is_faster_rcnns():
    """The tiny cascade's warped and averaged features are RoIAlign's with two samples a side: its weights fit."""
    model, other, image = fresh(classes=11), faster_rcnn(11), scenes(1).images
    inner = (model.features.backbone, model.features.neck.neck, model.detector.box_head)
    for own, theirs in zip(inner, (other.features.backbone, other.features.neck, other.box_head), strict=True):
        own.load_state_dict(theirs.state_dict())
    maps = other.features(image)
    boxes, valid = torch.tensor([[[10.0, 12, 50, 60], [-3, 30, 40, 99]]]), torch.ones(1, 2, dtype=torch.bool)
    regions = Regions(boxes, valid.long(), valid.long() * 0, valid)
    logits, deltas = other.box_head(other.read(maps, regions))
    look = model.look(model.features(image), boxes, valid)
    torch.testing.assert_close(look.box_logits, logits)
    torch.testing.assert_close(look.deltas, deltas)


def test_warping_is_the_papers_half_a_bin_further_on():
    """κ at the middle of each bin, cells where the grid says; roi_warp, the paper's, has its samples at the corners."""
    model, (maps, boxes) = fresh(), ({"p2": torch.rand(1, 48, 24, 24)}, torch.tensor([[[20.0, 18, 60, 70]]]))
    grid = model.features.grids["p2"]
    ours = model.warp(maps, boxes, torch.ones(1, 1, dtype=torch.bool))[0]
    half_a_bin = (boxes[..., 2:] - boxes[..., :2]) / 28
    shifted = boxes + torch.cat([half_a_bin, half_a_bin], -1) - (grid.start + 0.5)
    assert isinstance(grid, Grid)
    torch.testing.assert_close(ours, roi_warp(maps["p2"], [shifted[0]], 14, 1 / grid.stride))


def test_the_paper_pools_28_samples_to_14_by_their_maximum():
    config = replace(usual_cascade("tiny", "fpn"), samples=2, pool="max")
    torch.manual_seed(0)
    model = cascade(4, "tiny", "fpn", usual_config("tiny", "fpn"), config)
    maps, boxes, valid = (
        model.features(torch.rand(1, 3, 96, 96)),
        torch.tensor([[[9.0, 9, 50, 60]]]),
        torch.ones(1, 1) > 0,
    )
    plain = replace(config, samples=1, region_size=28)
    read = cascade(4, "tiny", "fpn", usual_config("tiny", "fpn"), plain).warp(maps, boxes, valid)
    torch.testing.assert_close(model.warp(maps, boxes, valid)[0], torch.nn.functional.max_pool2d(read[0], 2))


def test_stages_end_with_what_is_predicted():
    model, image = fresh(classes=11).eval(), scenes(1).images[0]
    with torch.inference_mode():
        seen = dict(model.stages(image))
    assert list(seen)[-7:] == ["proposals", "stage_2", "stage_3", "stage_4", "stage_5", "candidates", "detections"]
    count, together = len(seen["stage_2"]["boxes"]), seen["candidates"]["candidates"]
    assert together.masks.shape == (2 * count, 28, 28) and together.probs.shape == (2 * count, 11)
    assert torch.equal(together.boxes[count:], seen["stage_3"]["boxes"])
    objects, region = seen["detections"].values()
    assert torch.equal(objects.boxes, together.boxes[region])
    assert torch.equal(objects.scores, together.probs[region, objects.labels])
    (found,) = model.predict([image])
    assert torch.equal(found.masks, objects.masks) and len(found) > 0


def test_without_rivals_voting_changes_nothing_and_with_them_they_count():
    torch.manual_seed(0)
    probs, boxes = torch.rand(2, 28, 28), torch.tensor([[5.0, 5, 30, 30], [50, 50, 90, 80]])
    classes = torch.tensor([[0.1, 0.9, 0], [0.2, 0, 0.8]])
    config, detector = usual_cascade("tiny", "fpn"), usual_config("tiny", "fpn")
    apart = Candidates(boxes, probs, classes)
    with_votes, alone = (voted(apart, (96, 96), (96, 96), config, detector, v)[0] for v in (True, False))
    assert torch.equal(with_votes.masks, alone.masks) and with_votes.labels.tolist() == [1, 2]
    rival = Candidates(boxes[:1] + 1, torch.ones(1, 28, 28), torch.tensor([[0.2, 0.8, 0]]))
    found, region = voted(Candidates.all_of([apart, rival]), (96, 96), (96, 96), config, detector)
    assert region.tolist() == [0, 1] and found.masks[0].sum() > alone.masks[0].sum()
    small, _ = voted(apart, (96, 96), (48, 48), config, detector)
    assert small.masks.shape == (2, 48, 48) and small.boxes[0].tolist() == [2.5, 2.5, 15, 15]


def test_after_each_stage_there_is_what_it_added():
    model, image = fresh(classes=11).eval(), scenes(1).images[0]
    with torch.inference_mode():
        seen = dict(model.stages(image))
    after = {stage: candidates_after(seen, stage) for stage in range(1, 6)}
    assert bool((after[1].masks == 1).all()) and torch.equal(after[2].masks, seen["stage_2"]["masks"])
    assert torch.equal(after[2].probs, after[1].probs) and after[1].probs.shape[1] == 2
    assert torch.equal(after[3].masks, after[2].masks) and torch.equal(after[3].probs, seen["stage_3"]["probs"])
    assert torch.equal(after[4].boxes, seen["stage_3"]["boxes"]) and torch.equal(after[4].probs, after[3].probs)
    assert torch.equal(after[5].masks, after[4].masks) and torch.equal(after[5].probs, seen["stage_5"]["probs"])
    torch.testing.assert_close(after[5].unnamed.probs[:, 1], after[5].probs[:, 1:].sum(1))
    with pytest.raises(ValueError, match="stage must be 1 to 5, the last that ran, got 6"):
        candidates_after(seen, 6)


def test_the_shipped_detector_fits():
    model, other = fresh(classes=11), faster_rcnn(11)
    fine = model.features.neck.lateral.weight.clone()
    load_detector(model.detector)
    load_detector(other)
    assert torch.equal(model.detector.box_head.predictor.deltas.weight, other.box_head.predictor.deltas.weight)
    assert torch.equal(model.features.neck.neck.laterals["c3"].weight, other.features.neck.laterals["c3"].weight)
    assert torch.equal(model.features.neck.lateral.weight, fine)
    for wrong in (faster_rcnn(4), faster_rcnn(11, neck="tdm")):
        with pytest.raises(ValueError, match="detector must have the"):
            load_detector(wrong)
