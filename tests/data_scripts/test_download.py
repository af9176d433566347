"""The command: list, get, go on, verify, by hand; and what it says when something is wrong."""

import hashlib
import io
import json
import signal
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tqdm import tqdm

from data_scripts import catalogue
from data_scripts.download import Bars, _place_all, main
from data_scripts.fetch.bookkeeping import Books
from data_scripts.fetch.download_errors import Stopped
from data_scripts.fetch.fetching import Manners
from data_scripts.fetch.placing import Job, place
from data_scripts.fetch.remote import Download, RemoteFile
from lessons_lib.data.open import open_dataset
from tests.data_scripts.bad_server import Page, bad_server


def zip_of(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in files.items():
            file.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return buffer.getvalue()


PICTURES = zip_of(pictures__1_dot_png=b"one", pictures__2_dot_png=b"two")
LABELS = zip_of(labels__1_dot_png=b"ONE", labels__2_dot_png=b"TWO")


PATIENT = Manners(rounds=2, timeout=(30, 30), sleep=lambda seconds: None)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("data_scripts.fetch.placing.Manners", lambda sleep: PATIENT)


@pytest.fixture
def server(monkeypatch):
    """A server with a set of three files, and a catalogue that knows it as "toy"."""
    with bad_server() as running:
        pages = {"pictures.zip": PICTURES, "labels.zip": LABELS, "list.txt": b"1\n2\n"}
        running.pages = {f"/{name}": Page(body) for name, body in pages.items()}
        files = (
            RemoteFile(
                "pictures.zip",
                (running.url("/pictures.zip"),),
                size=len(PICTURES),
                checksum=f"sha256:{hashlib.sha256(PICTURES).hexdigest()}",
                gives=(("pictures/*.png", 2),),
            ),
            RemoteFile("labels.zip", (running.url("/labels.zip"),), gives=(("labels/*.png", 2),)),
            RemoteFile(
                "list.txt", (running.url("/list.txt"),), into="lists", gives=(("lists/list.txt", 1),), optional=True
            ),
        )
        entry = Download("toy", "Toy set", "1", {"train": 2}, "CC0", "http://toy.example/", "Nobody: Toys. 2026", files)
        monkeypatch.setitem(catalogue.DOWNLOADS, "toy", entry)
        yield running


def below(root: Path) -> dict[str, bytes]:
    files = sorted(path for path in root.rglob("*") if path.is_file() and ".download" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


WHOLE = {
    "labels.zip": LABELS,
    "labels/1.png": b"ONE",
    "labels/2.png": b"TWO",
    "pictures.zip": PICTURES,
    "pictures/1.png": b"one",
    "pictures/2.png": b"two",
}


def test_gets_a_set_and_then_leaves_it_alone(server, tmp_path, capsys):
    assert main(["toy", "--to", str(tmp_path)]) == 0
    assert below(tmp_path) == WHOLE
    told = capsys.readouterr().out
    assert "Toy set: CC0; http://toy.example/" in told and "Please cite Nobody: Toys. 2026" in told
    assert "pictures.zip: 236 B downloaded, 2 files extracted" in told
    assert f"labels.zip: no checksum is published; sha256:{hashlib.sha256(LABELS).hexdigest()} is recorded" in told
    server.asked.clear()
    assert main(["toy", "--to", str(tmp_path), "--parallel", "1"]) == 0
    assert server.asked == [] and "labels.zip: was complete already" in capsys.readouterr().out


def test_default_folder_and_optional_file(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["toy", "--only", "list.txt"]) == 0
    assert below(tmp_path) == {"datasets/toy/lists/list.txt": b"1\n2\n"}
    server.asked.clear()
    assert main(["toy", "--only", "list.txt"]) == 0 and server.asked == []
    assert main(["toy", "--only", "list.txt", "--verify"]) == 0
    (tmp_path / "datasets/toy/lists/list.txt").write_bytes(b"1\n3\n")
    assert main(["toy", "--only", "list.txt", "--verify"]) == 1


def test_deletes_archives_when_told_and_is_still_complete(server, tmp_path):
    assert main(["toy", "--to", str(tmp_path), "--delete-archives"]) == 0
    assert below(tmp_path) == {name: data for name, data in WHOLE.items() if not name.endswith(".zip")}
    server.asked.clear()
    assert main(["toy", "--to", str(tmp_path)]) == 0 and main(["toy", "--to", str(tmp_path), "--verify"]) == 0
    assert server.asked == []


def test_what_is_lost_is_extracted_again_without_the_network(server, tmp_path):
    assert main(["toy", "--to", str(tmp_path)]) == 0
    server.asked.clear()
    (tmp_path / "labels" / "1.png").unlink()
    (tmp_path / "pictures" / "2.png").write_bytes(b"longer than it was")
    assert main(["toy", "--to", str(tmp_path)]) == 0
    assert below(tmp_path) == WHOLE and server.asked == []


def test_verify_names_every_damage(server, tmp_path, capsys):
    assert main(["toy", "--to", str(tmp_path)]) == 0
    assert main(["toy", "--to", str(tmp_path), "--verify"]) == 0
    told = capsys.readouterr().out
    assert "✓ pictures.zip: checksum as published; all 2 extracted files, byte for byte" in told
    assert "✓ labels.zip: checksum as recorded on 20" in told
    (tmp_path / "labels" / "1.png").write_bytes(b"ONe")
    (tmp_path / "labels" / "2.png").unlink()
    (tmp_path / "pictures" / "2.png").write_bytes(b"two and more")
    (tmp_path / "pictures.zip").write_bytes(PICTURES[:-1] + b"x")
    assert main(["toy", "--to", str(tmp_path), "--verify"]) == 1
    told = capsys.readouterr().out
    assert "labels/1.png has other bytes than it came with" in told and "labels/2.png is not there" in told
    assert "pictures/2.png has 12 bytes, it came with 3" in told and "pictures.zip has sha256:" in told
    assert told.count("✗") == 2


def test_verify_of_an_empty_folder_counts(server, tmp_path, capsys):
    assert main(["toy", "--to", str(tmp_path / "nothing"), "--verify"]) == 1
    told = capsys.readouterr().out
    assert "✗ pictures.zip: the number of files, as they were not extracted by this course" in told
    assert "pictures/*.png matches 0 files, where 2 should be" in told
    assert not (tmp_path / "nothing").exists()  # looking changes nothing


def test_a_folder_from_elsewhere_is_taken_as_it_is(server, tmp_path, capsys):
    for name, data in WHOLE.items():
        if not name.endswith(".zip"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(data)
    assert main(["toy", "--to", str(tmp_path)]) == 0 and server.asked == []
    assert "there already, by hand; only the number of files was checked" in capsys.readouterr().out
    assert main(["toy", "--to", str(tmp_path), "--verify"]) == 0


def test_archives_placed_by_hand_are_checked_and_used(server, tmp_path, capsys):
    (tmp_path / "pictures.zip").write_bytes(PICTURES)
    (tmp_path / "labels.zip").write_bytes(LABELS)
    (tmp_path / "labels.zip.part").write_bytes(b"left")
    assert main(["toy", "--to", str(tmp_path)]) == 0
    assert below(tmp_path) == WHOLE and server.asked == []
    assert "pictures.zip: found and checked, 2 files extracted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("pictures.zip", PICTURES[:-10], "pictures.zip has 226 bytes, where pictures.zip has 236"),
        ("pictures.zip", PICTURES[:-1] + b"x", "pictures.zip has the checksum sha256:"),
        ("labels.zip", LABELS[:-30], "labels.zip is damaged"),
        ("labels.zip", zip_of(**{"__evil": b""}), "the entry '/evil' has an absolute path"),
    ],
)
def test_a_wrong_archive_placed_by_hand_is_refused_and_left(server, tmp_path, capsys, name, data, reason):
    (tmp_path / name).write_bytes(data)
    assert main(["toy", "--to", str(tmp_path)]) == 1
    assert reason in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == data and not (tmp_path / name.removesuffix(".zip")).exists()


def test_a_registered_set_says_what_to_get_and_checks_what_is_placed(server, tmp_path, capsys, monkeypatch):
    toy = catalogue.DOWNLOADS["toy"]
    by_hand = replace(
        toy,
        registration="register at http://toy.example/register",
        files=tuple(replace(file, urls=()) for file in toy.files[:2]),
    )
    monkeypatch.setitem(catalogue.DOWNLOADS, "toy", by_hand)
    assert main(["toy", "--to", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "It is given to registered users only: register at http://toy.example/register." in told
    assert f"(236 bytes, {toy.files[0].checksum}):\n  {tmp_path / 'pictures.zip'}\n" in told
    assert f"(size not published, checksum not published):\n  {tmp_path / 'labels.zip'}\n" in told
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "1.png").write_bytes(b"one")
    (tmp_path / "labels.zip").write_bytes(LABELS)
    assert main(["toy", "--to", str(tmp_path)]) == 1
    assert "Not all of it is there:\n  pictures/*.png matches 1 files, where 2 should be" in capsys.readouterr().err
    (tmp_path / "pictures" / "2.png").write_bytes(b"two")
    assert main(["toy", "--to", str(tmp_path)]) == 0 and server.asked == []


def test_offline_it_says_what_to_do_by_hand(server, tmp_path, capsys):
    for page in server.pages.values():
        page.faults = ["500"] * 20
    assert main(["toy", "--to", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    for words in (
        "pictures.zip of toy could not be downloaded:",
        "the server answered 500 Internal Server Error",
        "Behind a proxy: set HTTP_PROXY and HTTPS_PROXY to http://SERVER:PORT",
        "--mirror ADDRESS-OF-ITS-FOLDER",
        server.url("/pictures.zip"),
        f"Put it here, under exactly this name (236 bytes, sha256:{hashlib.sha256(PICTURES).hexdigest()}):",
        str(tmp_path / "pictures.zip"),
        "labels.zip of toy could not be downloaded:",
    ):
        assert words in told


def test_one_failure_does_not_keep_the_others(server, tmp_path, capsys):
    server.pages.pop("/pictures.zip")
    assert main(["toy", "--to", str(tmp_path)]) == 1
    assert set(below(tmp_path)) == {"labels.zip", "labels/1.png", "labels/2.png"}
    assert "404 Not Found" in capsys.readouterr().err


def test_a_mirror_is_asked_first(server, tmp_path):
    server.pages["/copy/pictures.zip"] = Page(PICTURES)
    assert main(["toy", "--to", str(tmp_path), "--mirror", server.url("/copy/"), "--parallel", "1"]) == 0
    paths = [path for path, _, _ in server.asked]
    assert paths == ["/copy/pictures.zip", "/copy/labels.zip", "/labels.zip"]
    assert Books(tmp_path).receipt("pictures.zip").source == server.url("/copy/pictures.zip")


def test_a_recorded_checksum_is_compared_from_then_on(server, tmp_path, capsys):
    assert main(["toy", "--to", str(tmp_path), "--delete-archives"]) == 0
    (tmp_path / "labels" / "1.png").unlink()
    server.pages["/labels.zip"] = Page(zip_of(labels__1_dot_png=b"new"))
    assert main(["toy", "--to", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    receipt = tmp_path / ".download" / "labels.zip.json"
    assert f"does not have the checksum sha256:{hashlib.sha256(LABELS).hexdigest()}" in told
    assert f"If its authors have changed it since, delete {receipt} to accept the new one." in told
    receipt.unlink()
    assert main(["toy", "--to", str(tmp_path)]) == 0
    assert (tmp_path / "labels" / "1.png").read_bytes() == b"new"
    assert json.loads(receipt.read_text("utf-8"))["known_from"] == "recorded"


def test_too_little_space_is_said_before_the_start(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("data_scripts.fetch.free_space.free_bytes", lambda folder: 300)
    assert main(["toy", "--to", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "toy needs 472 B on the disk" in told and "300 B are free" in told and "--to" in told
    assert server.asked == []


def test_files_come_at_the_same_time(server, tmp_path):
    """Neither download goes on before both have begun."""
    meeting, waited = threading.Barrier(2), set()

    def progress(name):
        def tell(phase, done, total):
            if name not in waited:
                waited.add(name)
                meeting.wait(timeout=600)

        return tell

    entry = catalogue.DOWNLOADS["toy"]
    job = Job(entry, tmp_path, manners=PATIENT, say=lambda text: None, progress=progress)
    assert _place_all(job, list(entry.files[:2]), parallel=2) == 0
    assert waited == {"pictures.zip", "labels.zip"}


def test_stopped_it_keeps_what_came_and_goes_on(server, tmp_path):
    server.pages["/pictures.zip"].pace, server.pages["/pictures.zip"].piece = 0.05, 20
    entry = catalogue.DOWNLOADS["toy"]

    def progress(name):
        return lambda phase, done, total: job.stop.set() if done else None

    job = Job(entry, tmp_path, manners=PATIENT, say=lambda text: None, progress=progress)
    with pytest.raises(Stopped, match="what has come stays"):
        place(job, entry.files[0])
    assert 0 < (tmp_path / "pictures.zip.part").stat().st_size < len(PICTURES)
    server.asked.clear()
    assert main(["toy", "--to", str(tmp_path)]) == 0
    assert any(asked[1] for asked in server.asked) and below(tmp_path) == WHOLE


def test_a_list_of_files_is_forgotten_before_others_come(server, tmp_path):
    entry = catalogue.DOWNLOADS["toy"]
    job = Job(entry, tmp_path, manners=PATIENT, say=lambda text: None)
    place(job, entry.files[1])
    (tmp_path / "labels" / "1.png").unlink()

    def progress(name):
        return lambda phase, done, total: job.stop.set() if phase == "extract" else None

    job.progress = progress
    with pytest.raises(Stopped):
        place(job, entry.files[1])
    assert Books(tmp_path).contents("labels.zip") is None and Books(tmp_path).receipt("labels.zip") is not None


def picture(data) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(data).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.skipif(sys.platform == "win32", reason="sends the signal of Ctrl-C, which Windows does not have so")
def test_from_the_command_line_to_the_reader_with_a_ctrl_c_between(tmp_path):
    """The nuclei come from a mirror, are stopped after the first bytes, go on with the same command, and are read."""
    dice = np.random.default_rng(0)
    photo, mask = dice.integers(0, 256, (64, 48, 3), dtype=np.uint8), np.zeros((64, 48), dtype=np.uint8)
    mask[10:20, 5:9] = 255
    body = zip_of(abc__images__abc_dot_png=picture(photo), abc__masks__one_dot_png=picture(mask))
    with bad_server() as running:
        page = running.pages["/m/stage1_train.zip"] = Page(body, pace=0.2, piece=1000)
        command = [sys.executable, "-m", "data_scripts.download", "nuclei", "--to", str(tmp_path)]
        command += ["--mirror", running.url("/m")]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": Path(__file__).parents[2], "text": True}

        def listens() -> (
            None
        ):  # tests that run in the background of a shell are deaf to Ctrl-C, and so is what they start
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        with subprocess.Popen(command, preexec_fn=listens, **streams) as process:
            part = tmp_path / "stage1_train.zip.part"
            deadline = time.monotonic() + 120
            while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=600)
        assert process.returncode == 130 and "continues from there" in out and "Traceback" not in err
        assert 0 < part.stat().st_size < len(body) and not (tmp_path / "stage1_train.zip").exists()
        page.pace = 0
        again = subprocess.run(command, capture_output=True, text=True, cwd=streams["cwd"], timeout=600)
        assert again.returncode == 0, again.stderr
        assert running.asked[-1][1] is not None  # a range
    assert (
        "not what the catalogue expects: stage1_train/*/images/*.png matches 1 files, where 670 should be"
        in again.stdout
    )
    sample = open_dataset("nuclei", tmp_path, "all")[0]
    assert (sample.image * 255).round().byte().permute(1, 2, 0).numpy().tolist() == photo.tolist()
    assert sample.instances.boxes.tolist() == [[5.0, 10.0, 9.0, 20.0]]


def test_a_bar_shows_each_phase(monkeypatch):
    out = io.StringIO()
    out.isatty = lambda: True
    monkeypatch.setattr("data_scripts.download.tqdm", partial(tqdm, file=out, mininterval=0, miniters=1))
    bars = Bars()
    show = bars.of("x.zip")
    for phase, done, total in [
        ("download", 500, 1000),
        ("download", 0, 1000),
        ("download", 1000, 1000),
        ("check", 0, 9),
    ]:
        show(phase, done, total)
    bars.close()
    assert "x.zip download:  50%" in out.getvalue() and "500/1.00k" in out.getvalue()
    assert "x.zip download: 100%" in out.getvalue() and "x.zip check: " in out.getvalue()


def test_interrupted_from_the_keyboard(server, tmp_path, monkeypatch, capsys):
    def interrupted(job, task):
        time.sleep(0.05)
        raise KeyboardInterrupt

    monkeypatch.setattr("data_scripts.download._outcome", interrupted)
    assert main(["toy", "--to", str(tmp_path)]) == 130
    assert "the same command continues from there" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--verify"], "--verify must be left out without the NAME of a dataset"),
        (["--to", "coco"], "--to must be left out without the NAME of a dataset"),
        (["toy", "--about", "--verify"], "--verify must be left out with --about"),
        (["toy", "--verify", "--delete-archives"], "--delete-archives must be left out with --verify"),
        (["toy", "--verify", "--mirror", "http://localhost/"], "--mirror must be left out with --verify"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(words, said, capsys):
    """download --verify without a name printed the catalogue, and its exit status said that all is well."""
    assert main(words) == 2
    assert capsys.readouterr().err == f"download: {said}, where it does nothing\n"


def test_lists_and_tells_without_fetching(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 0
    told = capsys.readouterr().out
    assert "voc2012" in told and "toy" in told and "python -m data_scripts.download NAME --about" in told
    assert main(["toy", "--about"]) == 0
    assert server.url("/labels.zip") in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [] and server.asked == []


def test_a_file_in_the_way_is_an_error_in_words(server, tmp_path, capsys):
    (tmp_path / "file").write_text("here", "utf-8")
    assert main(["toy", "--to", str(tmp_path / "file")]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_the_command_starts_without_torch():
    code = "import sys, data_scripts.download; print({'torch', 'numpy', 'PIL'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert run.stdout.strip() == "set()", run.stderr
