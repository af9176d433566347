"""VOC's folders with classes of their own: colours, palettes, lists, and what is missing."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.open import open_dataset, recognised
from tests.data.published import photo, png
from tests.data.test_layouts import put

LABELS = [[0, 1, 2], [2, 255, 1]]
OBJECTS = [[0, 1, 2], [3, 255, 1]]
COLOURS = {0: (0, 0, 0), 1: (250, 50, 83), 2: (50, 183, 250), 255: (224, 224, 192)}
LABELMAP = "# label:color_rgb:parts:actions\r\nbackground:0,0,0::\r\nmy cat:250,50,83::\r\ndog:50,183,250::\r\n"


def coloured(rows, colours=COLOURS):
    content = io.BytesIO()
    Image.fromarray(np.array([[colours[value] for value in row] for row in rows], np.uint8)).save(content, "PNG")
    return content.getvalue()


def files(classes=None, objects=None, **more):
    found = {"JPEGImages/a.jpg": photo(2, 3), "SegmentationClass/a.png": png(LABELS) if classes is None else classes}
    return found | ({"SegmentationObject/a.png": objects} if objects else {}) | more


def opened(root, content, split="all"):
    return open_dataset("auto", put(root, content), split)


@pytest.mark.parametrize("objects", [png(OBJECTS), coloured(OBJECTS, COLOURS | {3: (0, 0, 7)}), None])
def test_colours_of_a_labelmap(tmp_path, objects):
    samples = opened(tmp_path, files(coloured(LABELS), objects, **{"labelmap.txt": LABELMAP}))
    assert samples.classes == ("background", "my cat", "dog") and [s.name for s in recognised(tmp_path)] == [
        "voc_folders"
    ]
    assert samples[0].label_map.tolist() == LABELS
    if objects is None:
        assert samples.lacks["masks"].startswith("its folder SegmentationObject is not there")
    else:
        instances = samples[0].instances
        assert sorted(zip(instances.labels.tolist(), instances.boxes.tolist(), strict=True)) == [
            (1, [1, 0, 3, 2]), (2, [0, 1, 1, 2]), (2, [2, 0, 3, 1]),
        ]  # fmt: skip


def test_a_labelmap_without_colours_means_vocs(tmp_path):
    vocs = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 255: (224, 224, 192)}
    samples = opened(
        tmp_path, files(coloured(LABELS, vocs), **{"labelmap.txt": "# x\nbackground:::\ncat:::\ndog:::\n"})
    )
    assert samples.classes[1:] == ("cat", "dog") and samples[0].label_map.tolist() == LABELS


def test_a_palette_of_the_labelmaps_colours_and_numbers(tmp_path):
    palette = [channel for value in (2, 1, 0) for channel in COLOURS[value]]
    turned = png([[2 - value for value in row] for row in [[0, 1, 2], [2, 0, 1]]], palette=palette)
    samples = opened(tmp_path, files(turned, **{"labelmap.txt": LABELMAP}))
    assert samples[0].label_map.tolist() == [[0, 1, 2], [2, 0, 1]]
    assert opened(tmp_path / "grey", files(**{"labelmap.txt": LABELMAP}))[0].label_map.tolist() == LABELS


@pytest.mark.parametrize(
    ("more", "classes"),
    [
        ({"class_names.txt": "_background_\ncat\ndog\n"}, ("cat", "dog")),
        ({"class_names.txt": "__ignore__\r\n_background_\r\ncat\r\ndog\r\neel"}, ("cat", "dog", "eel")),
        ({}, ("class 1", "class 2")),
    ],
)
def test_names_of_numbers(tmp_path, more, classes):
    samples = opened(tmp_path, files(objects=png(OBJECTS), **more))
    assert samples.classes[1:] == classes and samples[0].label_map.tolist() == LABELS
    assert samples[0].instances.labels.tolist() == [1, 2, 2]


def test_two_numbers_of_one_name(tmp_path):
    with pytest.raises(DamagedFile, match=r"class_names\.txt: must give each class a name of its own, got 'cat' again"):
        opened(tmp_path, files(**{"class_names.txt": "_background_\ncat\ncat\n"}))


def test_own_classes_in_a_folder_that_is_called_as_vocs(tmp_path):
    named = files(objects=png(OBJECTS), **{"class_names.txt": "_background_\ncat\nwolf\n"})
    named |= {"ImageSets/Segmentation/train.txt": "a\n"}
    put(tmp_path / "VOCdevkit" / "VOC2012", named)
    assert open_dataset("auto", tmp_path, "all").classes[1:] == ("cat", "wolf")
    with pytest.raises(FileNotFoundError, match=r"class_names.txt names others \(--data voc_folders\)"):
        open_dataset("voc2012", tmp_path)


def test_vocs_own_names_where_its_xml_files_say_so(tmp_path):
    xml = "<annotation><object><name>dog</name></object></annotation>"
    samples = opened(tmp_path, files(**{"Annotations/a.xml": xml}))
    assert samples.classes[2] == "bicycle" and len(samples.classes) == 21


def test_lists_give_splits_and_the_images(tmp_path):
    for name in ("a", "b c", "d"):
        put(tmp_path, {f"JPEGImages/{name}.JPG": photo(2, 3), f"SegmentationClass/{name}.PNG": png(LABELS)})
    put(tmp_path, {"JPEGImages/e 1.jpg": photo(2, 3), "SegmentationClass/e 1.png": png(LABELS)})
    lists = {"train.txt": "JPEGImages/a.JPG 1\r\n", "val.txt": "\ufeffb c\r\ne 1\r\n", "trainval.txt": "a\nb c\n"}
    put(tmp_path, {f"ImageSets/Segmentation/{name}": text for name, text in lists.items()})
    assert open_dataset("auto", tmp_path, "train").names == ("a",)
    assert open_dataset("auto", tmp_path, "val").names == ("b c", "e 1")
    assert open_dataset("auto", tmp_path, "all").names == ("a", "b c", "e 1")


def test_listed_names_without_a_map_are_noted(tmp_path):
    lists = {"ImageSets/Segmentation/train.txt": "a\n", "ImageSets/Segmentation/val.txt": "lost\n"}
    samples = opened(tmp_path, files(objects=png(OBJECTS), **lists))
    assert samples.names == ("a",)
    assert samples.notes == ("1 names in ImageSets have no map in SegmentationClass, such as lost",)
    for line in ("a 1", "a b"):
        put(tmp_path, {"ImageSets/Segmentation/val.txt": line, "SegmentationClass/a b.png": png(LABELS)})
        assert open_dataset("auto", tmp_path, "all").notes == ()


def test_photographs_beside_and_another_root(tmp_path):
    put(tmp_path, {"set/segmentationclass/ü.png": png(LABELS), "set/pictures/Ü.jpeg": photo(2, 3)})
    assert open_dataset("auto", tmp_path, "all")[0].label_map.tolist() == LABELS


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (files() | {name.replace("a.", "b."): file for name, file in files(objects=png(OBJECTS)).items()},
         "a.png: is not there, though a.png is"),
        (files(**{"class_names.txt": "_background_\ncat"}), "a.png, pixels: must hold labels 0 to 1, or 255"),
        (files(coloured(LABELS), **{"labelmap.txt": LABELMAP[:-20]}), "colours that labelmap.txt names, got (50, 183"),
        ({"SegmentationClass/a.png": png(LABELS)}, "JPEGImages/a.jpg: is not there, though a.png is; put it right"),
        (files(coloured(LABELS)), "got the colour (250, 50, 83): save numbers in one channel, or name"),
        (files(png([[1]])), "a.png: must be as large as its image, (2, 3), got (1, 1)"),
    ],
)  # fmt: skip
def test_damage_names_the_file(tmp_path, content, said):
    with pytest.raises(DamagedFile, match=re.escape(said)):
        opened(tmp_path, content)[0]


def test_a_broken_labelmap_is_named_at_once(tmp_path):
    with pytest.raises(DamagedFile, match=re.escape("labelmap.txt, line 3: must give each class one line, got 'cat'")):
        opened(tmp_path, files(**{"labelmap.txt": "background:0,0,0::\ncat:9,0,0::\ncat:0,9,0::\n"}))
    with pytest.raises(DamagedFile, match=re.escape("labelmap.txt, line 2: must be name:red,green,blue::, got 'cat'")):
        opened(tmp_path, files(**{"labelmap.txt": "background:0,0,0::\ncat\n"}))
