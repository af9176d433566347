"""The verb data, from the terminal: the report, the sheet, the command, and its exit status."""

from PIL import Image

from lessons_lib.__main__ import main
from tests.data.exports.test_labelme import record, shape
from tests.data.published import photo, png
from tests.data.test_layouts import put


def labelled(root, count=4):
    for number in range(count):
        put(
            root, {f"{number}.png": photo(16, 20, 40 * number), f"{number}.json": record(shape(), name=f"{number}.png")}
        )
    return root


def test_a_folder_is_described_drawn_and_trained_on(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    labelled(tmp_path / "my pets")
    assert main(["data", "my pets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "layout   labelme" and lines[1].startswith("splits   train 3, val 1 (none given: made by a hash")
    assert lines[-2] == "sheet    sheet.png: 4 images and their labels"
    assert lines[-1].startswith(
        "train    python -m lessons_lib train mask_rcnn --root 'my pets' --from mask_rcnn --size 64"
    )
    with Image.open("sheet.png") as sheet:
        assert sheet.format == "PNG" and sheet.width == 1200


def test_damage_is_listed_and_can_stop(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(labelled(tmp_path / "pets"), {"2.png": b""})
    assert main(["data", "pets"]) == 1
    out = capsys.readouterr().out
    assert "broken file: " in out and "--on-error skip" in out and "3 images and their labels" in out
    assert main(["data", "pets", "--on-error", "raise"]) == 1
    assert "2.png: is empty (0 bytes)" in capsys.readouterr().err


def test_label_maps_are_drawn_as_such(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, {f"images/{i}.png": photo(200, 300, 50 * i) for i in range(3)})
    put(tmp_path, {f"masks/{i}.png": png([[i] * 300] * 200) for i in range(3)})
    assert main(["data", ".", "--out", "maps.png"]) == 0
    out = capsys.readouterr().out
    assert "train fcn8s --root . --from fcn8s --size 192" in out and (tmp_path / "maps.png").is_file()


def test_a_sheet_that_cannot_be_written(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(put(tmp_path, {"images/a.jpg": photo(9, 9), "masks/a.png": png([[1] * 9] * 9)}))
    assert main(["data", ".", "--out", "nowhere/sheet.png"]) == 1
    assert "error: out must be a file that can be written (--out FILE), got nowhere/" in capsys.readouterr().err


def test_scenes_lie_in_no_folder(tmp_path, capsys):
    assert main(["data", str(tmp_path), "--data", "scenes"]) == 1
    said = capsys.readouterr().err
    assert said == "error: data must be a set that lies in a folder, got scenes, which are drawn\n"


def test_a_folder_of_something_else(tmp_path, capsys):
    put(tmp_path, {"a.jpg": photo(2, 2)})
    assert main(["data", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "root must hold a dataset in a layout that is known, see docs/formats.md, got 1 .jpg in" in said
    assert "images alone, without masks: put these into a folder masks beside a folder images" in said
