"""Masks: IoU of all pairs against a loop and pycocotools, crowds and empty masks, run lengths there and back."""

import itertools
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from lessons_lib.ops.annotations import run_lengths
from lessons_lib.ops.masks import (
    all_sound,
    checked_runs,
    decode_rle,
    encode_rle,
    pairwise_mask_iou,
    pairwise_rle_iou,
    pairwise_rle_ious,
    runs_of_letters,
)


def random_masks(seed, count, height, width):
    masks = torch.rand(count, height, width, generator=torch.Generator().manual_seed(seed)) < 0.4
    if count > 1:
        masks[0] = False
    return masks


def iou_by_loops(pred, gt, crowd):
    both, either = int((pred & gt).sum()), int((pred | gt).sum())
    whole = int(pred.sum()) if crowd else either
    return both / whole if whole else 0.0


@given(st.integers(0, 2**31), *[st.integers(0, 5)] * 2, *[st.integers(1, 7)] * 2)
@settings(max_examples=200, deadline=None)
def test_iou_is_the_loops_and_the_run_lengths_too(seed, p, g, height, width):
    pred, gt = random_masks(seed, p, height, width), random_masks(seed + 1, g, height, width)
    crowd = torch.rand(g, generator=torch.Generator().manual_seed(seed)) < 0.5
    want = [[iou_by_loops(a, b, c) for b, c in zip(gt, crowd, strict=True)] for a in pred]
    want = torch.tensor(want, dtype=torch.float64).reshape(p, g)
    assert torch.equal(pairwise_mask_iou(pred, gt, crowd), want)
    assert torch.equal(pairwise_rle_iou(encode_rle(pred), encode_rle(gt), crowd), want)
    plain = torch.tensor([[iou_by_loops(a, b, False) for b in gt] for a in pred], dtype=torch.float64).reshape(p, g)
    assert torch.equal(pairwise_mask_iou(pred, gt), plain)
    assert torch.equal(pairwise_rle_iou(encode_rle(pred), encode_rle(gt)), plain)


def test_the_iou_of_many_images_is_that_of_each():
    """More images than are checked together, each of its own size, some without masks."""
    images, wants = [], []
    for seed in range(40):
        masks = random_masks(seed, 5, 1 + seed % 7, 1 + seed % 3)
        pred, gt = masks[: seed % 4], masks[seed % 5 :]
        crowd = torch.arange(len(gt)) % 2 == 0 if seed % 6 else None
        images.append((encode_rle(pred), encode_rle(gt), crowd))
        wants.append(pairwise_mask_iou(pred, gt, crowd))
    assert all(map(torch.equal, pairwise_rle_ious(images), wants))
    assert pairwise_rle_ious([]) == []


def test_by_hand():
    """Four pixels and four, two in common: 2 of 6; with a crowd, 2 of the prediction's 4."""
    pred, gt = torch.zeros(1, 3, 4, dtype=torch.bool), torch.zeros(2, 3, 4, dtype=torch.bool)
    pred[0, 0], gt[:, :2, :2] = True, True
    assert pairwise_mask_iou(pred, gt, torch.tensor([False, True])).tolist() == [[2 / 6, 2 / 4]]


def test_two_empty_masks_score_0():
    empty = torch.zeros(1, 3, 3, dtype=torch.bool)
    for crowd in (False, True):
        assert pairwise_mask_iou(empty, empty, torch.tensor([crowd])).tolist() == [[0]]


@given(st.integers(0, 2**31), st.integers(0, 4), *[st.integers(1, 9)] * 2)
@settings(max_examples=100, deadline=None)
def test_run_lengths_there_and_back(seed, count, height, width):
    masks = random_masks(seed, count, height, width)
    assert torch.equal(decode_rle(encode_rle(masks), (height, width)), masks)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_run_lengths_are_decoded_as_pycocotools_does():
    masks = random_masks(0, 4, 13, 17)
    theirs = torch.from_numpy(coco_mask.decode(encode_rle(masks)).transpose(2, 0, 1).astype(bool))
    assert torch.equal(decode_rle(encode_rle(masks), (13, 17)), theirs)


def test_run_lengths_by_hand():
    """Down the columns: one 0, then two 1 — the pixels (1, 0) and (0, 1) — and one 0: runs 1, 2, 1."""
    rle = encode_rle(torch.tensor([[[False, True], [True, False]]]))
    assert rle == [{"size": [2, 2], "counts": "121"}]


def test_large_masks_are_counted_exactly():
    """More pixels than float32 can count one by one."""
    masks = torch.ones(1, 4097, 4097, dtype=torch.bool)
    half = masks.clone()
    half[0, 0, 0] = False
    assert pairwise_mask_iou(half, masks).item() == (4097**2 - 1) / 4097**2


@given(st.integers(0, 2**31), *[st.integers(1, 40)] * 2, st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_letters_are_read_as_pycocotools_writes_them(seed, height, width, share):
    mask = torch.rand(height, width, generator=torch.Generator().manual_seed(seed)) < share
    assert runs_of_letters(encode_rle(mask[None])[0]["counts"].encode()).tolist() == run_lengths(mask)


def test_a_run_of_millions_is_read_too():
    mask = torch.zeros(1, 3000, 3000, dtype=torch.bool)
    mask[0, 1500:, 1700] = True
    counts = encode_rle(mask)[0]["counts"].encode()
    assert runs_of_letters(counts).tolist() == [1700 * 3000 + 1500, 1500, 1299 * 3000]


@pytest.mark.parametrize("letters", [7, 8, 12])
def test_a_number_of_more_than_seven_letters_is_none(letters):
    """Six letters `P` say 0 and go on, the last says 1 with all the fives of bits before it."""
    read = runs_of_letters(b"P" * (letters - 1) + b"1")
    assert read is None if letters > 7 else read.tolist() == [2 ** (5 * 6)]


def test_images_without_pixels():
    masks = torch.zeros(2, 0, 3, dtype=torch.bool)
    assert torch.equal(decode_rle(encode_rle(masks), (0, 3)), masks)
    assert decode_rle([], (4, 3)).shape == (0, 4, 3)


@pytest.mark.parametrize("seed", range(300))
def test_the_look_at_all_run_lengths_is_that_at_each(seed):
    """Sound ones, and the same with one letter changed, lost or added, or of another size."""
    generator = random.Random(seed)
    rng = torch.Generator().manual_seed(seed)
    shape = (generator.randint(1, 5), generator.randint(1, 40), generator.randint(1, 40))
    rles = encode_rle(torch.rand(shape, generator=rng) < generator.random())
    assert all_sound(rles)
    hit = generator.choice(rles)
    text, at = hit["counts"], generator.randrange(len(hit["counts"]))
    changed = text[:at] + chr(generator.randrange(40, 120)) + text[at + 1 :]
    hit["counts"] = generator.choice([changed, text[:at] + text[at + 1 :], text + chr(generator.randrange(48, 112))])
    if generator.random() < 0.2:
        hit["counts"], hit["size"] = text, [shape[1], shape[2] + 1]
    try:
        checked_runs("rles", rles)
        sound = True
    except ValueError:
        sound = False
    assert all_sound(rles) == sound


def test_the_quick_look_passes_no_text_that_the_long_one_refuses():
    """All texts of two letters from ! to ~, alone and behind a sound entry."""
    sound = {"size": [1, 3], "counts": "12"}
    for letters in itertools.product(map(chr, range(33, 127)), repeat=2):
        entry = {"size": [1, 3], "counts": "".join(letters)}
        try:
            checked_runs("rles", [entry])
            good = True
        except ValueError:
            good = False
        assert good or not all_sound([entry]), entry
        assert good or not all_sound([sound, entry]), entry
