"""Every layout read right from files written byte by byte, as the formats are published."""

import numpy as np
import pytest
import torch
from PIL import Image

from lessons_lib.data.class_table import voc_colour
from lessons_lib.data.sets.ade20k import ADE20K, Ade20kSamples
from lessons_lib.data.sets.camvid import CAMVID, CamVidSamples
from lessons_lib.data.sets.cityscapes import THING_IDS, TRAIN_IDS, CityscapesSamples
from lessons_lib.data.sets.classes import VOC
from lessons_lib.data.sets.classes_ade20k import INSTANCE_CATEGORIES
from lessons_lib.data.sets.classes_context import CONTEXT59, CONTEXT459
from lessons_lib.data.sets.leaves import LeafSamples
from lessons_lib.data.sets.nuclei import NucleiSamples
from lessons_lib.data.sets.pascal_context import PascalContextSamples, context_table
from lessons_lib.data.sets.penn_fudan import PennFudanSamples
from lessons_lib.data.sets.sbd import SbdSamples
from lessons_lib.data.sets.sunrgbd import CLASSES13, CLASSES37, FROM_37_TO_13, SunRgbdSamples
from tests.data.published import mat, numbers, photo, png, structure


def put(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def only(samples):
    """The one sample of a set, whose photograph is the plain grey 77."""
    assert len(samples) == len(samples.names) == 1
    sample = samples[0]
    assert torch.equal(sample.image, torch.full_like(sample.image, 77 / 255))
    assert len(samples.classes) == len(samples.colours)
    assert all(path.is_file() for path in samples.paths(0))
    assert not sample.instances.is_crowd.any()
    return sample


@pytest.mark.parametrize("home", ["", "benchmark_RELEASE/dataset/"])
def test_sbd(tmp_path, home):
    classes = structure("GTcls", Segmentation=numbers("", [[0, 15, 15], [20, 20, 0]]))
    objects = structure(
        "GTinst",
        Segmentation=numbers("", [[0, 2, 3], [1, 1, 0]]),
        Categories=numbers("", [[20], [15], [15]]),
    )
    files = {"img/a.jpg": photo(2, 3), "cls/a.mat": mat(classes), "inst/a.mat": mat(objects), "train.txt": "a\n"}
    sample = only(SbdSamples(put(tmp_path, {home + name: content for name, content in files.items()})))
    assert sample.label_map.tolist() == [[0, 15, 15], [20, 20, 0]]
    assert sample.instances.labels.tolist() == [20, 15, 15]
    assert sample.instances.boxes.tolist() == [[0, 1, 2, 2], [1, 0, 2, 1], [2, 0, 3, 1]]
    assert sample.instances.masks[0].int().tolist() == [[0, 0, 0], [1, 1, 0]]


def context_files(rows):
    home = "VOCdevkit/VOC2010/"
    return {
        home + "JPEGImages/2008_000002.jpg": photo(len(rows), len(rows[0])),
        home + "ImageSets/Main/train.txt": "2008_000002\n",
        "trainval/2008_000002.mat": mat(numbers("LabelMap", rows, "uint16")),
    }


def test_pascal_context(tmp_path):
    rows = [[2, 397, 19], [80, 431, 0], [459, 256, 255]]  # aeroplane, table, bedclothes; cloth, unknown, nothing; wool
    put(tmp_path, context_files(rows))
    scored = only(PascalContextSamples(tmp_path))
    assert scored.label_map.tolist() == [[1, 11, 52], [28, 0, 0], [0, 0, 0]]
    assert [CONTEXT59.names[label] for label in (1, 11, 52, 28)] == ["aeroplane", "diningtable", "bedcloth", "clothes"]
    samples = PascalContextSamples(tmp_path, label_set=459)
    full = only(samples)
    assert full.label_map.tolist() == [[1, 396 + 1, 18], [79, 430 + 1, 255], [459, 256, 254]]
    names = [samples.classes[label] for label in full.label_map.flatten().tolist()]
    assert names[:5] == ["aeroplane", "table", "bedclothes", "cloth", "unknown"]
    assert names[5:] == ["void", "wool", CONTEXT459.names[255], CONTEXT459.names[254]]


def test_context_labels_are_one_to_one():
    full, scored = context_table(459), context_table(59)
    assert len(set(full.tolist())) == 460 and full[0] == 255
    assert sorted(scored[scored > 0].tolist()) == list(range(1, 60))
    assert len(CONTEXT459) == 459 and len(set(CONTEXT459.names)) == 459 and len(CONTEXT59) == 60


@pytest.mark.parametrize(("num_classes", "labels"), [(37, [[0, 36, 255]]), (13, [[11, 6, 255]])])
def test_sunrgbd(tmp_path, num_classes, labels):
    files = {"SUNRGBD-train_images/img-000002.jpg": photo(1, 3)}
    files["sunrgbd_train_test_labels/img-005052.png"] = png([[1, 37, 0]])  # wall, bag, unlabelled
    samples = SunRgbdSamples(put(tmp_path, files), num_classes=num_classes)
    assert only(samples).label_map.tolist() == labels
    assert samples.classes[labels[0][0]] == "wall"


def test_sunrgbd_test_pictures_come_first(tmp_path):
    put(tmp_path, {"test/img-000002.jpg": photo(1, 1), "labels/img-000002.png": png([[37]])})
    assert only(SunRgbdSamples(tmp_path, "test")).label_map.tolist() == [[36]]
    assert len(CLASSES37) == len(FROM_37_TO_13) == 37 and set(FROM_37_TO_13) == set(range(1, 14))
    assert CLASSES13.names[FROM_37_TO_13[CLASSES37.names.index("night stand")] - 1] == "furniture"


def test_camvid(tmp_path):
    files = {
        "CamVid/val/0016E5_07959.png": photo(2, 3),
        "CamVid/valannot/0016E5_07959.png": png([[0, 10, 11], [3, 4, 8]]),
    }
    assert only(CamVidSamples(put(tmp_path, files), "val")).label_map.tolist() == [[0, 10, 255], [3, 4, 8]]
    assert (
        CAMVID.classes.names[8] == "car"
        and CAMVID.classes.colours[8] == (64, 0, 128)
        and CAMVID.classes.names[6] == "sign symbol"
    )


def test_cityscapes(tmp_path):
    ids = [[7, 26, 26, 26], [0, 29, 24, 33]]  # road, two cars, a group of cars; unlabelled, caravan, person, bicycle
    values = [[7, 26001, 26000, 26], [0, 29000, 24000, 33012]]
    city = "{}/val/ulm/ulm_000000_000019_{}.png"
    files = {
        city.format("leftImg8bit", "leftImg8bit"): photo(2, 4),
        city.format("gtFine", "gtFine_labelIds"): png(ids),
        city.format("gtFine", "gtFine_instanceIds"): png(values, bits=16),
    }
    samples = CityscapesSamples(put(tmp_path, files), "val")
    sample = samples[0]
    assert len(samples) == 1 and all(path.is_file() for path in samples.paths(0))
    assert torch.equal(sample.image, torch.full_like(sample.image, 77 / 255))
    assert samples.names == ("ulm_000000_000019",)
    assert sample.label_map.tolist() == [[0, 13, 13, 13], [255, 255, 11, 18]]
    labels = [13, 11, 13, 13, 18]  # a group of cars, person, car, car, bicycle; the caravan is not scored
    assert sample.instances.labels.tolist() == labels
    assert sample.instances.is_crowd.tolist() == [True, False, False, False, False]
    assert sample.instances.boxes.tolist() == [[3, 0, 4, 1], [2, 1, 3, 2], [2, 0, 3, 1], [1, 0, 2, 1], [3, 1, 4, 2]]
    assert samples.classes[0] == "road" and samples.classes[18] == "bicycle" and samples.colours[13] == (0, 0, 142)
    assert THING_IDS == (24, 25, 26, 27, 28, 31, 32, 33) and TRAIN_IDS[29] == TRAIN_IDS[30] == 255


def test_ade20k(tmp_path):
    files = {
        "images/training/ADE_train_00000001.jpg": photo(2, 3),
        "annotations/training/ADE_train_00000001.png": png([[0, 1, 150], [8, 8, 13]]),
    }
    put(tmp_path / "ADEChallengeData2016", files)
    sample = only(Ade20kSamples(tmp_path))
    assert sample.label_map.tolist() == [[255, 0, 149], [7, 7, 12]]
    assert len(sample.instances) == 0 and sample.instances.masks.shape == (0, 2, 3)
    objects = [[(0, 0, 0), (0, 0, 0), (100, 9, 0)], [(1, 2, 0), (1, 1, 0), (4, 3, 0)]]  # a flag, two beds, a person
    name = "ADEChallengeData2016/annotations_instance/training/ADE_train_00000001.png"
    samples = Ade20kSamples(put(tmp_path, {name: png(objects)}))
    instances = only(samples).instances
    assert [samples.classes[label] for label in instances.labels] == ["bed", "bed", "person", "flag"]
    assert instances.boxes.tolist() == [[1, 1, 2, 2], [0, 1, 1, 2], [2, 1, 3, 2], [2, 0, 3, 1]]


def test_tables_of_ade20k():
    assert (
        len(ADE20K.classes) == 150
        and ADE20K.classes.names[0] == "wall"
        and ADE20K.classes.colours[0] == (120, 120, 120)
    )
    assert len(set(INSTANCE_CATEGORIES)) == len(INSTANCE_CATEGORIES) == 100
    assert INSTANCE_CATEGORIES[0] == 8 and INSTANCE_CATEGORIES[99] == 150


def test_penn_fudan(tmp_path):
    files = {
        "PennFudanPed/PNGImages/FudanPed00001.png": photo(2, 3),
        "PennFudanPed/PedMasks/FudanPed00001_mask.png": png([[0, 2, 2], [1, 0, 2]]),
    }
    sample = only(PennFudanSamples(put(tmp_path, files)))
    assert sample.label_map.tolist() == [[0, 1, 1], [1, 0, 1]]
    assert sample.instances.labels.tolist() == [1, 1]
    assert sample.instances.boxes.tolist() == [[0, 1, 1, 2], [1, 0, 3, 2]]


@pytest.mark.parametrize("suffix", ["png", "PNG"])
def test_nuclei(tmp_path, suffix):
    """A mask whose suffix is in capitals was passed over, and its nucleus with it."""
    home = "stage1_train/00ab/"
    files = {
        home + "images/00ab.png": photo(2, 3),
        home + f"masks/b.{suffix}": png([[0, 255, 255], [0, 0, 0]]),
        home + "masks/a.png": png([[0, 0, 255], [0, 0, 255]]),  # shares a pixel
    }
    sample = only(NucleiSamples(put(tmp_path, files)))
    assert sample.label_map.tolist() == [[0, 1, 1], [0, 0, 1]]
    assert sample.instances.boxes.tolist() == [[2, 0, 3, 2], [1, 0, 3, 1]]  # a before b
    assert sample.instances.masks.sum((1, 2)).tolist() == [2, 2]


@pytest.mark.parametrize("home", ["training/A1/", "A1/", ""])
def test_leaves(tmp_path, home):
    palette = [0, 0, 0, 200, 30, 30, 1, 1, 1]
    files = {f"{home}plant001_rgb.png": photo(2, 3), f"{home}plant001_label.png": png([[2, 2, 0], [0, 1, 1]], palette)}
    sample = only(LeafSamples(put(tmp_path, files)))
    assert sample.label_map.tolist() == [[1, 1, 0], [0, 1, 1]]
    assert sample.instances.boxes.tolist() == [[1, 1, 3, 2], [0, 0, 2, 1]]


def test_sets_without_splits_keep_every_fifth(tmp_path):
    for number in range(11):
        put(tmp_path, {f"plant{number:03d}_rgb.png": photo(1, 1), f"plant{number:03d}_label.png": png([[1]])})
    names = {split: LeafSamples(tmp_path, split).names for split in ("train", "val", "all")}
    assert names["val"] == ("plant004", "plant009")
    assert sorted(names["train"] + names["val"]) == list(names["all"]) and len(names["all"]) == 11


@pytest.mark.parametrize("index", [0, 1, 2, 15, 255])
def test_colour_rule_of_voc(index):
    published = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 15: (192, 128, 128), 255: (224, 224, 192)}
    assert voc_colour(index) == published[index]
    assert len({voc_colour(i) for i in range(1000)}) == 1000 and VOC.colours[15] == published[15]


def test_the_bytes_are_what_other_readers_see(tmp_path):
    """PIL and scipy agree that the files above are what they claim."""
    from scipy.io import loadmat

    put(tmp_path, {"a.png": png([[1, 70000 % 65536]], bits=16), "b.mat": mat(numbers("x", [[1, 2, 3], [4, 5, 6]]))})
    with Image.open(tmp_path / "a.png") as picture:
        assert np.array(picture).tolist() == [[1, 4464]]
    assert loadmat(tmp_path / "b.mat")["x"].tolist() == [[1, 2, 3], [4, 5, 6]]
