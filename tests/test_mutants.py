"""The mutation runner itself: its mutants are distinct, real changes; it finds the mirrored tests; it sees a hole."""

import json

import pytest

from tests import mutants
from tests.mutants import EQUIVALENT, ROOT, files_of
from tests.mutations import mutants_of

SOURCE = '''"""A module."""
import math


def inside(x: int = 0) -> bool:
    """A docstring of 3 words."""
    if x < 2:
        raise ValueError(f"x must be ≥ 2, got {x}")
    return x + 1 <= 9 and any([x > 3])
'''
EXPECTED = [
    "0 → 1 in: def inside(x: int=0) -> bool:",
    "condition turned round in: if x < 2:",
    "left out: raise ValueError(f'x must be ≥ 2, got {x}') in: if x < 2:",
    "Lt → LtE in: if x < 2:",
    "2 → 3 in: if x < 2:",
    "None returned in: return x + 1 <= 9 and any([x > 3])",
    "And → Or in: return x + 1 <= 9 and any([x > 3])",
    "LtE → Lt in: return x + 1 <= 9 and any([x > 3])",
    "Add → Sub in: return x + 1 <= 9 and any([x > 3])",
    "1 → 2 in: return x + 1 <= 9 and any([x > 3])",
    "9 → 10 in: return x + 1 <= 9 and any([x > 3])",
    "any → all in: return x + 1 <= 9 and any([x > 3])",
    "Gt → GtE in: return x + 1 <= 9 and any([x > 3])",
    "3 → 4 in: return x + 1 <= 9 and any([x > 3])",
]


def test_the_mutants_of_a_small_file():
    found = mutants_of("m.py", SOURCE)
    assert [mutant.key for mutant in found] == EXPECTED
    sources = {mutant.source(SOURCE) for mutant in found}
    assert len(sources) == len(found)
    for source in sources:
        compile(source, "m.py", "exec")


def test_every_mutant_of_a_real_file_has_a_name_of_its_own():
    text = (ROOT / "lessons_lib/ops/boxes.py").read_text("utf-8")
    keys = [mutant.key for mutant in mutants_of("lessons_lib/ops/boxes.py", text)]
    assert len(set(keys)) == len(keys) > 40


def test_every_numeric_file_has_tests():
    files = files_of(["lessons_lib/ops"])
    assert "lessons_lib/ops/roi/align.py" in files
    assert [file for file in files if not mutants.tests_of(file)] == []
    assert "tests/errors/test_rle_errors.py" in mutants.tests_of("lessons_lib/ops/masks.py")


def test_what_is_known_to_change_nothing_is_still_there_and_has_a_reason():
    for entry in json.loads(EQUIVALENT.read_text("utf-8")):
        text = (ROOT / entry["file"]).read_text("utf-8")
        assert entry["mutant"] in {mutant.key for mutant in mutants_of(entry["file"], text)}
        assert len(entry["reason"]) > 10


@pytest.mark.parametrize(("asked", "verdict"), [("assert f(2) == 4", "survived"), ("assert f(3) == 6", "killed")])
def test_a_hole_is_seen_and_the_file_is_put_back(tmp_path, monkeypatch, asked, verdict):
    (tmp_path / "numbers_here.py").write_text("def f(x):\n    return x * 2\n", "utf-8")
    (tmp_path / "test_code.py").write_text(f"from numbers_here import f\n\n\ndef test_f():\n    {asked}\n", "utf-8")
    monkeypatch.setattr(mutants, "HOOK", "-q")
    monkeypatch.setattr(mutants, "tests_of", lambda file: ["test_code.py"])
    text = "def f(x):\n    return x * 2\n"
    mutant = next(m for m in mutants_of("numbers_here.py", text) if m.key.startswith("Mult → Add"))
    assert mutants.judge(tmp_path, mutant, 60, []) == verdict
    assert (tmp_path / "numbers_here.py").read_text("utf-8") == text


def test_a_test_that_fails_as_it_is_kills_nothing(tmp_path, monkeypatch):
    (tmp_path / "test_it.py").write_text("def test_right():\n    pass\n\ndef test_wrong():\n    assert False\n")
    monkeypatch.setattr(mutants, "HOOK", "-v")  # the hook imports the library
    assert mutants.failing(tmp_path, "test_it.py") == ["test_it.py::test_wrong"]
    (tmp_path / "test_good.py").write_text("def test_right():\n    pass\n")
    assert mutants.failing(tmp_path, "test_good.py") == []
