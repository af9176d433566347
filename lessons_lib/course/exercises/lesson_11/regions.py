"""Lesson 11, exercises 4 to 6: IoU without pixels, the region crop, and the average precision of regions."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics.average_precision import area_under_curve, average_precision
from lessons_lib.ops.segments import Segments

# 11.4


def iou_cases():
    """Three superpixels by hand; many; a region without a superpixel and an object without a pixel; no region."""
    generator = torch.Generator().manual_seed(3)
    sizes = torch.randint(1, 30, (12,), generator=generator)
    covered = (sizes * torch.rand(12, generator=generator)).round().long()
    members = torch.rand(6, 12, generator=generator) < 0.4
    members[2] = False
    by_hand = torch.tensor([[True, True, False], [False, True, True]])
    cases = [
        (by_hand, torch.tensor([4, 6, 10]), torch.tensor([4, 3, 0])),
        (members, sizes, covered),
        (members[1:4], sizes, torch.zeros_like(sizes)),
        (members[:0], sizes, covered),
    ]
    return [dict(zip(("members", "sizes", "covered"), case, strict=True)) for case in cases]


def library_iou(members, sizes, covered):
    """The library's function, on a row of pixels with these counts."""
    label_map = torch.arange(len(sizes)).repeat_interleave(sizes)
    place = torch.arange(len(label_map)) - (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    mask = place < covered[label_map]
    return Segments(label_map[None], members).iou(mask[None, None])[:, 0].float()


IOU = Exercise(
    "11.4",
    "IoU without pixels",
    oracle=library_iou,
    cases=iou_cases,
    difficulty=2,
    minutes=15,
    hints=(
        "The intersection of a region with the object is what the object covers of each superpixel of the region.",
        "members.float() @ covered.float() adds these up for all regions at once. The area of a region is the same "
        "with sizes; that of the object is covered.sum().",
        "union = area + covered.sum() - intersection; intersection / union.clamp(min=1), so that 0 / 0 is 0.",
    ),
)


@IOU.model
def iou_of_counts(members, sizes, covered):
    intersection = members.float() @ covered.float()
    union = members.float() @ sizes.float() + covered.sum() - intersection
    return intersection / union.clamp(min=1)


@IOU.flags(
    whole_superpixels="This looks like superpixels that count whole, once the object touches them. Only the covered "
    "pixels lie in both.",
    covers="This looks like the intersection divided by the region's own area. A tiny region inside the object would "
    "get 1. Divide by the union.",
    twice="This looks like a union in which the common pixels count twice: take the intersection off once.",
    undivided="This looks like 0 / 0, which is NaN: a region and an object without pixels. Their IoU is 0.",
)
def wrong_iou(members, sizes, covered, *, whole_superpixels=False, covers=False, twice=False, undivided=False):
    seen = torch.where(covered > 0, sizes, 0) if whole_superpixels else covered
    intersection, area = members.float() @ seen.float(), members.float() @ sizes.float()
    union = area if covers else area + covered.sum() - (0 if twice else intersection)
    return intersection / (union if undivided else union.clamp(min=1))


# 11.5


def crop_cases():
    """One pixel of each kind; a crop with shares between 0 and 1; a region that is everything."""
    generator = torch.Generator().manual_seed(4)
    mean = torch.tensor([0.5, 0.4, 0.25])
    crop = torch.rand(3, 5, 6, generator=generator)
    share = torch.rand(5, 6, generator=generator).mul(3).sub(1).clamp(0, 1)
    cases = [
        (
            torch.tensor([[[0.9, 0.2, 0.6]], [[0.1, 0.8, 0.6]], [[0.3, 0.7, 0.6]]]),
            torch.tensor([[1.0, 0.0, 0.25]]),
            mean,
        ),
        (crop, share, mean),
        (crop, torch.ones(5, 6), mean),
    ]
    return [dict(zip(("crop", "share", "mean"), case, strict=True)) for case in cases]


def library_crop(crop, share, mean):
    """As `two_crops` computes it."""
    shift = mean[:, None, None]
    return (crop - shift) * share + shift


CROP = Exercise(
    "11.5",
    "The region crop",
    oracle=library_crop,
    cases=crop_cases,
    gradients=True,
    difficulty=1,
    minutes=10,
    hints=(
        "Where the share is 1 the pixel stays, where it is 0 it becomes the mean colour. In between, mix the two.",
        "mean has shape (3,): mean[:, None, None] gives each channel its own number at all pixels.",
        "crop * share + mean[:, None, None] * (1 - share)",
    ),
)


@CROP.model
def region_crop(crop, share, mean):
    return crop * share + mean[:, None, None] * (1 - share)


@CROP.flags(
    black="This looks like a black background. After the normalisation, black is a strong signal, and an edge of its "
    "own around the region; the mean colour becomes 0.",
    turned="This looks like the region painted over, and the background kept.",
    hard="This looks like a share that was rounded to 0 or 1. At the border a pixel of the crop is both: mix.",
    grey="This looks like one grey for all channels. Each channel has its own mean.",
)
def wrong_crop(crop, share, mean, *, black=False, turned=False, hard=False, grey=False):
    share = (share > 0.5).to(crop.dtype) + 0 * share if hard else share
    share = 1 - share if turned else share
    colour = (mean.mean() + 0 * mean) if grey else mean
    return crop * share + (0 if black else 1) * colour[:, None, None] * (1 - share)


@CROP.mistake(
    "This looks like the mean of the crop itself. The background has to become what the network was told is nothing: "
    "the mean colour of the training images, which the normalisation takes off."
)
def takes_the_crops_own_mean(crop, share, mean):
    return crop * share + (crop.mean((1, 2)) + 0 * mean)[:, None, None] * (1 - share)


# 11.6


def ap_cases():
    """Right, wrong, right, of three objects; precision that rises again; everything right; nothing right; nothing."""
    rows = [
        ([True, False, True], 3),
        ([False, True, True, False, True], 5),
        ([True, True], 2),
        ([True, False, False, True, True, False, True], 9),
        ([False, False], 4),
        ([], 3),
    ]
    return [{"hits": torch.tensor(hits, dtype=torch.bool), "positives": count} for hits, count in rows]


def library_ap(hits, positives):
    """The library's function, as a plain number."""
    return float(area_under_curve(hits, positives))


AP = Exercise(
    "11.6",
    "Average precision as AP^r has it",
    oracle=library_ap,
    cases=ap_cases,
    difficulty=2,
    minutes=15,
    hints=(
        "The precision after rank k is the number of hits so far divided by k. Recall rises by 1 / positives at each "
        "hit, and only there: so only the hits add area.",
        "What a hit adds is the best precision at its own rank or any later one, divided by positives.",
        "precision = hits.cumsum(0) / ranks; envelope = precision.flip(0).cummax(0).values.flip(0); the sum of the "
        "envelope at the hits, divided by positives. Without regions cummax has nothing to do: 0.",
    ),
)


@AP.model
def region_ap(hits, positives):
    precision = hits.cumsum(0).double() / torch.arange(1, len(hits) + 1)
    total = 0.0
    for rank in hits.nonzero()[:, 0].tolist():
        total += precision[rank:].max().item()
    return total / positives


@AP.flags(
    raw="This looks like the precision as it is, with its teeth. AP takes at each recall the best precision that this "
    "recall or a higher one reaches.",
    found_only="This looks like a mean over the objects that were found. Those that were not found count as 0: divide "
    "by `positives`.",
)
def wrong_ap(hits, positives, *, raw=False, found_only=False):
    precision = hits.cumsum(0).double() / torch.arange(1, len(hits) + 1)
    found = hits.nonzero()[:, 0].tolist()
    total = sum(precision[rank].item() if raw else precision[rank:].max().item() for rank in found)
    return total / (max(1, len(found)) if found_only else positives)


@AP.mistake(
    "This looks like COCO's rule, which reads the curve at 101 recalls. AP^r, as Pascal VOC from 2010 on, takes the "
    "area under it."
)
def reads_101_recalls(hits, positives):
    return float(average_precision(hits, positives))


@AP.mistake(
    "This looks like a mean over all ranks. A wrong region adds no recall, so it adds no area: sum over the hits alone."
)
def counts_every_rank(hits, positives):
    if not len(hits):
        return 0.0
    precision = hits.cumsum(0).double() / torch.arange(1, len(hits) + 1)
    return (precision.flip(0).cummax(0).values.flip(0).sum() / positives).item()
