"""Every row of docs/conventions.md, asserted: the test of row `name` is `test_name`."""

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from torchvision import ops
from torchvision.models.detection import _utils, faster_rcnn, roi_heads
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool
from torchvision.ops.poolers import LevelMapper

from lessons_lib.data.sample import Instances
from lessons_lib.metrics.detection import DetectionScores
from lessons_lib.metrics.leaves import symmetric_best_dice
from lessons_lib.metrics.region_ap import RegionScores
from lessons_lib.models.backbones import make_backbone
from lessons_lib.models.instance.build_fcis import fcis
from lessons_lib.models.instance.cascade import MaskTruth, mask_truth, region_mask_iou
from lessons_lib.models.instance.config import DetectorConfig
from lessons_lib.models.instance.conv_lstm import ConvLSTMCell
from lessons_lib.models.instance.fcis_config import FCIS_DETECTOR, TINY_FCIS, FCISConfig
from lessons_lib.models.instance.inhibition import most_pixels
from lessons_lib.models.instance.joint_head import class_logits, mask_logits, pairs_of
from lessons_lib.models.instance.mask_config import MaskConfig
from lessons_lib.models.instance.mask_head import channels_of, own_masks
from lessons_lib.models.instance.mnc_config import TINY_MNC, MNCConfig
from lessons_lib.models.instance.recurrent import recurrent_model
from lessons_lib.models.instance.recurrent_config import RecurrentConfig
from lessons_lib.models.instance.recurrent_losses import kept_steps, matched
from lessons_lib.models.instance.regions import Regions
from lessons_lib.models.instance.sds_config import TINY_SDS, SDSConfig
from lessons_lib.models.instance.sds_regions import label_segments, with_context
from lessons_lib.models.instance.truth import pad_truth
from lessons_lib.models.necks import FPN, enlarge
from lessons_lib.ops.anchors import anchor_shapes, cell_centres
from lessons_lib.ops.assembling import assemble
from lessons_lib.ops.box_coding import LARGEST_GROWTH, decode_boxes
from lessons_lib.ops.boxes import box_areas, pairwise_box_iou
from lessons_lib.ops.coverage import coverage_loss
from lessons_lib.ops.grid import PIXELS, Grid
from lessons_lib.ops.levels import assign_levels, multilevel_roi_align
from lessons_lib.ops.mask_targets import mask_targets
from lessons_lib.ops.matching import POSITIVE
from lessons_lib.ops.nms import nms
from lessons_lib.ops.pasting import paste_masks, paste_probs
from lessons_lib.ops.region_nms import region_nms
from lessons_lib.ops.roi import ps_roi_pool, roi_align, roi_pool, roi_warp
from lessons_lib.ops.roi.regions import round_half_away
from lessons_lib.ops.segments import Segments
from lessons_lib.ops.voting import vote_masks

PAGE = (Path(__file__).parent.parent / "docs" / "conventions.md").read_text("utf-8")
ROWS = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
RAMP = torch.arange(25.0).view(1, 1, 5, 5)


def test_every_row_has_a_test_and_every_test_a_row():
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert len(ROWS) == len(set(ROWS)) > 20
    assert tests - {"every_row_has_a_test_and_every_test_a_row"} == set(ROWS)


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float32)


def test_box_ends():
    assert box_areas(boxes([2, 3, 12, 8])).item() == ops.box_area(boxes([2, 3, 12, 8])).item() == 50


def test_half_pixel():
    """torchvision's anchors of a map of stride 4 stand at 4·i; the cells of the tiny backbone at 4·i + 1.5."""
    generator = AnchorGenerator(((8,),), ((1.0,),))
    [theirs] = generator.grid_anchors([[1, 3]], [[torch.tensor(4), torch.tensor(4)]])
    assert ((theirs[:, 0] + theirs[:, 2]) / 2).tolist() == [0, 4, 8]
    assert cell_centres(make_backbone("tiny").grids["c2"], 3).tolist() == [1.5, 5.5, 9.5]
    assert cell_centres(make_backbone("resnet18").grids["c2"], 3).tolist() == [0.5, 4.5, 8.5]


def test_grid_origin():
    assert PIXELS.start == 0 and cell_centres(PIXELS, 2).tolist() == [0.5, 1.5]


def test_rounding():
    assert round_half_away(torch.tensor([2.5, -2.5])).tolist() == [3, -3]
    assert torch.tensor([2.5, -2.5]).round().tolist() == [2, -2]
    for pool in (roi_pool, ops.roi_pool):
        assert pool(RAMP, boxes([0, 2.5, 0, 2.5, 0]), 1).item() == 3


def test_pool_end():
    for pool in (roi_pool, ops.roi_pool):
        assert pool(RAMP, boxes([0, 1, 1, 3, 3]), 1).item() == RAMP[0, 0, 3, 3]


def test_empty_bin():
    for pool in (roi_pool, ops.roi_pool):
        assert pool(RAMP - 99, boxes([0, 20, 20, 30, 30]), 1).item() == 0


def test_aligned():
    box = boxes([0, 1, 1, 3, 3])
    for align in (roi_align, ops.roi_align):
        assert align(RAMP, box, 4, 1.0, 1)[0, 0, 0].tolist() == [7.5, 8, 8.5, 9]
        assert align(RAMP, box, 4, 1.0, 1, True)[0, 0, 0].tolist() == [4.5, 5, 5.5, 6]
    by_grid = multilevel_roi_align([RAMP], [Grid(1, 0.0)], box[None, :, 1:], 4, 1)[0, 0, 0, 0]
    assert by_grid.tolist() == [4.5, 5, 5.5, 6]  # cell i covers [i, i + 1): here `aligned=True` is right


def test_aligned_size():
    box = boxes([0, 2, 2, 2.5, 2.5])
    for align in (roi_align, ops.roi_align):
        assert align(RAMP, box, 1, 1.0, 1).item() == RAMP[0, 0, 2, 2] + 0.5 * 6  # the middle of a whole cell
        assert align(RAMP, box, 1, 1.0, 1, True).item() == RAMP[0, 0, 2, 2] - 0.25 * 6  # 2.25 − ½


def test_samples_outside():
    """Four samples a side from −3 on: at −2.5 and −1.5 they are 0, at −0.5 and 0.5 the border."""
    ones = torch.ones(1, 1, 5, 5)
    for align in (roi_align, ops.roi_align):
        assert align(ones, boxes([0, -3, 1, 1, 2]), 1, 1.0, 4).item() == 0.5


def test_samples_adaptive():
    generator = torch.Generator().manual_seed(0)
    features, box = torch.rand(1, 1, 9, 9, generator=generator), boxes([0, 0.3, 0.2, 6.9, 4.7])
    for align in (roi_align, ops.roi_align):  # 6.6 / 2 → 4 columns, 4.5 / 2 → 3 rows of samples
        assert align(features, box, 2)[0, 0, 0, 0] != align(features, box, 2, 1.0, 3)[0, 0, 0, 0]
        torch.testing.assert_close(align(features, box, 2), align(features, box, 2, 1.0, 0))
    torch.testing.assert_close(roi_align(features, box, 2), ops.roi_align(features, box, 2))


def test_ps_end():
    last = torch.zeros(1, 1, 4, 4)
    last[:, :, 3] = 1
    assert ps_roi_pool(last, boxes([0, 0, 0, 4, 4]), 1).item() == 0.25
    assert ops.ps_roi_pool(last, boxes([0, 0, 0, 4, 4]), 1).item() == 0


def test_level_size():
    squares = boxes(*[[0, 0, side, side] for side in (223, 224, 447, 448)])
    assert assign_levels(squares).tolist() == [3, 4, 4, 5] == (LevelMapper(2, 5)([squares]) + 2).tolist()


def test_level_epsilon():
    """A box of a few millionths less than 224: 1e-6 in the level is more than 1e-8 in the size."""
    side = 224 * (1 - 5e-7)
    square = torch.tensor([[0, 0, side, side]], dtype=torch.float64)
    assert assign_levels(square).item() == LevelMapper(2, 5)([square]).item() + 2 == 4
    assert math.floor(4 + math.log2(side / 224 + 1e-8)) == 3  # as detectron2 has it


def test_level_extra():
    p5 = torch.rand(1, 8, 5, 7)
    neck = FPN(make_backbone("tiny"), ("c4", "c5"), 8)
    maps = neck({"c4": torch.rand(1, 80, 10, 14), "c5": torch.rand(1, 96, 5, 7)})
    assert torch.equal(maps["p6"], maps["p5"][:, :, ::2, ::2])
    assert torch.equal(LastLevelMaxPool()([p5], [p5], ["5"])[0][-1], p5[:, :, ::2, ::2])


def test_box_weights():
    assert DetectorConfig().box_weights == (10, 10, 5, 5)
    anchor, code = boxes([0, 0, 20, 20]), torch.tensor([[1.0, 2, 0.5, -0.5]])
    for weights in ((1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)):
        theirs = _utils.BoxCoder(weights).decode_single(code, anchor)
        torch.testing.assert_close(decode_boxes(code, anchor, weights), theirs)


def test_box_clip():
    assert _utils.BoxCoder((1, 1, 1, 1)).bbox_xform_clip == LARGEST_GROWTH == math.log(1000 / 16)
    grown = decode_boxes(torch.tensor([[0, 0, 99.0, -99]]), boxes([0, 0, 16, 16]))
    torch.testing.assert_close(grown[0, 2] - grown[0, 0], torch.tensor(1000.0))
    assert 0 <= grown[0, 3] - grown[0, 1] < 1e-5


def test_anchor_order():
    sizes, ratios = (32, 64), (0.5, 2.0)
    ours = anchor_shapes(sizes, ratios)
    theirs = AnchorGenerator((sizes,), (ratios,)).cell_anchors[0]
    heights_over_widths = (ours[:, 3] - ours[:, 1]) / (ours[:, 2] - ours[:, 0])
    torch.testing.assert_close(heights_over_widths, torch.tensor([0.5, 2, 0.5, 2]))
    torch.testing.assert_close(theirs, ours[[0, 2, 1, 3]].round())
    assert (theirs != ours[[0, 2, 1, 3]]).any()


def test_iou_of_nothing():
    nothing = boxes([3, 3, 3, 3])
    assert pairwise_box_iou(nothing, nothing).item() == 0
    assert ops.box_iou(nothing, nothing).isnan().all()


def test_iou_of_crowds():
    inside, crowd = boxes([10, 10, 20, 20]), boxes([0, 0, 100, 100])
    assert pairwise_box_iou(inside, crowd, torch.tensor([True])).item() == 1
    assert pairwise_box_iou(inside, crowd).item() == pytest.approx(0.01)


def test_class_order():
    """Label 0 cannot be an object."""
    with pytest.raises(ValueError, match="labels must be ≥ 1, as 0 is the background, got 0"):
        pad_truth([Instances(boxes([0, 0, 5, 5]), torch.tensor([0]), None)])


def kept(pairs, scores, threshold):
    ours = nms(pairs, scores, threshold).nonzero()[:, 0].tolist()
    assert ours == sorted(ops.nms(pairs, scores, threshold).tolist())
    return ours


def test_nms_threshold():
    halves = boxes([0, 0, 4, 1], [0, 0, 2, 1])  # IoU ½, exact in float32
    assert kept(halves, torch.tensor([0.9, 0.8]), 0.5) == [0, 1]
    assert kept(halves, torch.tensor([0.9, 0.8]), 0.4999) == [0]


def test_nms_ties():
    assert kept(boxes([0, 0, 4, 1], [0, 0, 3, 1], [0, 0, 3.5, 1]), torch.ones(3), 0.5) == [0]


def test_nms_groups():
    pair, scores, groups = boxes([90, 90, 100, 100], [-11, -11, -1, -1]), torch.tensor([0.9, 0.8]), torch.tensor([0, 1])
    assert nms(pair, scores, 0.5, groups).all()
    assert ops.batched_nms(pair, scores, groups, 0.5).tolist() == [0]


def test_nms_float():
    """IoU 3/5: as float32 a little more than 0.6, as float64 a little less than or equal to it."""
    shifted = boxes([0, 0, 4, 1], [1, 0, 5, 1])
    assert kept(shifted, torch.tensor([0.9, 0.8]), 0.6) == [0]
    assert kept(shifted.double(), torch.tensor([0.9, 0.8]).double(), 0.6) == [0, 1]


def torchvisions_detector():
    with torch.device("meta"):
        return faster_rcnn.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None)


def test_top_k_proposals():
    rpn, config = torchvisions_detector().rpn, DetectorConfig()
    assert config.before_nms == (rpn._pre_nms_top_n["training"], rpn._pre_nms_top_n["testing"]) == (2000, 1000)
    assert config.after_nms == (rpn._post_nms_top_n["training"], rpn._post_nms_top_n["testing"]) == (2000, 1000)
    assert config.rpn_nms == rpn.nms_thresh


def test_top_k_detections():
    heads, config = torchvisions_detector().roi_heads, DetectorConfig()
    assert (config.most, config.least_confidence, config.nms) == (100, 0.05, 0.5)
    assert (heads.detections_per_img, heads.score_thresh, heads.nms_thresh) == (100, 0.05, 0.5)


def test_mask_pasting():
    """A full mask over a box that lies between pixels: ours is the box, theirs is larger, on whole pixels."""
    ones, box = torch.ones(1, 28, 28), boxes([2.75, 2.75, 6.25, 6.25])
    exact = paste_masks(ones, box, (12, 12))[0].any(0).nonzero()[:, 0].tolist()
    theirs = roi_heads.paste_masks_in_image(ones[:, None], box, (12, 12))[0, 0] > 0.5
    assert exact == [3, 4, 5] and theirs.any(0).nonzero()[:, 0].tolist() == [2, 3, 4, 5, 6]
    assert torch.equal(paste_masks(ones, box, (12, 12), 0.5, "torchvision")[0], theirs)


def test_mask_edges():
    """A mask of one cell over four pixels: 0.625 and 0.875 of it on each axis, and less than a half outside."""
    found = paste_probs(torch.ones(1, 1, 1), boxes([2, 0, 6, 1]), (1, 8))[0, 0]
    torch.testing.assert_close(found, torch.tensor([0.125, 0.375, 0.625, 0.875, 0.875, 0.625, 0.375, 0.125]))


def test_mask_threshold():
    half, box = torch.full((1, 2, 2), 0.5), boxes([0, 0, 4, 4])
    assert paste_probs(half, box, (4, 4)).max() == 0.5 and not paste_masks(half, box, (4, 4)).any()


def test_mask_targets():
    """The left half of eight pixels, cut by a region of the same size: their target is half a pixel to the right."""
    mask = torch.zeros(1, 8, 8, dtype=torch.bool)
    mask[:, :, :4] = True
    region, first = boxes([0, 0, 8, 8]), torch.zeros(1, 1, dtype=torch.int64)
    ours = mask_targets([mask], region[None], first, first == 0, 8)[0, 0, 0]
    theirs = roi_heads.project_masks_on_boxes(mask.float(), region, first[0], 8)[0, 0]
    torch.testing.assert_close(ours, torch.tensor([1, 1, 1, 0.875, 0.125, 0, 0, 0]))
    torch.testing.assert_close(theirs, torch.tensor([1, 1, 1, 0.5, 0, 0, 0, 0]))


def test_mask_channels():
    labels = torch.tensor([1, 3])
    assert channels_of(labels, MaskConfig()).tolist() == [1, 3]
    logits = torch.randn(2, 4, 28, 28)
    theirs = roi_heads.maskrcnn_inference(logits, [labels])[0][:, 0]
    torch.testing.assert_close(own_masks(logits, labels, MaskConfig()), theirs)


def test_resizing():
    image = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))
    theirs, _ = GeneralizedRCNNTransform(10, 1000, [0.0] * 3, [1.0] * 3).resize(image)
    ours = F.interpolate(image[None], size=(10, 15), mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(theirs, ours)


def test_upsampling():
    assert enlarge(torch.tensor([[[[1.0, 2]]]]), torch.zeros(1, 1, 2, 4)).tolist() == [[[[1, 1, 2, 2]] * 2]]


def test_warp_samples():
    """A ramp, in which a sample's value is where it stands: cell i of stride 1 lies at i + ½ of the image."""
    ramp, box = torch.arange(12.0).expand(1, 1, 12, 12).contiguous(), boxes([2, 2, 6, 6])
    middles = multilevel_roi_align([ramp], [Grid(1, 0.0)], box[None], 4, 1)[0, 0, 0, 0]
    assert middles.tolist() == [2, 3, 4, 5]  # x = 2.5 … 5.5 of the image
    assert roi_warp(ramp, [box], 4)[0, 0, 0].tolist() == [2, 3, 4, 5]  # x = 2 … 5 of the map, whose cell i lies at i
    assert roi_warp(ramp, [box + 0.25], 4)[0, 0, 0].tolist() == [2.25, 3.25, 4.25, 5.25]


def test_box_gradient():
    assert MNCConfig().box_gradient == 1 / 512 and TINY_MNC.box_gradient == 1 / 2048


def mask_iou(box, areas):
    """Of a full mask of 2 × 2 cells over a box, all of it object."""
    truth = MaskTruth(torch.ones(1, 1, 2, 2), torch.tensor([[areas]]))
    return region_mask_iou(torch.ones(1, 1, 2, 2), truth, boxes(box)[None], 0.4).item()


def test_mask_label():
    assert mask_iou([0, 0, 4, 4], 32.0) == 0.5 >= MNCConfig().mask_iou == 0.5
    assert mask_iou([0, 0, 4, 4], 33.0) < 0.5


def test_mask_binary():
    config, vertical = MNCConfig(mask_size=1), torch.zeros(1, 5, 5, dtype=torch.bool)
    vertical[:, :, :2] = True  # 2 of 5 columns
    own = torch.zeros(1, 1, dtype=torch.int64)
    region = Regions(boxes([0, 0, 5, 5])[None], own + 1, own, own == 0)
    assert config.target_threshold == config.threshold == 0.4
    assert mask_truth([vertical[:, :, :5]], region, replace(config, target_threshold=0.6)).targets.item() == 0


def test_vote_threshold():
    masks, whole = torch.tensor([[[True, False]], [[False, True]]]), boxes([0, 0, 2, 1])
    pair = torch.cat([whole, boxes([0, 0, 1, 1])])  # the second has an IoU of exactly ½ with the first
    assert vote_masks(masks, pair, whole, torch.tensor([[0.6, 0.4]]))[0].tolist() == [[True, True]]
    assert vote_masks(masks, pair, whole, torch.tensor([[0.61, 0.39]]))[0].tolist() == [[True, False]]
    assert vote_masks(masks, pair, boxes([0, 0, 2.1, 1]), torch.tensor([[0.6, 0.4]]))[0].tolist() == [[True, False]]


def test_segment_threshold():
    """One of two superpixels of equal size."""
    half = Segments(torch.tensor([[0, 1]]), torch.tensor([[True, False]]))
    objects = Instances(boxes([0, 0, 2, 1]), torch.tensor([1]), torch.ones(1, 1, 2, dtype=torch.bool))
    config = replace(TINY_SDS, proposals=1)
    _, found = label_segments([half], pad_truth([objects]), objects.masks[None], config)
    assert half.iou(objects.masks).item() == 0.5 and found[0, 1] == POSITIVE


def test_region_suppression():
    iou = torch.tensor([[1.0, 0.25], [0.25, 1.0]])
    assert SDSConfig().nms == 0.3 and region_nms(iou, torch.tensor([0.9, 0.8]), 0.3).all()
    assert region_nms(iou, torch.tensor([0.9, 0.8]), 0.0).tolist() == [True, False]


def test_crop_context():
    assert with_context(boxes([16, 16, 211, 211]), SDSConfig()).tolist() == [pytest.approx([0, 0, 227, 227], abs=1e-3)]


def test_ap_r_threshold():
    whole, half = torch.ones(1, 1, 2, dtype=torch.bool), torch.tensor([[[True, False]]])
    box, one = boxes([0, 0, 2, 1]), torch.tensor([1])
    for scores, name, value in ((RegionScores(), "ap_r", 0), (DetectionScores("mask"), "ap50", 1)):
        scores.update(Instances(box, one, half, torch.tensor([0.9])), Instances(box, one, whole))
        assert scores.compute()[name] == value


def test_ap_r_taken():
    """Both regions fit the first object best; the second one may take the other."""
    pixels = torch.arange(10)
    first, second = (pixels < 6)[None], (pixels < 4)[None]
    truth = Instances(boxes([0, 0, 6, 1], [0, 0, 4, 1]), torch.tensor([1, 1]), torch.stack([first, second]))
    twice = Instances(truth.boxes, truth.labels, torch.stack([first, first]), torch.tensor([0.9, 0.8]))
    scores = RegionScores()
    scores.update(twice, truth)
    assert scores.compute()["ap_r"] == 1


def test_lstm_gates():
    """With the candidate's bias alone at 2: our fourth gate, torch's third."""
    cell, theirs = ConvLSTMCell(1, 1, 1), torch.nn.LSTMCell(1, 1)
    for parameter in (*cell.parameters(), *theirs.parameters()):
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        cell.from_input.bias[3] = theirs.bias_ih[2] = 2
    ours = cell(torch.zeros(1, 1, 1, 1))[1].item()
    assert ours == pytest.approx(theirs(torch.zeros(1, 1))[1].item()) == pytest.approx(0.5 * math.tanh(2))


def test_lstm_start():
    cell = ConvLSTMCell(2, 3)
    assert not cell.start(torch.ones(1, 1, 2, 2))[0].any() and (cell.from_input.bias[:6] == 1).all()


def test_same_map():
    """Features are computed once, however many steps are made."""
    model, calls = recurrent_model(2, "tiny", RecurrentConfig(steps=4, width=4, fine_width=4)), []
    model.features.register_forward_hook(lambda *_: calls.append(1))
    assert model.unroll(torch.rand(1, 3, 32, 32)).masks.shape[1] == 4 and len(calls) == 1


def test_inhibition_area():
    assert most_pixels(1.0) == 2 and most_pixels(math.log(RecurrentConfig().start_area) + 1e-9) == 120


def test_stop_threshold():
    assert kept_steps(torch.tensor([0.5, 0.5, math.nextafter(0.5, 0)], dtype=torch.float64)).item() == 2


def test_stop_targets():
    """One object: the gradient of the scores pulls the first up and every other one down."""
    logits = torch.zeros(1, 4, requires_grad=True)
    coverage_loss(torch.rand(1, 4, 3, 3), [torch.ones(1, 3, 3)], logits)["score"].backward()
    assert logits.grad.tolist() == [[-0.5, 0.5, 0.5, 0.5]]


def test_sequence_matching():
    """One object, and the second mask is the better one."""
    iou = torch.tensor([[0.2], [0.9]])
    steps = [matched(iou, RecurrentConfig(loss_variant=variant))[0].tolist() for variant in ("square", "rectangular")]
    assert RecurrentConfig().loss_variant == "square" and steps == [[0], [1]]


def test_best_dice_of_nothing():
    none, one = torch.zeros(0, 2, 2, dtype=torch.bool), torch.ones(1, 2, 2, dtype=torch.bool)
    assert (symmetric_best_dice(none, none), symmetric_best_dice(none, one), symmetric_best_dice(one, none)) == (
        1,
        0,
        0,
    )


def test_ps_channels():
    """Maps of one value return the number of their channel; torchvision's operator gives the same."""
    numbered = torch.arange(18.0).view(1, 18, 1, 1).expand(1, 18, 9, 9).contiguous()
    box = boxes([0, 1, 1, 7, 7])
    got = assemble(numbered, PIXELS, box[None, :, 1:], 3, 3)[0, 0]
    assert got[1, 0].tolist() == [9, 10, 11] and got[1, 2, 1] == (1 * 3 + 2) * 3 + 1
    assert torch.equal(got, ops.ps_roi_pool(numbered, box, 3)[0])


def test_ps_pair():
    features = torch.arange(8.0).view(8, 1, 1)  # two classes and four deltas
    pairs = pairs_of(features, 2)
    assert pairs[1, :, 0, 0].tolist() == [2, 3] and mask_logits(pairs)[1].item() == 3 - 2


def test_ps_reads():
    """A ramp in a box from 0.6 to 2.4: its middle is 1.5; rounded, it is the box from 1 to 2."""
    ramp, box = torch.arange(5.0).repeat(5, 1)[None, None] ** 2, boxes([0, 0.6, 0.6, 2.4, 2.4])
    assert assemble(ramp, PIXELS, box[None, :, 1:], 1, 1).item() == 1
    assert ps_roi_pool(ramp, box, 1).item() == 1
    wide = boxes([0, 0.0, 0.0, 3.4, 3.4])
    assert round(assemble(ramp, PIXELS, wide[None, :, 1:], 1, 1).item(), 4) == 1.6  # between 1 and 4, at 1.2
    assert ps_roi_pool(ramp, wide, 1).item() == pytest.approx((0 + 1 + 4) / 3)
    assert fcis(3).detector.config.operator == "align"


def test_ps_joint():
    pairs = torch.tensor([[[[2.0, 0.0]], [[0.0, 4.0]]], [[[1.0, 1.0]], [[1.0, 1.0]]]])  # two classes, two cells
    assert class_logits(pairs).tolist() == [3, 1]


def test_ps_targets():
    half = torch.zeros(1, 4, 4, dtype=torch.bool)
    half[:, :, :2] = True
    one = torch.zeros(1, 1, dtype=torch.int64)
    box = torch.tensor([[[1.0, 0, 3, 4]]])
    assert mask_targets([half], box, one, one == 0, 2)[0, 0, 0].tolist() == [0.875, 0.125]  # not 1 and 0


def test_ps_boxes():
    assert FCISConfig().boxes == "both" and FCIS_DETECTOR.after_nms == (300, 300)
    assert TINY_FCIS.boxes == "moved"
