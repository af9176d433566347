"""Whole files: whatever goes wrong, and whenever, the file is the old one or the new one."""

import os
import signal

import pytest

from lessons_lib.atomic import whole_file, write_whole
from tests.training.lives import CAN_BE_KILLED, Life


def test_writes_a_new_file_and_replaces_an_old_one(tmp_path):
    path = tmp_path / "file.txt"
    write_whole(path, "one")
    write_whole(path, "zwei ✓")
    assert path.read_text("utf-8") == "zwei ✓"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_an_error_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "file.txt"
    write_whole(path, "one")
    with pytest.raises(RuntimeError, match="half way"), whole_file(path) as part:
        part.write_text("tw")
        raise RuntimeError("half way")
    assert path.read_text() == "one"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_the_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("fsync"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("replace"), replace(*names)))
    write_whole(tmp_path / "file.txt", "one")
    assert done[:2] == ["fsync", "replace"]
    assert done[2:] == (["fsync"] if os.name == "posix" else [])  # the new name in the folder


def killed_at(moment: str, path) -> int:
    """Writes "new" and is killed while it writes, before the file is safe, before it gets its name, or after that."""

    def die(*names) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if moment in ("fsync", "replace"):
        setattr(os, moment, die)
    with whole_file(path) as part:
        part.write_text("n")
        if moment == "writing":
            die()
        part.write_text("new")
    die()
    return 0


@pytest.mark.skipif(not CAN_BE_KILLED, reason="this system has no SIGKILL")
@pytest.mark.parametrize(("moment", "left"), [("writing", "old"), ("fsync", "old"), ("replace", "old"), ("end", "new")])
def test_killed_at_any_moment_one_of_the_two_is_there_whole(moment, left, tmp_path):
    path = tmp_path / "file.txt"
    write_whole(path, "old")
    assert Life(tmp_path / "said.txt", killed_at, moment, path).end() == -signal.SIGKILL
    assert path.read_text() == left
    write_whole(path, "newest")  # what the killed one left behind is in nobody's way
    assert path.read_text() == "newest"
    assert os.listdir(tmp_path).count("file.txt.part") == 0
