"""Which unit tests `make check` runs."""

import subprocess

import pytest

from tests import changed
from tests.changed import chosen_tests, imported_modules

TESTS = {
    "tests/ops/test_boxes.py": "from lessons_lib.ops.boxes import box_area",
    "tests/metrics/test_detection.py": "from lessons_lib.ops import boxes\nimport torch",
    "tests/models/test_zoo.py": "import lessons_lib.models.zoo",
    "tests/data_scripts/test_download.py": "import data_scripts.download",
    "tests/test_examples.py": "import doctest",
    "tests/test_docs.py": "import re",
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], []),
        (["notebooks/02_convolution_arithmetic.ipynb"], []),
        (["README.md"], ["tests/test_docs.py"]),
        (["docs/training.md"], ["tests/test_docs.py"]),
        (
            ["lessons_lib/ops/boxes.py"],
            ["tests/metrics/test_detection.py", "tests/ops/test_boxes.py", "tests/test_examples.py"],
        ),
        (["lessons_lib/models/zoo.py"], ["tests/models/test_zoo.py", "tests/test_examples.py"]),
        (["lessons_lib/training/loop.py"], []),
        (["data_scripts/download.py"], ["tests/data_scripts/test_download.py"]),
        (["tests/models/test_zoo.py"], ["tests/models/test_zoo.py"]),
        (["tests/models/test_gone.py"], []),
    ],
)
def test_a_test_is_chosen_by_its_place_or_by_what_it_imports(files, expected):
    assert chosen_tests(files, TESTS) == expected


def test_imports_are_read_wherever_they_stand():
    source = "import a.b\ndef f():\n    from c import d, e as g\n"
    assert imported_modules(source) == {"a.b", "c", "c.d", "c.e"}


def test_files_that_git_does_not_know_yet_count(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(changed, "ROOT", tmp_path)
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "first"], cwd=tmp_path, check=True)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_new.py").write_text("x = 1\n")
    assert changed.main([]) == 0
    assert capsys.readouterr().out.split() == ["tests/test_house.py", "tests/test_new.py"]
