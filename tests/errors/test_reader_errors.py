"""What the readers answer to missing sets and damaged files: the file, the field, what came, what is allowed."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from lessons_lib.data.files import DamagedFile, read_photo
from lessons_lib.data.open import open_dataset
from lessons_lib.data.sets.ade20k import Ade20kSamples
from lessons_lib.data.sets.camvid import CamVidSamples
from lessons_lib.data.sets.cityscapes import CityscapesSamples
from lessons_lib.data.sets.leaves import LeafSamples
from lessons_lib.data.sets.nuclei import NucleiSamples
from lessons_lib.data.sets.pascal_context import PascalContextSamples
from lessons_lib.data.sets.penn_fudan import PennFudanSamples
from lessons_lib.data.sets.sbd import SbdSamples
from lessons_lib.data.sets.sunrgbd import SunRgbdSamples
from lessons_lib.data.transforms import RandomScale, training_transform
from tests.data.published import mat, numbers, photo, png, structure


def put(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def jpeg(height=2, width=3):
    """A JPEG long enough to be cut in its middle."""
    rng = np.random.default_rng(0)
    memory = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(memory, "jpeg", quality=95)
    return memory.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not there"),
        (b"", "is empty (0 bytes)"),
        (b"<html>404 Not Found</html>", "cannot be read as an image: cannot identify image file"),
        (jpeg(64, 64)[:-400], "cannot be read as an image: image file is truncated"),
        (png([[1, 2]] * 40)[:-30], "cannot be read as an image: "),
        (photo(2, 2)[:20] + b"\xff" + photo(2, 2)[21:], "cannot be read as an image: "),
    ],
)
def test_pictures_that_cannot_be_read(tmp_path, content, message):
    if content is not None:
        put(tmp_path, {"a.jpg": content})
    with pytest.raises(DamagedFile, match=re.escape(message)) as caught:
        read_photo(tmp_path / "a.jpg")
    assert caught.value.file == str(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (SbdSamples, r"root must hold img and cls and inst and train\.txt, which is not there"),
        (PascalContextSamples, r"root must hold VOCdevkit/VOC2010/JPEGImages and .*train\.txt, which is not there"),
        (SunRgbdSamples, r"root must hold SUNRGBD-train_images, which is not there"),
        (CamVidSamples, r"root must hold train and trainannot, which is not there"),
        (CityscapesSamples, r"root must hold leftImg8bit/train and gtFine/train, which is not there"),
        (Ade20kSamples, r"root must hold images/training and annotations/training, which is not there"),
        (PennFudanSamples, r"root must hold PNGImages and PedMasks, which is not there"),
        (NucleiSamples, r"root must hold stage1_train, which is not there"),
        (LeafSamples, r"root must hold training/A1/\*_rgb\.png, which is not there"),
    ],
)
def test_sets_that_are_not_there(tmp_path, build, message):
    with pytest.raises(FileNotFoundError, match=message):
        build(tmp_path)


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (SbdSamples, {"split": "test"}, "split must be among 'train', 'val', 'train_noval', got 'test'"),
        (PascalContextSamples, {"split": "test"}, "split must be among 'train', 'val', 'trainval', got 'test'"),
        (PascalContextSamples, {"label_set": 33}, "label_set must be 59 or 459, got 33"),
        (SunRgbdSamples, {"num_classes": 19}, "num_classes must be 37 or 13, got 19"),
        (SunRgbdSamples, {"split": "val"}, "split must be among 'train', 'test', got 'val'"),
        (CityscapesSamples, {"split": "test"}, "split must be among 'train', 'val', got 'test'"),
        (CityscapesSamples, {"mode": "rough"}, "mode must be 'fine' or 'coarse', got 'rough'"),
        (Ade20kSamples, {"split": "val"}, "split must be among 'training', 'validation', got 'val'"),
        (CamVidSamples, {"split": "all"}, "split must be among 'train', 'val', 'test', got 'all'"),
    ],
)
def test_options_that_there_are_not(tmp_path, build, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build(tmp_path, **options)


def test_splits_of_sets_without_any(tmp_path):
    put(tmp_path, {"a_rgb.png": photo(1, 1), "PNGImages/a.png": photo(1, 1), "PedMasks/a_mask.png": png([[1]])})
    for build in (LeafSamples, PennFudanSamples):
        with pytest.raises(ValueError, match="split must be among 'train', 'val', 'all', 'train2'"):
            build(tmp_path, "test")
        with pytest.raises(IndexError, match=re.escape("index must be in [0, 1), got 1")):
            build(tmp_path, "all")[1]


GTCLS = structure("GTcls", Segmentation=numbers("", [[0, 15]]))
GTINST = structure("GTinst", Segmentation=numbers("", [[0, 1]]), Categories=numbers("", [[15]]))


@pytest.mark.parametrize(
    ("classes", "objects", "message"),
    [
        (b"no mat file at all, " * 9, mat(GTINST), r"cls.a\.mat: cannot be read as a MATLAB file: "),
        (mat(GTCLS)[:-40], mat(GTINST), r"cls.a\.mat: cannot be read as a MATLAB file: "),
        (mat(GTINST), mat(GTINST), r"cls.a\.mat, GTcls: must hold the variable GTcls, got GTinst"),
        (mat(GTCLS), mat(structure("GTinst", Other=numbers("", [[1]]))), r"GTinst\.Segmentation: must be one struct"),
        (
            mat(structure("GTcls", Segmentation=numbers("", [[0], [1]]))),
            mat(GTINST),
            r"as its image, \(1, 2\), got \(2",
        ),
        (
            mat(structure("GTcls", Segmentation=numbers("", [[0, 21]]))),
            mat(GTINST),
            r"classes 0 to 20, got 21 in 1 pix",
        ),
        (
            mat(GTCLS),
            mat(structure("GTinst", Segmentation=numbers("", [[0, 3]]), Categories=numbers("", [[15]]))),
            r"inst.a\.mat, GTinst\.Categories: must name every object of the map, got 1 entries and object 3",
        ),
        (
            mat(GTCLS),
            mat(structure("GTinst", Segmentation=numbers("", [[0, 1]]), Categories=numbers("", [[25]]))),
            r"GTinst\.Categories: must hold classes 1 to 20, got \[25\]",
        ),
    ],
)
def test_sbd(tmp_path, classes, objects, message):
    files = {"img/a.jpg": photo(1, 2), "cls/a.mat": classes, "inst/a.mat": objects, "train.txt": b"a\n"}
    with pytest.raises(DamagedFile, match=message):
        SbdSamples(put(tmp_path, files))[0]


def test_pascal_context(tmp_path):
    home = "VOCdevkit/VOC2010/"
    files = {home + "JPEGImages/a.jpg": photo(1, 2), home + "ImageSets/Main/val.txt": b"a\n"}
    put(tmp_path, {**files, "trainval/a.mat": mat(numbers("LabelMap", [[1, 460]], "uint16"))})
    with pytest.raises(DamagedFile, match=r"a\.mat, LabelMap: must hold labels 0 to 459, got 460 in 1 pixels"):
        PascalContextSamples(tmp_path, "val")[0]
    put(tmp_path, {"trainval/a.mat": mat(numbers("LabelMap", [[1]], "uint16"))})
    with pytest.raises(DamagedFile, match=r"LabelMap: must be as large as its image, \(1, 2\), got \(1, 1\)"):
        PascalContextSamples(tmp_path, "val")[0]


def test_label_pictures(tmp_path):
    put(tmp_path, {"train/img-000001.jpg": photo(1, 1), "labels/img-005051.png": png([[38]])})
    with pytest.raises(DamagedFile, match=r"img-005051\.png, pixels: must hold labels 0 to 37, got 38"):
        SunRgbdSamples(tmp_path)[0]
    put(tmp_path, {"train/a.png": photo(1, 1), "trainannot/a.png": png([[12]])})
    with pytest.raises(DamagedFile, match="must hold labels 0 to 10, or 11 for void, got 12"):
        CamVidSamples(tmp_path)[0]
    put(tmp_path, {"images/training/a.jpg": photo(1, 1), "annotations/training/a.png": png([[151]])})
    with pytest.raises(DamagedFile, match="must hold labels 0 to 150, got 151"):
        Ade20kSamples(tmp_path)[0]
    put(tmp_path, {"annotations/training/a.png": png([[1]]), "annotations_instance/training/a.png": png([[(0, 1, 0)]])})
    with pytest.raises(DamagedFile, match=r"a\.png, object 1: must be of one category in 1 to 100, got \[0\]"):
        Ade20kSamples(tmp_path)[0]
    put(tmp_path, {"annotations_instance/training/a.png": png([[1]])})
    with pytest.raises(DamagedFile, match=r"must be a colour image \(mode RGB\), got mode L"):
        Ade20kSamples(tmp_path)[0]


def test_cityscapes(tmp_path):
    name = "{}/train/ulm/ulm_000000_000019_{}.png"
    files = {
        name.format("leftImg8bit", "leftImg8bit"): photo(1, 2),
        name.format("gtFine", "gtFine_labelIds"): png([[7, 26]]),
        name.format("gtFine", "gtFine_instanceIds"): png([[7, 24000]], bits=16),
    }
    samples = CityscapesSamples(put(tmp_path, files))
    with pytest.raises(
        DamagedFile, match=r"instanceIds\.png, pixel \(0, 1\): must be of the class in .*got 24000 where"
    ):
        samples[0]
    put(tmp_path, {name.format("gtFine", "gtFine_labelIds"): png([[7, 34]])})
    with pytest.raises(DamagedFile, match="must hold label ids 0 to 33, got 34"):
        samples[0]


def test_nuclei(tmp_path):
    put(tmp_path, {"stage1_train/a/images/a.png": photo(1, 2), "stage1_train/a/masks/b.png": png([[0, 0]])})
    with pytest.raises(DamagedFile, match=r"b\.png: must mark a nucleus, got an empty mask"):
        NucleiSamples(tmp_path)[0]
    put(tmp_path, {"stage1_train/a/masks/b.png": png([[255]])})
    with pytest.raises(DamagedFile, match=r"b\.png: must be as large as its image, \(1, 2\), got \(1, 1\)"):
        NucleiSamples(tmp_path)[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("imagenet", "."), "data must be one of scenes, ade20k, camvid, cityscapes, coco, coco2017, leaves, nuclei"),
        (("camvid",), "root must be the folder that holds camvid (--root FOLDER), got none"),
        (("camvid", ".", "train", "ignore"), "on_error must be 'raise' or 'skip', got 'ignore'"),
        (("scenes", None, "test"), "split must be one of train, val for scenes, got 'test'"),
    ],
)
def test_names_that_there_are_not(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        open_dataset(*arguments)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: RandomScale(0, 1), "low and high must be 0 < low ≤ high, got 0 and 1"),
        (lambda: RandomScale(2, 1), "low and high must be 0 < low ≤ high, got 2 and 1"),
        (lambda: training_transform(0), "size must be ≥ 1, got 0"),
        (lambda: training_transform(8, flip=2), "flip must be in [0, 1], got 2"),
        (lambda: training_transform(8, colour=-1), "colour must be in [0, 1], got -1"),
        (lambda: training_transform(8, scales=(0, 1)), "low and high must be 0 < low ≤ high, got 0 and 1"),
    ],
)
def test_transforms_that_there_are_not(build, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build()
