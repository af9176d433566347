"""Killed at any moment, on a full disk, twice at once, with a gigabyte: no wrong file, and the next run completes."""

import hashlib
import io
import json
import os
import random
import tarfile
import time
import zipfile

import pytest

from data_scripts.fetch.bookkeeping import Books
from tests.data_scripts.bad_server import Page, Zeros, bad_server
from tests.data_scripts.forks import forks

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this system does not have")

GIGABYTE = 1_000_000_000
SHA1_OF_A_GIGABYTE_OF_ZEROS = "sha1:1dd775261d7abab0b66910acc1d827a2c3799eaf"
FILES = {f"folder{n % 4}/{n:03d}.bin": random.Random(n).randbytes(4000 + n) for n in range(60)}


def packed(name: str) -> bytes:
    buffer = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(buffer, "w") as file:
            for path, data in FILES.items():
                file.writestr(path, data)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as file:
            for path, data in FILES.items():
                entry = tarfile.TarInfo(path)
                entry.size = len(data)
                file.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def server():
    with bad_server() as running:
        yield running


@pytest.fixture(scope="module")
def children():
    with forks() as running:
        yield running


def assert_nothing_wrong(root, name: str, body: bytes) -> None:
    """Every file that has its final name is right; a list of extracted files is there only with all of them."""
    archive = root / name
    assert not archive.exists() or archive.read_bytes() == body
    out = root / "out"
    for path in (path for path in out.rglob("*") if path.is_file()):
        assert path.read_bytes() == FILES[path.relative_to(out).as_posix()]
    contents = Books(root).contents(name)
    if contents is not None:
        assert {file.path for file in contents} == {f"out/{path}" for path in FILES}
        assert Books(root).missing(contents) == []


def assert_complete(root, name: str, body: bytes) -> None:
    assert_nothing_wrong(root, name, body)
    assert Books(root).contents(name) is not None and (root / name).exists()
    left = [
        path.name for path in (root / ".download").iterdir() if not path.name.endswith((".lock", ".json", ".contents"))
    ]
    assert left == [] and [path.name for path in root.iterdir() if ".part" in path.name] == []


@pytest.mark.parametrize("name", ["set.zip", "set.tgz"])
@pytest.mark.parametrize("published", [True, False], ids=["checksum", "no checksum"])
def test_killed_at_any_moment(server, children, tmp_path, name, published):
    """30 times before a random thing that it does to files, 10 times after a random while; again and again in the same
    folder, now and then in a fresh one."""
    body, dice = packed(name), random.Random(f"{name}{published}")
    server.pages[f"/{name}"] = Page(body, pace=0.0005)
    job = {"url": server.url(f"/{name}"), "checksum": f"md5:{hashlib.md5(body).hexdigest()}" if published else None}
    report, started = tmp_path / "report", time.monotonic()
    assert children.run(root=str(tmp_path / "first"), report=str(report), **job) == "done"
    needed, moments = time.monotonic() - started, json.loads(report.read_text("utf-8"))["moments"]
    folder, ends = 0, []
    while len(ends) < 40:
        job["root"] = str(tmp_path / str(folder))
        if len(ends) % 4 == 3:
            ends.append(children.run_and_kill(dice.uniform(0, needed), **job))
        else:
            ends.append(children.run(die_at=dice.randrange(1, moments), **job))
        assert ends[-1] in ("killed", "done")
        assert_nothing_wrong(tmp_path / str(folder), name, body)
        if ends[-1] == "done" or dice.random() < 0.3:
            assert children.run(**job) == "done"
            assert_complete(tmp_path / str(folder), name, body)
            folder += 1
    assert children.run(**job) == "done"
    assert_complete(tmp_path / job["root"], name, body)
    assert ends.count("killed") >= 20 and folder >= 5


def test_a_full_disk_at_any_byte(server, children, tmp_path):
    """The largest file that the system allows is smaller than the archive, or than what comes out of it."""
    body, dice = packed("set_full.zip"), random.Random(5)
    server.pages["/set_full.zip"] = Page(body)
    job = {"url": server.url("/set_full.zip"), "checksum": f"md5:{hashlib.md5(body).hexdigest()}"}
    for number in range(20):
        root = tmp_path / str(number)
        for _ in range(2):
            assert children.run(root=str(root), most_bytes=dice.randrange(1, len(body)), **job) == "no space"
            assert_nothing_wrong(root, "set_full.zip", body)
        assert children.run(root=str(root), **job) == "done"
        assert_complete(root, "set_full.zip", body)


def test_two_processes_at_once_download_it_once(server, children, tmp_path):
    body = packed("set_shared.zip")
    for number in range(8):
        server.pages["/set_shared.zip"] = Page(body, pace=0.0005)
        server.asked.clear()
        job = {"url": server.url("/set_shared.zip"), "root": str(tmp_path / str(number))}
        both = [children.start(**job), children.start(**job)]
        assert [children.wait(child) for child in both] == ["done", "done"]
        assert len(server.asked) == 1
        assert_complete(tmp_path / str(number), "set_shared.zip", body)


def test_memory_stays_flat_for_a_gigabyte(server, children, tmp_path):
    """Placing a plain file of a gigabyte takes no more memory than placing one of a megabyte."""
    peaks = []
    for name, size in (("small.bin", 1_000_000), ("large.bin", GIGABYTE)):
        server.pages[f"/{name}"] = Page(Zeros(size), piece=1 << 22)
        report = tmp_path / f"{name}.memory"
        checksum = SHA1_OF_A_GIGABYTE_OF_ZEROS if size == GIGABYTE else f"sha1:{hashlib.sha1(bytes(size)).hexdigest()}"
        job = {"url": server.url(f"/{name}"), "root": str(tmp_path), "checksum": checksum, "report": str(report)}
        assert children.run(**job) == "done"
        peaks.append(json.loads(report.read_text("utf-8"))["peak"] / 1e6)
    assert (tmp_path / "out" / "large.bin").stat().st_size == GIGABYTE
    (tmp_path / "out" / "large.bin").unlink()
    assert peaks[1] - peaks[0] < 16, f"{peaks[0]:.0f} MB for a megabyte, {peaks[1]:.0f} MB for a gigabyte"
