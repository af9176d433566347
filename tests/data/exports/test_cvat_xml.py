"""CVAT's XML, written from its published format: polygons, boxes, ellipses, run lengths, groups, and damage."""

import re

import pytest
import torch

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.open import open_dataset, recognised
from tests.data.exports.test_coco_json import pixels
from tests.data.published import photo
from tests.data.test_layouts import put

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")
POLYGON = '<polygon label="cat" source="manual" occluded="0" points="2.0,1.0;17.5,3.0;6.0,14.5" z_order="0"></polygon>'
META = "<meta><job><labels><label><name>dog</name></label><label><name>cat</name></label></labels></job></meta>"


def xml(*shapes, name="a.jpg", more="", size=(16, 20), meta=META):
    head = f'<image id="0" name="{name}" width="{size[1]}" height="{size[0]}"{more}>'
    body = f"<version>1.1</version>{meta}{head}{''.join(shapes)}</image>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n{body}\n</annotations>\n'


def opened(root, *shapes, split="all", **more):
    return open_dataset(
        "auto", put(root, {"images/a.jpg": photo(16, 20), "annotations.xml": xml(*shapes, **more)}), split
    )


def test_a_polygon(tmp_path):
    samples = opened(tmp_path, POLYGON)
    assert samples.classes == ("background", "dog", "cat") and samples.names == ("a",)
    assert samples[0].instances.masks[0].equal(pixels()) and samples[0].label_map.equal(2 * pixels().long())
    assert [spec.name for spec in recognised(tmp_path)] == ["cvat_xml"]


def test_a_mask_with_a_hole(tmp_path):
    rows = [[1, 1, 1], [1, 0, 1], [0, 1, 1]]  # runs 0 | 4 | 1 | 1 | 1 | 2
    samples = opened(tmp_path, '<mask label="cat" rle="0, 4, 1, 1, 1, 2" left="17" top="4" width="3" height="3"/>')
    assert samples[0].instances.masks[0, 4:7, 17:].int().tolist() == rows and samples[0].instances.masks.sum() == 7


def test_ellipse_boxes_and_lines(tmp_path):
    shapes = [
        '<ellipse label="cat" cx="10" cy="8" rx="6" ry="3"/>',
        '<ellipse label="cat" cx="10" cy="8" rx="6" ry="3" rotation="90"/>',
        '<box label="dog" xtl="1" ytl="2" xbr="4" ybr="6"/>',
        '<box label="dog" xtl="4" ytl="4" xbr="10" ybr="6" rotation="90.0"/>',
        '<points label="dog" points="1,1"/>',
    ]
    samples = opened(tmp_path, *shapes)
    masks = samples[0].instances.masks
    y, x = torch.meshgrid(torch.arange(16) + 0.5, torch.arange(20) + 0.5, indexing="ij")
    assert masks[0].equal(((x - 10) / 6) ** 2 + ((y - 8) / 3) ** 2 <= 1)
    assert masks[1].equal(((x - 10) / 3) ** 2 + ((y - 8) / 6) ** 2 <= 1)
    assert masks[2].sum() == 12 and masks[3, 2:8, 6:8].all() and masks[3].sum() == 12
    assert samples.notes[0] == "1 shapes of kind points have no area and are left out"


def test_groups_are_one_object(tmp_path):
    parts = [POLYGON.replace('z_order="0"', f'group_id="{group}"') for group in (3, 3, 0, 0)]
    samples = opened(tmp_path, parts[0], '<box label="cat" xtl="1" ytl="2" xbr="4" ybr="6" group_id="3"/>', *parts[2:])
    assert len(samples[0].instances) == 3 and samples[0].instances.masks[0, 2:6, 1:4].all()


def test_boxes_alone(tmp_path):
    samples = opened(tmp_path, '<box label="dog" xtl="1.5" ytl="2" xbr="4" ybr="6"/>')
    assert samples[0].instances.masks is None and samples[0].instances.boxes.tolist() == [[1.5, 2, 4, 6]]


@pytest.mark.parametrize("more", [' subset="Validation"', ""])
def test_subsets_are_splits(tmp_path, more):
    samples = opened(tmp_path, POLYGON, more=more, split="val" if more else "all")
    assert samples.splits_made == (not more) and len(samples) == 1


@pytest.mark.parametrize(
    "change", [lambda t: "\ufeff" + t, lambda t: t.replace("\n", "\r\n"), lambda t: t.replace("a.jpg", "Ü b\\A.JPEG")]
)
def test_slightly_other_files_are_read(tmp_path, change):
    put(tmp_path, {"images/a.jpg": photo(16, 20), "Annotations.XML": change(xml(POLYGON))})
    assert open_dataset("auto", tmp_path, "all")[0].instances.masks[0].equal(pixels())


def test_a_box_is_read_from_any_two_opposite_corners(tmp_path):
    sample = opened(tmp_path, '<box label="cat" xtl="14" ytl="2" xbr="4" ybr="6"/>')[0]
    assert sample.instances.boxes.tolist() == [[4, 2, 14, 6]]


@pytest.mark.parametrize(
    ("shape", "more", "said"),
    [
        (POLYGON, {"name": "b.jpg"}, "b.jpg: is not there, though annotations.xml names it"),
        (POLYGON, {"size": (9, 9)}, "height and width: must be that of a.jpg, (16, 20), got (9, 9)"),
        (POLYGON.replace("2.0,1.0;", "2.0;"), {}, "shape 1 (polygon), points: must be x,y;x,y;…, got '2.0;17.5,3.0"),
        (POLYGON.replace('"cat"', '""'), {}, "shape 1 (polygon), label: must be a name, got none"),
        (
            '<mask label="cat" rle="1,2" left="0" top="0" width="3" height="3"/>',
            {},
            "rle: must be run lengths that fill 3 ×",
        ),
        (
            '<mask label="cat" rle="0,4" left="0" top="0" width="-2" height="-2"/>',
            {},
            "rle: must be run lengths that fill",
        ),
        ('<box label="cat" xtl="x" ytl="2" xbr="4" ybr="6"/>', {}, "xtl: must be a number, got 'x'"),
    ],
)
def test_damage_names_the_file(tmp_path, shape, more, said):
    with pytest.raises(DamagedFile, match=re.escape(said)):
        opened(tmp_path, shape, **more)[0]


def test_a_video_and_a_broken_file_are_refused(tmp_path):
    video = xml(POLYGON).replace("<image", '<track id="0"></track><image')
    for text, said in (
        (video, "got tracks of a video: export the task as"),
        (xml(POLYGON)[:-9], "cannot be read as XML"),
    ):
        with pytest.raises(DamagedFile, match=said):
            open_dataset("auto", put(tmp_path, {"a.jpg": photo(16, 20), "annotations.xml": text}), "all")
