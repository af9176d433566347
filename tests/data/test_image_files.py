"""Images as cameras, microscopes and bad disks give them: depth, orientation, bit rot, lossy and blended label maps."""

import io
import random
import shutil
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from data_scripts.make_scenes import make_scenes
from data_scripts.validate import validate
from lessons_lib.data.files import ORIENTATION, DamagedFile, orientation, read_numbers, read_photo
from lessons_lib.data.open import open_dataset
from lessons_lib.data.photo import read_image
from lessons_lib.data.scenes import PRESETS, draw_scenes
from tests.data.published import chunk, photo, png


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Some layouts with two scenes each, to copy and to spoil."""
    home = tmp_path_factory.mktemp("written")
    for layout in ("camvid", "penn_fudan", "nuclei", "leaves", "voc2012"):
        make_scenes(layout, home / layout, 2, replace(PRESETS["easy"], size=48, objects=(2, 3)), seed=4)
    return home


def test_sixteen_bits_are_scaled_by_their_range(tmp_path):
    (tmp_path / "a.png").write_bytes(png([[0, 257, 65535], [32768, 1, 4095]], bits=16))
    expected = torch.tensor([[0, 257, 65535], [32768, 1, 4095]]) / 65535
    for read in (read_photo, read_image):
        image = read(tmp_path / "a.png")
        assert image.shape == (3, 2, 3)
        for channel in image:
            torch.testing.assert_close(channel, expected)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_of_a_tiff_in_both_byte_orders(tmp_path, order):
    """A TIFF of one strip, byte by byte (TIFF 6.0): grey, 16 bits, 2 × 1."""
    tags = [(256, 4, 2), (257, 4, 1), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1), (278, 4, 1)]
    tags.append((279, 4, 4))
    data = struct.pack(order + "2H", 65535, 13107)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 12)
    entries = b"".join(
        struct.pack(order + "HHI", tag, kind, 1)
        + (struct.pack(order + "I", value) if kind == 4 else struct.pack(order + "HH", value, 0))
        for tag, kind, value in tags
    )
    file = tmp_path / "a.tif"
    file.write_bytes(head + data + struct.pack(order + "H", len(tags)) + entries + b"\0\0\0\0")
    torch.testing.assert_close(read_photo(file), torch.tensor([[1.0, 0.2]]).expand(3, 1, 2).contiguous())


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b"P5 2 1 65535\n" + struct.pack(">2H", 65535, 13107), [1.0, 0.2]),
        (b"P5 2 1 1000\n" + struct.pack(">2H", 1000, 200), [1.0, 0.2]),
        (b"P2 2 1 10\n10 2\n", [1.0, 0.2]),
    ],
)
def test_grey_of_netpbm_is_scaled_by_the_range_that_it_states(tmp_path, text, values):
    (tmp_path / "a.pgm").write_bytes(text)
    torch.testing.assert_close(read_photo(tmp_path / "a.pgm")[0], torch.tensor([values]), atol=3e-5, rtol=0)


def grey_tiff(bits, photometric, data):
    """A TIFF of one strip, grey, 4 × 1 (TIFF 6.0)."""
    tags = [(256, 4), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1), (278, 1), (279, 4)]
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    return b"II" + struct.pack("<HI", 42, 12) + data.ljust(4, b"\0") + struct.pack("<H", 9) + entries + b"\0\0\0\0"


@pytest.mark.parametrize(
    ("name", "content", "got"),
    [
        ("a.png", png([[0, 1, 2, 3]], bits=2), "PNG of grey of 2 bits, which is stretched"),
        ("a.png", png([[0, 1, 2, 15]], bits=4), "PNG of grey of 4 bits, which is stretched"),
        ("a.tif", grey_tiff(4, 1, b"\x01\x2f"), "TIFF of grey of 4 bits, which is stretched"),
        ("a.tif", grey_tiff(8, 0, bytes([0, 1, 2, 255])), "TIFF of grey stored inverted"),
        ("a.pgm", b"P5 4 1 20\n" + bytes([0, 1, 2, 20]), "PPM of grey up to 20, which is stretched"),
        ("a.pgm", b"P2 4 1 20\n0 1 2 20\n", "PPM of grey up to 20, which is stretched"),
    ],
)
def test_grey_that_decoders_stretch_is_no_label_map(tmp_path, name, content, got):
    """Label 1 would be read as 85, 17, 254 or 13. A photograph may be stored so."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DamagedFile) as caught:
        read_numbers(tmp_path / name)
    assert caught.value.reason == f"must hold numbers of 8 bits or a palette's, got {got}"
    assert read_photo(tmp_path / name).shape == (3, 1, 4)


def test_palettes_of_few_bits_and_plain_grey_are_label_maps(tmp_path):
    for bits in (2, 4):
        (tmp_path / "a.png").write_bytes(png([[0, 1, 2, 3]], palette=[0, 0, 0, 9, 9, 9] * 2, bits=bits))
        assert read_numbers(tmp_path / "a.png").tolist() == [[0, 1, 2, 3]]
    for name, content in (("a.pgm", b"P5 4 1 255\n\0\1\2\3"), ("a.tif", grey_tiff(8, 1, b"\0\1\2\3"))):
        (tmp_path / name).write_bytes(content)
        assert read_numbers(tmp_path / name).tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("dtype", "kind"), [(np.int32, "32-bit integers (mode I)"), (np.float32, "floating-point numbers (mode F)")]
)
def test_numbers_of_an_unknown_range_are_refused_by_name(tmp_path, dtype, kind):
    file = tmp_path / "a.tif"
    Image.fromarray(np.full((2, 3), 1000, dtype=dtype)).save(file)
    for read, error in ((read_photo, DamagedFile), (read_image, ValueError)):
        with pytest.raises(error) as caught:
            read(file)
        assert str(file) in str(caught.value) and f"8 or 16 bits per channel, got {kind}" in str(caught.value)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK"])
def test_other_kinds_of_photographs_become_rgb(tmp_path, mode):
    file = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.fromarray(np.full((2, 3, 3), 255, dtype=np.uint8)).convert(mode).save(file)
    assert torch.equal(read_photo(file), torch.ones(3, 2, 3))


def turned(file, value=6, size=(48, 40)):
    """A photograph with an EXIF orientation, in JPEG."""
    exif = Image.Exif()
    exif[ORIENTATION] = value
    Image.new("RGB", size, (9, 99, 199)).save(file, "jpeg", exif=exif)


def test_orientation_turns_nothing(tmp_path):
    turned(tmp_path / "a.jpg")
    assert orientation(tmp_path / "a.jpg") == 6 and read_photo(tmp_path / "a.jpg").shape == (3, 40, 48)
    assert read_image(tmp_path / "a.jpg").shape == (3, 40, 48)
    (tmp_path / "b.png").write_bytes(photo(2, 2))
    assert orientation(tmp_path / "b.png") == orientation(tmp_path / "nowhere.jpg") == 1


def test_a_wrong_size_names_the_orientation_of_its_photograph(tmp_path, written):
    root = shutil.copytree(written / "voc2012", tmp_path / "set")
    file = root / "VOCdevkit/VOC2012/JPEGImages/scene_000001.jpg"
    turned(file)
    samples = open_dataset("voc2012", root)
    message = "scene_000001.jpg asks to be turned (EXIF orientation 6), and its pixels count as they are stored"
    with pytest.raises(DamagedFile) as caught:
        samples[1]
    assert message in str(caught.value) and caught.value.kind == "wrong size"
    found = {(finding.kind, finding.file.rpartition("/")[2]) for finding in validate(root).findings}
    assert ("turned photograph", "scene_000001.jpg") in found
    assert ("wrong size", "scene_000001.png") in found


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_is_none_turns_nothing(tmp_path, value):
    turned(tmp_path / "a.jpg", value)
    assert orientation(tmp_path / "a.jpg") == 1


@pytest.mark.parametrize("value", range(1, 9))
def test_the_validator_warns_of_every_turned_photograph(tmp_path, written, value):
    root = shutil.copytree(written / "voc2012", tmp_path / "set")
    turned(root / "VOCdevkit/VOC2012/JPEGImages/scene_000001.jpg", value, (48, 48))
    assert [finding.kind for finding in validate(root).findings if finding.field == "EXIF orientation"] == (
        ["turned photograph"] * (value != 1)
    )


def test_one_flipped_bit_of_a_label_map_is_refused(tmp_path, written):
    """40 bits at random places of 2 label maps and 2 masks: each is refused, or the pixels are what they were."""
    rng, refused = random.Random(0), 0
    for layout, pattern in (("camvid", "**/trainannot/*.png"), ("nuclei", "**/masks/*.png")):
        for file in sorted((written / layout).glob(pattern))[:2]:
            good, values = file.read_bytes(), read_numbers(file)
            for _ in range(20):
                bad = bytearray(good)
                bad[rng.randrange(8, len(bad))] ^= 1 << rng.randrange(8)
                (tmp_path / "a.png").write_bytes(bad)
                try:
                    assert np.array_equal(read_numbers(tmp_path / "a.png"), values)
                except DamagedFile:
                    refused += 1
    assert refused >= 75  # the checksum of the end of the file protects nothing


def test_every_bit_of_the_pixels_is_protected(tmp_path):
    good = png([[1, 2, 3, 4]] * 4, palette=[0, 0, 0, 9, 9, 9] * 3)
    start = good.index(b"IDAT") - 4
    for place in range(start, good.index(b"IEND") - 4):
        for bit in range(8):
            bad = bytearray(good)
            bad[place] ^= 1 << bit
            (tmp_path / "a.png").write_bytes(bad)
            with pytest.raises(DamagedFile, match=r"a\.png: cannot be read as an image"):
                read_numbers(tmp_path / "a.png")


def test_checksums_of_chunks_after_the_pixels(tmp_path):
    good = png([[1, 2]])
    end = good.index(b"IEND") - 4
    text = chunk(b"tEXt", b"Comment\0whole")
    (tmp_path / "a.png").write_bytes(good[:end] + text + good[end:])
    assert read_numbers(tmp_path / "a.png").tolist() == [[1, 2]]
    (tmp_path / "a.png").write_bytes(good[:end] + text.replace(b"whole", b"whale") + good[end:])
    with pytest.raises(DamagedFile, match="bad header checksum"):
        read_numbers(tmp_path / "a.png")


def spoiled(root, pattern, change):
    file = sorted(root.glob(pattern))[0]
    change(file)
    return file


def as_jpeg(file):
    with Image.open(file) as image:
        numbers = Image.fromarray(np.array(image))
    numbers.save(file, format="jpeg", quality=100)


MAPS = {
    "camvid": "**/trainannot/*.png",
    "penn_fudan": "**/PedMasks/*.png",
    "nuclei": "**/masks/*.png",
    "leaves": "**/*_label.png",
    "voc2012": "**/SegmentationObject/*.png",
}


@pytest.mark.parametrize(("layout", "pattern"), MAPS.items())
def test_jpeg_under_the_name_of_a_png_is_no_label_map(tmp_path, written, layout, pattern):
    root = shutil.copytree(written / layout, tmp_path / "set")
    file = spoiled(root, pattern, as_jpeg)
    with pytest.raises(DamagedFile) as caught:
        open_dataset(layout, root, "all" if layout in ("penn_fudan", "nuclei", "leaves") else "train")[0]
    assert caught.value.file == str(file) and "must be stored without loss, as PNG is, got JPEG" in caught.value.reason
    found = [(finding.file, finding.what) for finding in validate(root, [layout]).findings]
    assert (file.relative_to(root).as_posix(), caught.value.reason) in found


@pytest.mark.parametrize("kind", ["webp", "jpeg2000"])
def test_other_lossy_formats(tmp_path, kind):
    memory = io.BytesIO()
    Image.new("L", (16, 16), 3).save(memory, kind)
    (tmp_path / "a.png").write_bytes(memory.getvalue())
    with pytest.raises(DamagedFile, match="must be stored without loss"):
        read_numbers(tmp_path / "a.png")


@pytest.mark.parametrize("change", ["double", "half", "turn", "1.1"])
def test_blended_label_maps_are_refused(tmp_path, change):
    for number, scene in enumerate(draw_scenes(range(8), replace(PRESETS["easy"], objects=(3, 6)), seed=1)):
        values = torch.where(scene.label_map == 255, 11, scene.label_map).numpy().astype(np.uint8)
        picture = Image.fromarray(values)
        picture.save(tmp_path / "good.png")
        assert np.array_equal(read_numbers(tmp_path / "good.png"), values)
        size = {"double": (192, 192), "half": (48, 48), "1.1": (106, 106)}.get(change)
        blended = picture.resize(size, Image.BILINEAR) if size else picture.rotate(7, Image.BILINEAR)
        nearest = picture.resize(size, Image.NEAREST) if size else picture.rotate(7, Image.NEAREST)
        nearest.save(tmp_path / f"{number}.png")
        read_numbers(tmp_path / f"{number}.png")
        blended.save(tmp_path / f"{number}.png")
        with pytest.raises(DamagedFile, match=rf"{number}\.png, pixels: must hold labels, got blends of them: "):
            read_numbers(tmp_path / f"{number}.png")


def test_the_border_of_blends(tmp_path):
    """Of 5 steps between stripes one goes on, which is allowed; without the second stripe one of 3, which is not."""
    values = np.zeros((40, 200), dtype=np.uint8)
    values[:, 1::8], values[:, 2::8] = 1, 2  # up, up, down
    values[:, 5::8] = 3  # up, down
    Image.fromarray(values).save(tmp_path / "a.png")
    assert np.array_equal(read_numbers(tmp_path / "a.png"), values)
    values[:, 5::8] = 0
    Image.fromarray(values).save(tmp_path / "a.png")
    with pytest.raises(DamagedFile, match="blends of them: 1000 of 3000 steps"):
        read_numbers(tmp_path / "a.png")
    Image.fromarray(values[:1, :150]).save(tmp_path / "a.png")  # 19 of them are too few to judge
    assert read_numbers(tmp_path / "a.png").shape == (1, 150)


@pytest.mark.parametrize("what", ["empty", "gone", "leftovers"])
def test_no_masks_are_damage_and_no_background(tmp_path, written, what):
    root = shutil.copytree(written / "nuclei", tmp_path / "set")
    folder = sorted(root.glob("stage1_train/*/masks"))[1]
    shutil.rmtree(folder)
    if what != "gone":
        folder.mkdir()
    if what == "leftovers":
        (folder / ".DS_Store").write_bytes(b"x")
        (folder / "._a.png").write_bytes(b"x")
    samples = open_dataset("nuclei", root, "all")
    with pytest.raises(DamagedFile, match="masks: is not there" if what == "gone" else "masks: must hold a mask for"):
        samples[1]
    assert [finding.kind for finding in validate(root).findings] == ["missing file"]


def test_an_image_without_its_file_of_objects_is_damage(tmp_path):
    """ADE20K's objects are a part that may be left out, for all images of a split together."""
    for name in ("a", "b"):
        for folder, content in (("images", photo(1, 1)), ("annotations", png([[8]]))):
            file = tmp_path / folder / "training" / (f"{name}.jpg" if folder == "images" else f"{name}.png")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    samples = open_dataset("ade20k", tmp_path)
    assert len(samples[0].instances) == len(samples[1].instances) == 0
    (tmp_path / "annotations_instance" / "training").mkdir(parents=True)
    (tmp_path / "annotations_instance" / "training" / "a.png").write_bytes(png([[(1, 1, 0)]]))
    samples = open_dataset("ade20k", tmp_path)
    assert len(samples[0].instances) == 1
    with pytest.raises(DamagedFile, match=r"annotations_instance.training.b\.png: is not there"):
        samples[1]
