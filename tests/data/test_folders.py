"""Folders as people have them: leftovers of systems, lists from editors, other roots, halves of splits and the like."""

import io
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from data_scripts.make_scenes import LAYOUTS, make_scenes
from data_scripts.validate import recognise, validate
from lessons_lib.data.folders import HalfOfSplit, homes
from lessons_lib.data.found import found_sets
from lessons_lib.data.leftovers import is_leftover, listed
from lessons_lib.data.open import open_dataset
from lessons_lib.data.sample import Instances
from lessons_lib.data.scenes import PRESETS
from lessons_lib.data.sets.cityscapes import CityscapesSamples
from lessons_lib.metrics.detection import DetectionScores
from lessons_lib.metrics.panoptic import PanopticScores, panoptic_map
from tests.data.published import photo, png

CONFIG = replace(PRESETS["easy"], size=32, objects=(2, 3))
LEFTOVERS = (".DS_Store", "Thumbs.db", "desktop.ini", "Desktop.ini", "ehthumbs.db", ".directory", "Icon\r")
FOLDERS = ("@eaDir", "__MACOSX", ".ipynb_checkpoints", "$RECYCLE.BIN", "System Volume Information", "lost+found")

LISTS = {
    "voc2012": "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt",
    "sbd": "train.txt",
    "pascal_context": "VOCdevkit/VOC2010/ImageSets/Main/train.txt",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Every layout written for both splits, with other scenes in each; two or three scenes a split."""
    home = tmp_path_factory.mktemp("written")
    for layout, export in LAYOUTS.items():
        listed_splits = layout not in LISTS and export.splits
        for seed, split in enumerate(export.splits[:2] if listed_splits else [None]):
            make_scenes(layout, home / "part", 2 if listed_splits else 5, CONFIG, seed=seed, split=split)
            shutil.copytree(home / "part", home / layout, dirs_exist_ok=True)
            shutil.rmtree(home / "part")
    for layout, listing in LISTS.items():
        file = home / layout / listing
        lines = file.read_text("utf-8").splitlines(keepends=True)
        file.write_text("".join(lines[:3]), encoding="utf-8")
        file.with_name("val.txt").write_text("".join(lines[3:]), encoding="utf-8")
    return home


def write(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def litter(root):
    """Leave in every folder what systems leave there, beside each file what macOS leaves on a foreign disk."""
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        files = [path for path in folder.iterdir() if path.is_file()]
        for file in files:
            (folder / f"._{file.name}").write_bytes(b"\0\5\26\7")
        for name in LEFTOVERS:
            (folder / name).write_bytes(b"\0\0\0\1Bud1")
        for name in FOLDERS:
            (folder / name).mkdir()
            (folder / name / "a.png").write_bytes(b"no image")
            for file in files:
                (folder / name / file.name).write_bytes(b"no image")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_systems_leave_in_folders_is_no_data(tmp_path, written, layout):
    root = shutil.copytree(written / layout, tmp_path / "set")
    splits = ("train", "val", "all") if not LAYOUTS[layout].splits else ("train", "val")
    before = {split: [open_dataset(layout, root, split).names, None] for split in splits}
    report = validate(root)
    assert report.findings == []
    litter(root)
    for split, (names, _) in before.items():
        samples = open_dataset(layout, root, split)
        assert samples.names == names and len(list(samples)) == len(names)
    assert recognise(root) == [layout]
    after = validate(root)
    assert after.findings == [] and after.splits == report.splits
    assert [title.split()[0] for title in found_sets(tmp_path)] == [layout]


@pytest.mark.parametrize("name", [*LEFTOVERS, *FOLDERS, "._a.png", ".a.jpg.icloud", "THUMBS.DB"])
def test_leftovers_are_known_by_name(tmp_path, name):
    assert is_leftover(Path(name)) and is_leftover(Path("folder", name))
    assert not is_leftover(Path("._hidden", "a.png")) and not is_leftover(Path("thumbs.png"))
    write(tmp_path, {f"{name}/a.png": b"x", "good/a.png": b"x"})
    assert listed(tmp_path, "*/*.png") == [tmp_path / "good" / "a.png"]


@pytest.mark.parametrize(("layout", "listing"), LISTS.items())
@pytest.mark.parametrize(
    ("start", "between", "end"),
    [(b"", b"\n", b"\n\n"), (b"\xef\xbb\xbf", b"\n", b"\n"), (b"\n", b"\r\n", b"\r\n  \r\n"), (b"", b"\n\n", b"")],
    ids=["blank last line", "byte-order mark", "Windows", "no end of line"],
)
def test_lists_as_editors_leave_them(tmp_path, written, layout, listing, start, between, end):
    root = shutil.copytree(written / layout, tmp_path / "set")
    names = (root / listing).read_bytes().split()
    (root / listing).write_bytes(start + between.join(names) + end)
    samples = open_dataset(layout, root)
    assert samples.names == tuple(name.decode() for name in names) and len(list(samples)) == 3
    assert validate(root).findings == []


ROOTS = [
    *(("voc2012", "VOCdevkit"), ("voc2012", "VOCdevkit/VOC2012"), ("pascal_context", ".")),
    *(("nuclei", "stage1_train"), ("ade20k", "ADEChallengeData2016"), ("camvid", "CamVid")),
    *(("penn_fudan", "PennFudanPed"), ("leaves", "training"), ("leaves", "training/A1"), ("cityscapes", ".")),
]


@pytest.mark.parametrize(("layout", "below"), ROOTS)
def test_the_folders_of_an_archive_are_roots_too(written, layout, below, monkeypatch):
    names = open_dataset(layout, written / layout).names
    assert open_dataset(layout, written / layout / below).names == names
    assert validate(written / layout / below).findings == []
    monkeypatch.chdir(written / layout / below)
    assert open_dataset(layout, ".").names == names


def test_voc2007_below_its_own_folder(tmp_path, written):
    shutil.copytree(written / "voc2012/VOCdevkit/VOC2012", tmp_path / "VOC2007")
    for root in (tmp_path, tmp_path / "VOC2007"):
        assert len(open_dataset("voc2007", root)) == 3 and recognise(root) == ["voc2007"]
        with pytest.raises(FileNotFoundError) as caught:
            open_dataset("voc2012", root)
        assert str(caught.value).endswith(f"which is not there: {root}")
    assert list(homes(tmp_path / "a", ["a/b", "c"])) == [tmp_path / "a/a/b", tmp_path / "a/c", tmp_path / "a/b"]


HALVES = {
    "camvid": ("CamVid/valannot", "root must hold val and valannot, which is not there: "),
    "cityscapes": ("gtFine/val", "root must hold leftImg8bit/val and gtFine/val, which is not there: "),
    "ade20k": ("ADEChallengeData2016/annotations/validation", "images/validation and annotations/validation, which is"),
}


@pytest.mark.parametrize(("layout", "half"), HALVES.items())
def test_half_of_a_split_is_a_finding(tmp_path, written, layout, half):
    root = shutil.copytree(written / layout, tmp_path / "set")
    folder, message = half
    shutil.rmtree(root / folder)
    with pytest.raises(HalfOfSplit) as caught:
        open_dataset(layout, root, "val")
    assert message in str(caught.value) and str(caught.value).endswith(f"which is not there: {root / folder}")
    assert [(finding.kind, finding.what) for finding in validate(root).findings] == [
        ("missing file", str(caught.value))
    ]


def test_a_missing_set_names_its_folder(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        open_dataset("camvid", tmp_path)
    assert str(caught.value).startswith(f"root must hold train and trainannot, which is not there: {tmp_path}, or the")
    assert "CamVid" in str(caught.value)


@pytest.mark.parametrize("layout", ["camvid", "voc2012", "cityscapes", "ade20k", "coco2017", "sunrgbd"])
def test_a_photograph_in_both_splits_is_found(tmp_path, layout):
    """Under another name, in another file format, with the same pixels."""
    for split in LAYOUTS[layout].splits[:2]:
        make_scenes(layout, tmp_path / "part", 2, CONFIG, seed=3, split=split)
        shutil.copytree(tmp_path / "part", tmp_path / "set", dirs_exist_ok=True)
        shutil.rmtree(tmp_path / "part")
    found = [finding for finding in validate(tmp_path / "set").findings if finding.kind == "duplicate"]
    assert len(found) == 2 and all("must be in one split, got " in finding.what for finding in found)


def exchange(root):
    home = root / "VOCdevkit" / "VOC2012"
    (home / "SegmentationClass").rename(home / "other")
    (home / "SegmentationObject").rename(home / "SegmentationClass")
    (home / "other").rename(home / "SegmentationObject")


def test_exchanged_maps_of_voc_are_found(tmp_path):
    make_scenes("voc2012", tmp_path / "set", 12, replace(CONFIG, size=64, objects=(3, 5)), seed=1)
    assert validate(tmp_path / "set").findings == []
    exchange(tmp_path / "set")
    found = [finding for finding in validate(tmp_path / "set").findings if finding.kind == "exchanged maps"]
    assert [finding.file for finding in found] == ["VOCdevkit/VOC2012/SegmentationClass"]


def test_names_tell_where_boxes_do_not(tmp_path):
    """One person: the box fits both maps, and 15 is the person in one of them."""
    values = np.zeros((8, 8), dtype=np.uint8)
    values[2:5, 3:7] = 1
    files = {}
    for folder, factor in (("SegmentationClass", 15), ("SegmentationObject", 1)):
        memory = io.BytesIO()
        Image.fromarray(values * factor).save(memory, "png")
        files[f"VOCdevkit/VOC2012/{folder}/a.png"] = memory.getvalue()
    entry = ElementTree.fromstring(
        "<annotation><size><width>8</width><height>8</height></size><object><name>person</name><bndbox>"
        "<xmin>4</xmin><ymin>3</ymin><xmax>7</xmax><ymax>5</ymax></bndbox></object></annotation>"
    )
    files["VOCdevkit/VOC2012/Annotations/a.xml"] = ElementTree.tostring(entry)
    files["VOCdevkit/VOC2012/JPEGImages/a.jpg"] = photo(8, 8)
    files["VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt"] = b"a\n"
    write(tmp_path, files)
    assert validate(tmp_path).findings == []
    exchange(tmp_path)
    assert [finding.kind for finding in validate(tmp_path).findings] == ["exchanged maps"]


def test_groups_of_cityscapes_are_crowds(tmp_path):
    """A group of persons (plain id 24) with four right detections in it, and a car: nothing is a false positive."""
    name = "{}/train/ulm/ulm_000000_000019_{}.png"
    ids = [[7, 7, 7, 7, 7, 7], [24, 24, 24, 24, 7, 26], [24, 24, 24, 24, 7, 26], [7, 7, 7, 7, 7, 7]]
    instances = [[26000 if value == 26 else value for value in row] for row in ids]
    files = {
        name.format("leftImg8bit", "leftImg8bit"): photo(4, 6),
        name.format("gtFine", "gtFine_labelIds"): png(ids),
        name.format("gtFine", "gtFine_instanceIds"): png(instances, bits=16),
    }
    sample = CityscapesSamples(write(tmp_path, files))[0]
    truth = sample.instances
    assert truth.labels.tolist() == [11, 13] and truth.is_crowd.tolist() == [True, False]
    assert truth.boxes.tolist() == [[0, 1, 4, 3], [5, 1, 6, 3]]
    masks = torch.zeros(5, 4, 6, dtype=torch.bool)
    for number in range(4):
        masks[number, 1:3, number] = True
    masks[4] = truth.masks[1]
    boxes = torch.tensor([[*map(float, (n, 1, n + 1, 3))] for n in range(4)] + [[5.0, 1, 6, 3]])
    found = Instances(boxes, torch.tensor([11] * 4 + [13]), masks, scores=torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5]))
    scores = PanopticScores(19)
    scores.update(panoptic_map(sample.label_map, found), panoptic_map(sample.label_map, truth))
    assert scores.compute()["pq"] == 1.0
    detection = DetectionScores("mask")
    detection.update(found, truth)
    assert detection.compute()["ap"] == 1.0


def test_groups_and_instances_of_one_class(tmp_path):
    """Groups come first, in the order of the ids; a caravan's group is none, for it is not scored."""
    name = "{}/train/ulm/ulm_000000_000019_{}.png"
    files = {
        name.format("leftImg8bit", "leftImg8bit"): photo(1, 6),
        name.format("gtFine", "gtFine_labelIds"): png([[26, 24, 26, 29, 33, 23]]),
        name.format("gtFine", "gtFine_instanceIds"): png([[26001, 24, 26, 29, 33000, 23]], bits=16),
    }
    truth = CityscapesSamples(write(tmp_path, files))[0].instances
    assert truth.labels.tolist() == [11, 13, 13, 18] and truth.is_crowd.tolist() == [True, True, False, False]


def test_a_pattern_follows_links_to_folders(tmp_path):
    """Photographs often lie on another disk; a link that leads back, or to what is listed anyway, adds nothing."""
    root, disk = tmp_path / "root", tmp_path / "disk"
    for file in (root / "own/a.png", disk / "deep/b.png", tmp_path / "more/c.png"):
        file.parent.mkdir(parents=True)
        file.touch()
    (root / "images").symlink_to(disk)
    (disk / "more").symlink_to(tmp_path / "more")
    (tmp_path / "more/disk").symlink_to(disk)
    (disk / "root").symlink_to(root)
    (root / "same").symlink_to(root / "own")
    (root / "round").symlink_to(root / "round")
    found = [path.relative_to(root).as_posix() for path in listed(root, "**/*.png")]
    assert found == ["images/deep/b.png", "images/more/c.png", "own/a.png"]


def test_an_export_whose_images_are_a_link(tmp_path):
    for file, content in (("root/masks/a.png", png(np.eye(4, dtype=int).tolist())), ("disk/a.png", photo(4, 4))):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_bytes(content)
    (tmp_path / "root/images").symlink_to(tmp_path / "disk")
    samples = open_dataset("auto", tmp_path / "root", "all")
    assert samples.names == ("a",) and samples[0].label_map.sum() == 4
