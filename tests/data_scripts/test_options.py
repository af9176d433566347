"""Every option of the commands for data changes what comes of them; download's own tests give each of its options."""

from pathlib import Path

import pytest

from data_scripts import download, make_scenes, validate

HERE = Path(__file__).parent
SCENES = {"--layout": "camvid", "--out": "set", "--count": "2", "--size": "32"}
OTHER = {
    "--layout": "penn_fudan",
    "--out": "elsewhere",
    "--count": "1",
    "--preset": "context",
    "--size": "48",
    "--seed": "1",
    "--split": "val",
    "--crowd-probability": "1.0",  # which this layout refuses
}


def options_of(module) -> set[str]:
    """The names that the command knows, without the one for help."""
    return {max(action.option_strings, key=len) for action in module.parser()._actions if action.option_strings} - {
        "--help"
    }


def outcome(folder: Path, monkeypatch, capsys, main, words: list[str]) -> tuple:
    """The exit status, what is printed, and all files that the command leaves behind."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    status = main(words)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return status, capsys.readouterr(), files


def words_of(given: dict[str, str]) -> list[str]:
    return [word for pair in given.items() for word in pair]


def test_every_option_of_make_scenes_is_tried():
    assert options_of(make_scenes) == set(OTHER)


@pytest.mark.parametrize("option", OTHER)
def test_an_option_of_make_scenes_changes_something(option, tmp_path, monkeypatch, capsys):
    usual = outcome(tmp_path / "a", monkeypatch, capsys, make_scenes.main, words_of(SCENES))
    again = outcome(tmp_path / "b", monkeypatch, capsys, make_scenes.main, words_of(SCENES))
    assert usual == again and usual[0] == 0
    words = words_of(SCENES | {option: OTHER[option]})
    assert outcome(tmp_path / "c", monkeypatch, capsys, make_scenes.main, words) != usual


def test_every_option_of_validate_changes_something(tmp_path, monkeypatch, capsys):
    assert options_of(validate) == {"--layout", "--json"}
    make_scenes.main(words_of(SCENES | {"--out": str(tmp_path / "set")}))
    capsys.readouterr()
    seen = []
    for number, more in enumerate(([], ["--layout", "camvid"], ["--layout", "voc2012"], ["--json", "report.json"])):
        words = [str(tmp_path / "set"), *more]
        seen.append(outcome(tmp_path / str(number), monkeypatch, capsys, validate.main, words))
    found, named, other, written = seen
    assert found == named  # it is recognised as what it is
    assert other != found and written != found and "report.json" in written[2]


def test_every_option_of_download_stands_in_its_tests():
    text = (HERE / "test_download.py").read_text("utf-8")
    assert {option for option in options_of(download) if f'"{option}"' not in text} == set()
