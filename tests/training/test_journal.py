"""The journal: lines as they come, cut back for a run that is taken up."""

import pytest

from lessons_lib.training.journal import Journal, read_journal


def written(path, start: int, *steps: int) -> list[int]:
    with Journal(path, start) as journal:
        for step in steps:
            journal.write({"step": step, "losses": {"a": 1.0 / step}})
            assert read_journal(path)[-1]["step"] == step  # whoever looks sees it at once
        journal.flush_to_disk()
    return [line["step"] for line in read_journal(path)]


def test_steps_that_are_made_again_are_cut_off(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert written(path, 0, 1, 2, 3, 4, 5) == [1, 2, 3, 4, 5]
    assert written(path, 3, 4, 5, 6) == [1, 2, 3, 4, 5, 6]
    assert written(path, 9, 10) == [1, 2, 3, 4, 5, 6, 10]
    assert written(path, 0) == []


def test_an_unfinished_line_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"ste')
    assert written(path, 2) == [1, 2]
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_a_broken_line_is_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\nwhat?\n{"step": 3}\n')
    with pytest.raises(ValueError, match=r"metrics.jsonl must hold a JSON line per step, got 'what\?' in line 2"):
        read_journal(path)
    assert read_journal(tmp_path / "none.jsonl") == []
