"""VOC's XML files without maps, written from the published format: boxes, polygons, sizes, and damage."""

import re

import pytest

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.open import open_dataset, recognised
from tests.data.exports.test_coco_json import POLYGON, pixels
from tests.data.published import photo
from tests.data.test_layouts import put

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")
CORNERS = "".join(
    f"<{'xy'[i % 2]}{i // 2 + 1}>{value + 1}</{'xy'[i % 2]}{i // 2 + 1}>" for i, value in enumerate(POLYGON)
)


def thing(name="cat", box=(3, 2, 18, 15), more=""):
    sides = "".join(
        f"<{side}>{value}</{side}>" for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name><bndbox>{sides}</bndbox>{more}</object>"


def xml(*objects, size=(16, 20), name="a.jpg"):
    sides = f"<size><width>{size[1]}</width><height>{size[0]}</height><depth>3</depth></size>"
    return f"<annotation>\n<filename>{name}</filename>{sides}\n{''.join(objects)}</annotation>\n"


@pytest.mark.parametrize("file", ["a.xml", "Annotations/a.xml", "Annotations/A.XML"])
def test_boxes_count_from_one_and_hold_their_last_pixel(tmp_path, file):
    put(tmp_path, {"JPEGImages/a.JPG" if "/" in file else "a.jpg": photo(16, 20), file: xml(thing(), thing("ape"))})
    samples = open_dataset("auto", tmp_path, "all")
    assert [spec.name for spec in recognised(tmp_path)] == ["voc_xml"] and samples.classes[1:] == ("ape", "cat")
    assert samples[0].instances.masks is None and samples[0].instances.boxes[0].tolist() == [2, 1, 18, 15]
    assert samples.lacks["masks"].startswith("it holds boxes and no masks")


def test_a_polygon_is_a_mask(tmp_path):
    put(tmp_path, {"a.jpg": photo(16, 20), "a.xml": xml(thing(more=f"<polygon>{CORNERS}</polygon>"))})
    assert open_dataset("auto", tmp_path, "all")[0].instances.masks[0].equal(pixels())


def test_splits_and_images_without_objects(tmp_path):
    for split in ("train", "valid"):
        put(
            tmp_path / split,
            {"a.jpg": photo(16, 20), "a.xml": xml(thing()), "b.jpg": photo(16, 20), "b.xml": xml(name="b.jpg")},
        )
    samples = open_dataset("auto", tmp_path, "val")
    assert [len(sample.instances) for sample in samples] == [1, 0] and samples.splits == {"train": 2, "val": 2}


@pytest.mark.parametrize(
    "change", [lambda t: "\ufeff" + t, lambda t: t.replace("\n", "\r\n"), lambda t: t.replace("20<", "0<")]
)
def test_slightly_other_files_are_read(tmp_path, change):
    put(tmp_path, {"ü 1.jpeg": photo(16, 20), "ü 1.xml": change(xml(thing()))})
    assert len(open_dataset("auto", tmp_path, "all")[0].instances) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (xml(thing())[:-9], "a.xml: cannot be read as XML"),
        ("", "a.xml: cannot be read as XML"),
        (xml(thing("")), "a.xml, object 1, name: must name a class, got nothing"),
        (xml(thing(box=("x", 1, 2, 3))), "a.xml, object 1, bndbox/xmin: must be a number, got 'x'"),
        (xml(thing(box=(5, 1, 2, 3))), "object 1, bndbox: must have xmin ≤ xmax and ymin ≤ ymax, got [5.0, 1.0"),
        (xml(thing(box=("nan", 1, 2, 3))), "a.xml, object 1, bndbox/xmin: must be a number, got 'nan'"),
        (xml(thing(box=(1, 1, 2, "1e400"))), "a.xml, object 1, bndbox/ymax: must be a number, got '1e400'"),
        (xml(thing(), size=(9, "inf")), "a.xml, annotation, size/width: must be a number, got 'inf'"),
        (xml(thing(), size=(9, 9)), "a.xml, size: must be that of a.jpg, (16, 20), got (9, 9)"),
    ],
)
def test_damage_names_the_file(tmp_path, text, said):
    put(tmp_path, {"a.jpg": photo(16, 20), "a.xml": text, "b.jpg": photo(16, 20), "b.xml": xml(thing())})
    samples = open_dataset("auto", tmp_path, "all")
    with pytest.raises(DamagedFile, match=re.escape(said)):
        samples[0]
    assert len(list(open_dataset("auto", tmp_path, "all", on_error="skip"))) == 1
