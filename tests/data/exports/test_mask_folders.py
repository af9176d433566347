"""Images and masks under every name that people give them: the values read by Pillow, and damage."""

import hashlib
import io
import os
import re
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.open import open_dataset, recognised, require_truth
from lessons_lib.training.run import identity_of
from tests.data.published import photo, png
from tests.data.test_layouts import put

ROWS = [[0, 255, 255], [0, 0, 255]]
LABELS = [[0, 1, 2], [2, 255, 1]]


def stored(rows, form="PNG", mode=None):
    picture = Image.fromarray(np.array(rows, dtype=np.uint8))
    content = io.BytesIO()
    (picture.convert(mode) if mode else picture).save(content, form)
    return content.getvalue()


def opened(root, files, split="all"):
    return open_dataset("auto", put(root, files), split)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/a.jpg", "masks/a.png"),
        ("Images/A.JPG", "Masks/a.PNG"),
        ("imgs/ü 1.jpg", "labels/u\u0308 1.png"),
        ("images/a.jpg", "masks/a_mask.png"),
        ("images/a_image.jpg", "masks/a_Mask.png"),
        ("images/img_7.jpg", "annotations/mask_7.tif"),
        ("images/train/a.jpg", "masks/train/a.png"),
        ("train/images/a.jpg", "train/masks/a.bmp"),
        ("train/a.jpg", "train_masks/a_mask.gif"),
        ("a.jpg", "a_mask.png"),
        ("1_sat.jpg", "1_mask.png"),
        ("x/y/image/a.jpg", "x/y/label/a.png"),
    ],
)
def test_the_mask_of_an_image(tmp_path, image, mask):
    form = {"png": "PNG", "tif": "TIFF", "bmp": "BMP", "gif": "GIF"}[mask.lower()[-3:]]
    samples = opened(tmp_path, {image: photo(2, 3), mask: stored(ROWS, form)})
    assert [spec.name for spec in recognised(tmp_path)] == ["mask_folders"] and len(samples) == 1
    assert samples[0].label_map.tolist() == [[0, 1, 1], [0, 0, 1]] and samples.classes == ("background", "object")
    assert samples.paths(0)[1].name == mask.rsplit("/")[-1]


@pytest.mark.parametrize("mode", ["1", "RGB", "RGBA", "LA", "I;16", None])
def test_one_value_beside_zero_in_any_kind_of_image(tmp_path, mode):
    samples = opened(tmp_path, {"images/a.jpg": photo(2, 3), "masks/a.png": stored(ROWS, mode=mode)})
    assert samples[0].label_map.tolist() == [[0, 1, 1], [0, 0, 1]]


@pytest.mark.parametrize("names", ["", "background\r\ncat\r\ndog\r\n", "\ufeffcat\ndog\n"])
def test_label_maps_and_names_for_their_values(tmp_path, names):
    files = {"images/a.jpg": photo(2, 3), "masks/a.png": png(LABELS)} | ({"classes.txt": names} if names else {})
    samples = opened(tmp_path, files)
    assert samples[0].label_map.tolist() == LABELS
    assert samples.classes[1:] == (("cat", "dog") if names else ("class 1", "class 2"))
    assert len(samples[0].instances) == 0
    with pytest.raises(
        ValueError, match=re.escape("data must have boxes for this model, got none: its masks say which class")
    ):
        require_truth(samples, "boxes")


def test_a_palette_is_read_by_its_indices(tmp_path):
    mask = png([[0, 1], [2, 1]], palette=[9, 9, 9, 200, 0, 0, 0, 0, 200])
    assert opened(tmp_path, {"images/a.jpg": photo(2, 2), "masks/a.png": mask})[0].label_map.tolist() == [
        [0, 1],
        [2, 1],
    ]


def stack():
    content = io.BytesIO()
    pages = [Image.fromarray(np.zeros((2, 3), np.uint8))] * 3
    pages[0].save(content, "TIFF", save_all=True, append_images=pages[1:])
    return content.getvalue()


GOOD = {"images/z.jpg": photo(2, 3), "masks/z.png": png(LABELS)}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"masks/a.tif": stack()}, "a.tif: must hold one image, got a stack of 3: save each as a file of its own"),
        ({"images/a.jpg": stack(), "masks/a.png": png(LABELS)}, "must be as large as"),
        ({}, "a.jpg: has no mask of its name among masks such as masks/z.png; put it right, or leave the image out"),
        ({"masks/a.png": png([[0, 1]])}, "a.png: must be as large as its image, (2, 3), got (1, 2)"),
        (
            {"masks/a.png": stored(np.full((2, 3, 3), (200, 3, 0)))},
            "a.png, pixels: must hold numbers, got the colour (200, 3, 0)",
        ),
        ({"masks/a.png": stored(ROWS, "JPEG")}, "a.png: must be stored without loss, as PNG is, got JPEG"),
        ({"masks/a.png": b""}, "a.png: is empty (0 bytes)"),
    ],
)
def test_damage_names_the_file_and_can_be_skipped(tmp_path, files, said):
    samples = opened(tmp_path, GOOD | {"images/a.jpg": photo(2, 3)} | files)
    if "images/a.jpg" in files:
        return
    with pytest.raises(DamagedFile, match=re.escape(said)):
        samples[0]
    assert len(list(open_dataset("auto", tmp_path, "all", on_error="skip"))) == 1


def test_a_stack_of_photographs_is_refused(tmp_path):
    samples = opened(tmp_path, {"images/a.tif": stack(), "masks/a.png": png(LABELS)})
    with pytest.raises(DamagedFile, match=re.escape("a.tif: must hold one image, got a stack of 3")):
        samples[0]


def test_too_few_names(tmp_path):
    with pytest.raises(
        DamagedFile, match=re.escape("classes.txt: must name 2 classes, as many as the masks have, got 1")
    ):
        opened(tmp_path, GOOD | {"classes.txt": "cat"})


def test_two_values_of_one_name(tmp_path):
    with pytest.raises(DamagedFile, match=r"classes\.txt: must give each class a name of its own, got 'cat' again"):
        opened(tmp_path, GOOD | {"classes.txt": "cat\ncat"})


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is UTF-8 or UTF-16")
def test_names_that_are_no_utf8(tmp_path):
    """As an archive of an old Windows leaves them."""
    old = os.fsdecode(b"K\xe4se")
    samples = opened(tmp_path, {f"images/{old}.jpg": photo(2, 3), f"masks/{old}.png": png(LABELS)} | GOOD)
    assert samples.names == (old, "z") and samples[0].label_map.tolist() == LABELS
    assert identity_of(samples) == [2, hashlib.sha256(b"K\xed\xb3\xa4se\nz").hexdigest()[:16]]


def test_masks_without_a_photograph_are_noted(tmp_path):
    samples = opened(tmp_path, GOOD | {"masks/y.png": png(LABELS)})
    assert len(samples) == 1 and samples.notes[0].startswith("1 masks have no photograph, such as ")


def test_splits(tmp_path):
    for split in ("train", "val"):
        put(tmp_path, {f"{split}/images/{split}.jpg": photo(2, 3), f"{split}/masks/{split}.png": png(LABELS)})
    samples = open_dataset("auto", tmp_path, "val")
    assert (
        samples.names == ("val",)
        and not samples.splits_made
        and samples.classes == ("background", "class 1", "class 2")
    )


def mask(*pixels):
    rows = torch.zeros(2, 3, dtype=torch.uint8)
    for y, x in pixels:
        rows[y, x] = 255
    return png(rows.tolist())


@pytest.mark.parametrize(
    ("image", "folder"),
    [("{}/images/x.png", "{}/masks"), ("images/{}.JPG", "masks/{}"), ("train/{}/images/x.tif", "train/{}/masks")],
)
def test_a_folder_of_masks_for_each_image(tmp_path, image, folder):
    for name in ("b b", "ä"):
        files = {f"{folder.format(name)}/1.png": mask((0, 1), (0, 2)), f"{folder.format(name)}/2.PNG": mask((1, 0))}
        put(tmp_path, files | {image.format(name): photo(2, 3)})
    assert recognised(tmp_path)[0].name == "object_masks"
    samples = open_dataset("auto", tmp_path, "all")
    assert samples.names == ("b b", "ä") and samples.classes == ("background", "object")
    assert samples[1].instances.masks.int().tolist() == [[[0, 1, 1], [0, 0, 0]], [[0, 0, 0], [1, 0, 0]]]
    assert samples[0].label_map.tolist() == [[0, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (mask(), "2.png, pixels: must hold 0 and one other value, got an empty mask"),
        (png([[1, 2, 0], [0, 0, 0]]), "2.png, pixels: must hold 0 and one other value, got 2 others"),
        (png([[1]]), "2.png: must be as large as its image, (2, 3), got (1, 1)"),
    ],
)
def test_a_damaged_object(tmp_path, content, said):
    put(tmp_path, {"a/images/a.png": photo(2, 3), "a/masks/1.png": mask((0, 0)), "a/masks/2.png": content})
    with pytest.raises(DamagedFile, match=re.escape(said)):
        open_dataset("auto", tmp_path, "all")[0]


@pytest.mark.parametrize("more", [{"b/masks/1.png": mask((0, 0))}, {"masks/c/1.png": mask((0, 0))}])
def test_masks_of_objects_without_a_photograph_are_noted(tmp_path, more):
    whole = {"a/images/a.jpg": photo(2, 3), "a/masks/1.png": mask((0, 0)), "a/masks/2.png": mask((1, 1))}
    assert opened(tmp_path / "whole", whole).notes == ()
    (said,) = opened(tmp_path / "more", whole | more).notes
    (there,) = more
    assert said.startswith("1 folders of masks have no photograph, or not one alone, such as ")
    assert said.endswith(there.removesuffix("/1.png"))


def test_a_folder_of_masks_that_is_not_there(tmp_path):
    put(tmp_path, {"a/images/a.png": photo(2, 3), "a/masks/1.png": mask((0, 0)), "b/images/b.png": photo(2, 3)})
    with pytest.raises(DamagedFile, match=r"b\.png: has no folder of masks, which should be .*b.masks"):
        open_dataset("auto", tmp_path, "all")[1]
