"""Masks: the IoU of all pairs, with the rule for crowds, and run lengths there and back.

Run lengths are COCO's: {"size": [height, width], "counts": text}, the lengths of runs of 0 and 1 in turn, down the
columns one after the other, written in pycocotools' compressed letters.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from lessons_lib.checks import checked_ints
from lessons_lib.ops.boxes import check_crowd, iou_of

TOGETHER = 16
"""Images whose run lengths are checked together: enough to share the cost, few enough for a processor's cache."""


def pairwise_mask_iou(
    pred_masks: Bool[Tensor, "P H W"], gt_masks: Bool[Tensor, "G H W"], is_crowd: Bool[Tensor, " G"] | None = None
) -> Float64[Tensor, "P G"]:
    """IoU of every predicted mask with every ground-truth mask, in one matrix product; exact, in float64.

    Two empty masks score 0, so that an empty prediction never counts as a match. With a crowd the value is
    intersection / predicted area, as COCO counts. ValueError for masks that are not bool (N, H, W) of one size, or
    `is_crowd` that is not one bool per ground-truth mask.

    >>> pairwise_mask_iou(torch.tensor([[[True, True]]]), torch.tensor([[[True, False]]])).tolist()
    [[0.5]]
    """
    check_masks("pred_masks", pred_masks)
    check_masks("gt_masks", gt_masks)
    if pred_masks.shape[1:] != gt_masks.shape[1:]:
        got, want = tuple(pred_masks.shape[1:]), tuple(gt_masks.shape[1:])
        raise ValueError(f"pred_masks must be as large as gt_masks, {want}, got {got}")
    counts_fit = pred_masks[:1].numel() <= 2**24  # a float32 counts so far without gaps
    dtype = torch.float32 if counts_fit else torch.float64
    pred, gt = pred_masks.flatten(1), gt_masks.flatten(1)
    intersection = pred.to(dtype) @ gt.to(dtype).T  # (P, G)
    return iou_of(intersection.double(), pred.sum(1).double(), gt.sum(1).double(), is_crowd)


def encode_rle(masks: Bool[Tensor, "N H W"]) -> list[dict]:
    """Run lengths of each mask, ready for JSON; `decode_rle` restores the masks.

    >>> encode_rle(torch.tensor([[[False, True, True]]]))  # runs 1, 2 in COCO's letters
    [{'size': [1, 3], 'counts': '12'}]
    """
    check_masks("masks", masks)
    from pycocotools import mask as coco_mask  # only here: a machine that trains and scores needs no pycocotools

    columns = np.asfortranarray(masks.cpu().numpy().astype(np.uint8).transpose(1, 2, 0))  # (H, W, N)
    return [{**entry, "counts": entry["counts"].decode("ascii")} for entry in coco_mask.encode(columns)]


def decode_rle(rles: Sequence[dict], size: tuple[int, int]) -> Bool[Tensor, "N H W"]:
    """Masks (N, H, W) of run lengths; `size` is (height, width), as (0, H, W) has to have one too.

    ValueError for an entry that is no run lengths of this size, or whose runs do not fill it. Run lengths as a plain
    list of numbers are decoded by `annotations.mask_of_runs`.

    >>> decode_rle(encode_rle(torch.tensor([[[False, True]]])), size=(1, 2)).tolist()
    [[[False, True]]]
    """
    height, width = checked_ints("size", size, 0, count=2)
    runs = checked_runs("rles", rles)
    for number, rle in enumerate(rles):
        if tuple(rle["size"]) != (height, width):
            raise ValueError(f"rles[{number}] must be of size {(height, width)}, got {tuple(rle['size'])}")
    columns = np.zeros((len(rles), width, height), dtype=bool)
    for mask, lengths in zip(columns, runs, strict=True):
        mask.flat[:] = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)  # zeros first
    return torch.from_numpy(columns).mT.contiguous()


def pairwise_rle_iou(
    pred_rles: Sequence[dict], gt_rles: Sequence[dict], is_crowd: Bool[Tensor, " G"] | None = None
) -> Float64[Tensor, "P G"]:
    """`pairwise_mask_iou` of masks that stay run lengths, by pycocotools: what large images need.

    ValueError for an entry that is no run lengths, sizes that differ, or `is_crowd` that is not one bool for each of
    `gt_rles`.

    >>> rles = encode_rle(torch.tensor([[[True, True]], [[True, False]]]))
    >>> pairwise_rle_iou(rles[:1], rles).tolist()
    [[1.0, 0.5]]
    """
    return pairwise_rle_ious([(pred_rles, gt_rles, is_crowd)])[0]


def pairwise_rle_ious(
    images: Sequence[tuple[Sequence[dict], Sequence[dict], Bool[Tensor, " _"] | None]],
) -> list[Float64[Tensor, "_ _"]]:
    """`pairwise_rle_iou` of many images, each given as (pred_rles, gt_rles, is_crowd).

    The letters of several images are checked together: for one image alone that takes longer than its IoU. A
    ValueError names the image too, where there is more than one.

    >>> rles = encode_rle(torch.tensor([[[True, True]], [[True, False]]]))
    >>> [iou.tolist() for iou in pairwise_rle_ious([(rles[:1], rles, None), (rles[:1], [], None)])]
    [[[1.0, 0.5]], [[]]]
    """
    ious = []
    for start in range(0, len(images), TOGETHER):
        part = images[start : start + TOGETHER]
        lists = [rles for pred, gt, _ in part for rles in (pred, gt)]
        sound = all(isinstance(rles, list) for rles in lists) and all_sound([rle for rles in lists for rle in rles])
        for number, image in enumerate(part, start):
            ious.append(_rle_iou(*image, sound, f"images[{number}]: " if len(images) > 1 else ""))
    return ious


def _rle_iou(
    pred_rles: Sequence[dict], gt_rles: Sequence[dict], is_crowd: Tensor | None, sound: bool, where: str
) -> Float64[Tensor, "P G"]:
    """The IoU in one image, whose letters are known to be sound or are looked at one entry after the other."""
    if not sound:
        checked_runs(f"{where}pred_rles", pred_rles)
        checked_runs(f"{where}gt_rles", gt_rles)
    sizes = {tuple(rle["size"]) for rle in (*pred_rles, *gt_rles)}
    if len(sizes) > 1:
        got = " and ".join(map(str, sorted(sizes)))
        raise ValueError(f"{where}pred_rles and gt_rles must be of one size, got {got}")
    check_crowd(is_crowd, len(gt_rles))
    if not pred_rles or not gt_rles:
        return torch.zeros(len(pred_rles), len(gt_rles), dtype=torch.float64)
    from pycocotools import mask as coco_mask

    crowd = [False] * len(gt_rles) if is_crowd is None else is_crowd.tolist()
    return torch.from_numpy(coco_mask.iou(list(pred_rles), list(gt_rles), crowd))


def checked_runs(name: str, rles: object) -> list[Int64[np.ndarray, " _"]]:
    """The runs of each entry, of 0 and of 1 in turn; ValueError for one that is no run lengths or does not fill its
    image."""
    if not isinstance(rles, Sequence) or isinstance(rles, (str, bytes)):
        raise ValueError(f"{name} must be a list of run lengths, got {rles!r}")
    every = []
    for number, rle in enumerate(rles):
        where = f"{name}[{number}]"
        if not isinstance(rle, dict) or not {"size", "counts"} <= set(rle):
            raise ValueError(f"{where} must be a dict with size and counts, got {_short(rle)}")
        size, counts = rle["size"], rle["counts"]
        if not isinstance(size, (list, tuple)) or len(size) != 2 or not all(type(n) is int and n >= 0 for n in size):
            raise ValueError(f"{where}['size'] must be [height, width], two ints ≥ 0, got {_short(size)}")
        letters = counts.encode("utf-8", "surrogatepass") if isinstance(counts, str) else counts
        runs = runs_of_letters(letters) if isinstance(letters, bytes) else None
        if runs is None:
            advice = "; mask_of_runs decodes lists" if isinstance(counts, (list, tuple)) else ""
            raise ValueError(f"{where}['counts'] must be numbers in COCO's letters, got {_short(counts)}{advice}")
        got = f"a run of {runs.min()}" if (runs < 0).any() else runs.sum()
        if got != size[0] * size[1]:
            pixels = f"{size[0]} · {size[1]} = {size[0] * size[1]} pixels"
            raise ValueError(f"{where}['counts'] must be runs that fill {pixels}, got {got}")
        every.append(runs)
    return every


def all_sound(rles: list) -> bool:
    """Whether all entries are run lengths that fill their image: one look at the letters of all of them together.

    False means no more than that `checked_runs` should look at one after the other.
    """
    if not all(isinstance(rle, dict) for rle in rles):
        return False
    texts, sizes = [rle.get("counts") for rle in rles], [rle.get("size") for rle in rles]
    if not all(isinstance(text, (str, bytes)) and text for text in texts):
        return False
    if not all(isinstance(size, (list, tuple)) and [type(n) for n in size] == [int, int] for size in sizes):
        return False
    if min(map(min, sizes), default=0) < 0:
        return False
    letters = [text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text for text in texts]
    codes = np.frombuffer(b"".join(letters), np.uint8) - np.uint8(48)  # below 48 it is far above 63
    ends = np.cumsum([len(text) for text in letters])
    goes_on = codes & 32 > 0
    if len(codes) == 0 or codes.max() > 63 or goes_on[ends - 1].any():
        return False  # … or the last number of an entry goes on into the next
    last = np.flatnonzero(~goes_on)  # the last letter of each number
    length = np.diff(last, prepend=-1)
    if length.max() > 7:
        return False
    sign = (codes[last] & 16).astype(np.int64)
    numbers = (codes[last] & 15) - sign  # the highest bit of a number is its sign
    for earlier in range(1, length.max()):  # … and the letters before hold its lower bits
        more = np.flatnonzero(length > earlier)
        numbers[more] = (numbers[more] << 5) + (codes[last[more] - earlier] & 31)
    until = np.searchsorted(last, ends)  # how many numbers there are up to each entry's end
    return _fill(numbers, np.diff(until, prepend=0), [height * width for height, width in sizes])


def _fill(numbers: Int64[np.ndarray, " n"], counts: Int64[np.ndarray, " N"], pixels: list[int]) -> bool:
    """Whether the numbers of each entry, from the fourth on differences to the one two before, are runs ≥ 0 that fill
    its pixels. In two columns, numbers of even and of odd place, a run is the sum of the column up to it."""
    rows = (counts + 1) // 2
    first = np.cumsum(rows) - rows
    table = np.zeros((rows.sum(), 2), np.int64)
    place = np.arange(len(numbers)) + np.repeat(2 * first - (np.cumsum(counts) - counts), counts)
    table.reshape(-1)[place] = numbers
    start = table[first, 0]
    table[first, 0] = 0  # the first number is no part of the sums
    sums = table.cumsum(0)
    runs = sums - np.repeat(sums[first] - table[first], rows, axis=0)
    runs[first, 0] = start
    flat = runs.reshape(-1)[place]
    return bool((flat >= 0).all() and (np.add.reduceat(flat, np.cumsum(counts) - counts) == pixels).all())


def runs_of_letters(letters: bytes) -> Int64[np.ndarray, " n"] | None:
    """The run lengths that COCO's letters spell, or None where they spell no whole numbers (common/maskApi.c).

    A letter is 48 plus six bits: five of a number, the lowest first, and whether more follow. The highest bit of a
    number is its sign. From the fourth number on, each is the difference to the one two before.
    """
    codes = np.frombuffer(letters, np.uint8).astype(np.int64) - 48
    if len(codes) == 0:
        return codes
    goes_on = codes & 32 > 0
    starts = np.flatnonzero(np.concatenate([[True], ~goes_on[:-1]]))
    length = np.diff([*starts, len(codes)])
    if codes.min() < 0 or codes.max() > 63 or goes_on[-1] or length.max() > 7:  # 35 bits: more than any image needs
        return None
    place = np.arange(len(codes)) - np.repeat(starts, length)
    numbers = np.add.reduceat((codes & 31) << 5 * place, starts)
    negative = codes[starts + length - 1] & 16 > 0
    numbers -= np.where(negative, 1 << 5 * length, 0)
    for first in (1, 2):  # all numbers but the very first belong to one of two sums
        numbers[first::2] = numbers[first::2].cumsum()
    return numbers


def _short(value: object) -> str:
    """How it prints, cut off where it is long: counts can be many thousand letters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def check_masks(name: str, masks: Tensor) -> None:
    """`masks` is a bool tensor (N, H, W), or ValueError says what it is."""
    if not isinstance(masks, Tensor) or masks.dtype != torch.bool or masks.dim() != 3:
        got = f"{masks.dtype} {tuple(masks.shape)}" if isinstance(masks, Tensor) else repr(masks)
        raise ValueError(f"{name} must be a bool tensor (N, H, W), got {got}")
