"""What is passed stays passed, through damaged files, older versions, unwritable folders and two writers."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from lessons_lib.course.course_map import progress
from lessons_lib.course.progress import data_folder, passed_exercises, progress_file, record_pass


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def write(text):
    progress_file().parent.mkdir(parents=True, exist_ok=True)
    progress_file().write_bytes(text if isinstance(text, bytes) else text.encode())


def kept_files():
    return [path for path in data_folder().iterdir() if path.name.startswith("progress.kept-")]


def test_a_pass_is_recorded_once_and_stays(own_home):
    assert passed_exercises() == ({}, "")
    assert not own_home.exists()  # looking writes nothing
    assert record_pass("02.1") == ""
    first = progress_file().read_text()
    assert record_pass("02.1") == ""
    assert progress_file().read_text() == first
    record_pass("02.2")
    passed, note = passed_exercises()
    assert list(passed) == ["02.1", "02.2"]
    assert note == ""
    assert json.loads(first)["version"] == 1
    assert sorted(path.name for path in own_home.iterdir() if path.suffix != ".lock") == ["progress.json"]


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 1}',
        '{"version": 1, "passed": 3}',
        '{"version": 1, "passed": {"02.1": 3}}',
        '{"version": 1, "passed": {"nonsense": "2017-04-28"}}',
        '{"version": null, "passed": {}}',
        '{"version": 1, "passed": {"02.1": ""}, "repeated": 3}',
        '{"version": 1, "passed": {"02.1": ""}, "repeated": {"02.1": [3]}}',
        "[" * 100_000,
        b"\xff\xfe\x00",
    ],
)
def test_a_damaged_file_is_kept_aside_and_reported_once(damaged):
    write(damaged)
    before = progress_file().read_bytes()
    note = record_pass("02.1")
    (kept,) = kept_files()
    assert kept.read_bytes() == before
    assert str(kept) in note
    assert record_pass("02.2") == ""
    assert set(passed_exercises()[0]) == {"02.1", "02.2"}


def test_looking_at_the_map_mends_a_damaged_file_too():
    write("{")
    shown = progress()
    assert "damaged" in repr(shown) and str(kept_files()[0]) in repr(shown)
    assert progress().note == ""


@pytest.mark.parametrize("passed", [["02.1"], {"02.1": "2016-01-01"}])
def test_an_older_version_is_carried_over_and_kept(passed):
    write(json.dumps({"version": 0, "passed": passed}))
    note = record_pass("02.2")
    assert "carried over" in note and str(kept_files()[0]) in note
    assert set(passed_exercises()[0]) == {"02.1", "02.2"}


def test_a_newer_version_is_kept_and_a_new_file_begun():
    write(json.dumps({"version": 99, "passed": {"02.1": "2030-01-01"}}))
    note = record_pass("02.2")
    assert "another version" in note and str(kept_files()[0]) in note
    assert set(passed_exercises()[0]) == {"02.2"}


def test_two_damaged_files_in_one_second_are_both_kept():
    for text in ("{", "{{", "{{{"):
        write(text)
        record_pass("02.1")
    assert sorted(path.read_text() for path in kept_files()) == ["{", "{{", "{{{"]


def test_a_folder_in_place_of_the_file_is_kept_aside():
    progress_file().mkdir(parents=True)
    assert "damaged" in record_pass("02.1")
    assert set(passed_exercises()[0]) == {"02.1"}


def test_an_unwritable_folder_is_a_line_and_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "file" / "home"))
    note = record_pass("02.1")
    assert note.startswith("Your progress could not be saved in ")
    assert str(progress_file()) in note
    assert len(repr(progress()).splitlines()) >= 22  # the map still draws


def test_a_failed_write_leaves_the_old_file_and_nothing_else(monkeypatch):
    record_pass("02.1")
    before = progress_file().read_text()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert "No space left on device" in record_pass("02.2")
    assert progress_file().read_text() == before
    assert not [path for path in data_folder().iterdir() if path.suffix in (".tmp", ".part")]


def test_a_busy_file_is_a_line_and_no_error(monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr(sys.modules["lessons_lib.course.progress"], "LOCK_SECONDS", 0.1)
    data_folder().mkdir(parents=True)
    with FileLock(f"{progress_file()}.lock"):
        assert "busy" in record_pass("02.1")


def test_writers_at_the_same_time_lose_nothing():
    def pass_twenty(lesson):
        return [record_pass(f"{lesson}.{i + 1}") for i in range(20)]

    with ThreadPoolExecutor(3) as pool:
        notes = [note for notes in pool.map(pass_twenty, ("01", "02", "03")) for note in notes]
    assert set(notes) == {""}
    assert len(passed_exercises()[0]) == 60


def test_the_folder_is_the_users_own_without_the_variable(monkeypatch):
    import platformdirs

    monkeypatch.setenv("LESSONS_HOME", "")
    assert data_folder() == platformdirs.user_data_path("from-strides-to-masks", appauthor=False)


def day(monkeypatch, iso):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromisoformat(iso)

    monkeypatch.setattr("lessons_lib.course.progress.datetime", Clock)


def test_a_repetition_counts_once_a_day_and_only_if_written_anew(monkeypatch):
    day(monkeypatch, "2026-01-05T10:00")
    record_pass("02.1", anew=True)  # the first pass, whatever it is called
    record_pass("02.1", anew=True)
    day(monkeypatch, "2026-01-09T10:00")
    record_pass("02.1")  # Restart & Run All with the old answer
    assert passed_exercises()[0] == {"02.1": ["2026-01-05"]}
    record_pass("02.1", anew=True)
    assert passed_exercises()[0] == {"02.1": ["2026-01-05", "2026-01-09"]}
    data = json.loads(progress_file().read_text())
    assert data == {"version": 1, "passed": {"02.1": "2026-01-05"}, "repeated": {"02.1": ["2026-01-09"]}}
    record_pass("02.2")
    assert passed_exercises()[0]["02.1"] == ["2026-01-05", "2026-01-09"]
