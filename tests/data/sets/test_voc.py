"""The VOC reader on files written byte by byte from the published format."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from lessons_lib.data.sets.voc import VOC_CLASSES, VocSamples

# Colours of the published palette: classes 0, 1, 2, 3, 15, 20 and the void 255.
COLOURS = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 15: (192, 128, 128), 20: (0, 64, 128)}
COLOURS[255] = (224, 224, 192)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def palette_png(rows):
    """A PNG of colour type 3 (palette) and 8 bits, from the specification: signature, IHDR, PLTE, IDAT, IEND."""
    palette = b"".join(bytes(COLOURS.get(index, (1, 2, 3))) for index in range(256))
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 3, 0, 0, 0)
    pixels = b"".join(b"\0" + bytes(row) for row in rows)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"PLTE", palette)
        + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    )  # fmt: skip


CLASS_ROWS = [
    [0, 255, 255, 255, 0, 0],
    [0, 255, 15, 255, 0, 0],
    [0, 255, 15, 255, 20, 20],
    [0, 255, 255, 255, 20, 255],
]
OBJECT_ROWS = [
    [0, 255, 255, 255, 0, 0],
    [0, 255, 2, 255, 0, 0],
    [0, 255, 2, 255, 1, 1],
    [0, 255, 255, 255, 1, 255],
]


def write_root(root, class_rows=CLASS_ROWS, object_rows=OBJECT_ROWS, photo_mode="L"):
    home = root / "VOCdevkit" / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"):
        (home / folder).mkdir(parents=True)
    (home / "ImageSets" / "Segmentation" / "val.txt").write_text("2007_000032\n")
    shape = (4, 6) if photo_mode == "L" else (4, 6, 3)
    Image.fromarray(np.full(shape, 77, dtype=np.uint8)).save(home / "JPEGImages" / "2007_000032.jpg", quality=95)
    (home / "SegmentationClass" / "2007_000032.png").write_bytes(palette_png(class_rows))
    (home / "SegmentationObject" / "2007_000032.png").write_bytes(palette_png(object_rows))
    return root


@pytest.mark.parametrize("photo_mode", ["L", "RGB"])
def test_indices_not_colours(tmp_path, photo_mode):
    samples = VocSamples(write_root(tmp_path, photo_mode=photo_mode), "val")
    assert len(samples) == 1 and VOC_CLASSES[15] == "person" and VOC_CLASSES[20] == "tvmonitor"
    sample = samples[0]
    assert sample.label_map.tolist() == CLASS_ROWS
    assert sample.image.shape == (3, 4, 6)
    torch.testing.assert_close(sample.image, torch.full((3, 4, 6), 77 / 255), atol=2 / 255, rtol=0)
    instances = sample.instances
    assert instances.labels.tolist() == [20, 15]  # in the order of the object numbers
    assert instances.boxes.tolist() == [[4, 2, 6, 4], [2, 1, 3, 3]]
    assert instances.masks[0].int().tolist() == [[0] * 6, [0] * 6, [0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 0]]
    assert instances.is_crowd.tolist() == [False, False]


def test_a_picture_without_objects(tmp_path):
    empty = [[0] * 6 for _ in range(4)]
    sample = VocSamples(write_root(tmp_path, empty, empty), "val")[0]
    assert len(sample.instances) == 0 and sample.instances.masks.shape == (0, 4, 6)


def test_the_commonest_class_names_an_object(tmp_path):
    classes = [row[:] for row in CLASS_ROWS]
    classes[2][4] = classes[3][4] = 255  # object 1 keeps one pixel of class 20 beside two of void
    classes[2][2] = 3  # object 2: one of 15, one of 3; the smaller number wins a tie
    sample = VocSamples(write_root(tmp_path, classes), "val")[0]
    assert sample.instances.labels.tolist() == [20, 3]
