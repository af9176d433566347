"""A file is fetched whole or not at all, from a server that does everything wrong, and from where it stopped."""

import email.utils
import errno
import hashlib
import io
import random
import time
import zipfile
from dataclasses import replace

import pytest

from data_scripts.fetch import fetching
from data_scripts.fetch.download_errors import DownloadError, NotEnoughSpace, Stopped
from data_scripts.fetch.extraction import check_archive
from data_scripts.fetch.fetching import Manners, Wanted, fetch
from data_scripts.fetch.partial_file import Origin, PartialFile
from tests.data_scripts.bad_server import FAULTS, Page, bad_server

HASTY = Manners(rounds=3, timeout=(30.0, 30.0), sleep=lambda seconds: None)
NERVOUS = replace(HASTY, timeout=(30.0, 0.2))  # for a server that stalls; on a busy machine a good one may seem to
RUNS = 160


@pytest.fixture(scope="module")
def server():
    with bad_server() as running:
        yield running


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def random_zip(dice: random.Random, size: int) -> bytes:
    """A zip whose bytes are nearly all under its CRC."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("noise.bin", dice.randbytes(size))
    return packed.getvalue()


def sha1(data: bytes) -> str:
    return f"sha1:{hashlib.sha1(data).hexdigest()}"


def test_no_fault_of_a_server_leaves_a_wrong_file_and_the_next_run_completes(server, tmp_path):
    """Each run meets up to six faults, one after the other, or one that stays; then the server is well again."""
    dice, completed_at_once = random.Random(7), 0
    server.dice = random.Random(8)
    for number in range(RUNS):
        body = random_zip(dice, dice.choice((0, 1, 5_000, 300_000)))
        page = Page(body, etag=dice.choice(('"one"', 'W/"weak"', None)), ranges=dice.random() < 0.8)
        page.modified = dice.choice((None, "Wed, 21 Oct 2015 07:28:00 GMT"))
        stays = dice.choice(FAULTS)
        page.faults = [stays] * 30 if dice.random() < 0.3 else dice.choices(FAULTS, k=dice.randrange(7))
        faults = tuple(page.faults)
        server.pages["/file.zip"] = page
        wanted = Wanted(tmp_path / f"{number}.zip", [server.url("/file.zip")], check=check_archive)
        wanted.checksum = dice.choice((None, sha1(body)))
        wanted.size = dice.choice((None, len(body)))
        try:
            fetch(wanted, NERVOUS if "stall" in faults else HASTY)
            completed_at_once += 1
        except DownloadError:
            assert not wanted.target.exists(), faults
        else:
            assert wanted.target.read_bytes() == body, faults
            continue
        page.faults.clear()
        fetch(wanted, HASTY)
        assert wanted.target.read_bytes() == body, faults
        assert not PartialFile(wanted.target).path.exists() and not PartialFile(wanted.target).note.exists()
    assert RUNS * 0.2 < completed_at_once < RUNS * 0.9  # the faults are neither harmless nor fatal


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_survived_when_it_comes_once(server, tmp_path, fault):
    body = random_zip(random.Random(1), 100_000)
    server.pages["/a.zip"] = Page(body, faults=[fault])
    server.pages["/b.zip"] = Page(body)
    wanted = Wanted(tmp_path / "a.zip", [server.url("/a.zip"), server.url("/b.zip")], checksum=sha1(body))
    fetch(wanted, NERVOUS if fault == "stall" else HASTY)
    assert wanted.target.read_bytes() == body


def test_goes_on_where_the_cut_was(server, tmp_path):
    body = bytes(range(256)) * 1000
    page = server.pages["/long.bin"] = Page(body, faults=["cut_early"])
    server.asked.clear()
    source = fetch(Wanted(tmp_path / "long.bin", [server.url("/long.bin")]), HASTY)
    assert source == server.url("/long.bin") and (tmp_path / "long.bin").read_bytes() == body
    assert [asked[1:] for asked in server.asked] == [(None, "cut_early"), ("bytes=10-", "well")]
    assert page.faults == []


@pytest.mark.parametrize("new", [b"new" * 1000, b"newer" * 1000])
def test_starts_over_when_the_file_has_changed(server, tmp_path, new):
    old = b"old" * 1000
    page = server.pages["/changing.bin"] = Page(old, faults=["cut_early"] + ["500"] * 9)
    wanted = Wanted(tmp_path / "changing.bin", [server.url("/changing.bin")])
    with pytest.raises(DownloadError, match="500"):
        fetch(wanted, HASTY)
    assert PartialFile(wanted.target).path.read_bytes() == old[:10]
    page.body, page.etag, page.faults = new, '"two"', []
    fetch(wanted, HASTY)
    assert wanted.target.read_bytes() == new


@pytest.mark.parametrize(
    ("etag", "modified", "second"),
    [
        (None, None, None),
        ('W/"weak"', None, None),
        ('W/"weak"', "Wed, 21 Oct 2015 07:28:00 GMT", "bytes=10-"),
        (None, "Wed, 21 Oct 2015 07:28:00 GMT", "bytes=10-"),
    ],
)
def test_goes_on_only_with_a_sign_that_the_file_is_the_same(server, tmp_path, etag, modified, second):
    server.pages["/plain.bin"] = Page(b"x" * 5000, etag=etag, modified=modified, faults=["cut_early"])
    server.asked.clear()
    fetch(Wanted(tmp_path / "plain.bin", [server.url("/plain.bin")]), HASTY)
    assert [asked[1] for asked in server.asked] == [None, second]


def test_bytes_from_another_place_are_not_taken(server, tmp_path):
    body = bytes(range(256)) * 10
    server.pages["/x.bin"] = Page(body, faults=["cut_early", "false_range"])
    server.asked.clear()
    fetch(Wanted(tmp_path / "x.bin", [server.url("/x.bin")]), HASTY)
    assert (tmp_path / "x.bin").read_bytes() == body
    assert [asked[1] for asked in server.asked] == [None, "bytes=10-", None]


def test_a_checksum_allows_to_go_on_from_a_mirror(server, tmp_path):
    body = bytes(range(256)) * 100
    server.pages["/first.bin"] = Page(body, faults=["cut_early"] + ["500"] * 9)
    server.pages["/second.bin"] = Page(body, etag='"other"')
    server.asked.clear()
    urls = [server.url("/first.bin"), server.url("/second.bin")]
    assert fetch(Wanted(tmp_path / "x.bin", urls, checksum=sha1(body)), HASTY) == urls[1]
    assert server.asked[-1] == ("/second.bin", "bytes=10-", "well")


def test_a_stale_part_costs_one_more_download_only(server, tmp_path):
    body = random.Random(3).randbytes(50_000)
    server.pages["/x.bin"] = Page(body)
    server.asked.clear()
    wanted = Wanted(tmp_path / "x.bin", [server.url("/x.bin")], checksum=sha1(body))
    part = PartialFile(wanted.target)
    part.begin(Origin(wanted.urls[0], '"one"', len(body)))
    part.path.write_bytes(b"damaged on the disk")
    fetch(wanted, HASTY)
    assert wanted.target.read_bytes() == body
    assert [asked[1] for asked in server.asked] == ["bytes=19-", None]


def test_a_part_that_is_complete_needs_no_server(tmp_path):
    body = b"all of it"
    wanted = Wanted(tmp_path / "x.bin", ["http://127.0.0.1:9/x.bin"], checksum=sha1(body))
    part = PartialFile(wanted.target)
    part.begin(Origin(wanted.urls[0], None, len(body)))
    part.path.write_bytes(body)
    fetch(wanted, HASTY)
    assert wanted.target.read_bytes() == body


def test_bytes_that_are_called_compressed_stay_as_they_are(server, tmp_path):
    import gzip

    body = gzip.compress(b"a tar would be here")
    server.pages["/x.tgz"] = Page(body, headers={"Content-Encoding": "gzip", "Content-Type": "application/x-tar"})
    fetch(Wanted(tmp_path / "x.tgz", [server.url("/x.tgz")], checksum=sha1(body)), HASTY)
    assert (tmp_path / "x.tgz").read_bytes() == body


def test_waits_longer_each_time_and_as_long_as_the_server_asks(server, tmp_path):
    waits, words = [], []
    page = server.pages["/busy.bin"] = Page(b"here", faults=["500"] * 4)
    manners = Manners(rounds=5, timeout=(30, 30), first_wait=1.0, longest=3.0, sleep=waits.append)
    wanted = Wanted(tmp_path / "busy.bin", [server.url("/busy.bin")], say=words.append)
    fetch(wanted, manners)
    assert waits == [1.0, 2.0, 3.0, 3.0]
    assert words[0] == "busy.bin: the server answered 500 Internal Server Error; again in 1 s"
    wanted.target.unlink()
    page.faults, waits[:] = ["503_wait", "503_wait"], []
    fetch(wanted, manners)
    assert waits == [1.0, 1.0]  # Retry-After: 1
    assert server.url("/busy.bin") == wanted.urls[0]


def test_retry_after_reads_seconds_and_dates():
    class Answer:
        headers: dict = {}  # noqa: RUF012

    from data_scripts.fetch.http_stream import WAIT_AT_MOST, _retry_after

    for text, low, high in [
        ("7", 7, 7),
        ("86400", WAIT_AT_MOST, WAIT_AT_MOST),
        (email.utils.formatdate(time.time() + 30, usegmt=True), 25, 31),
        (email.utils.formatdate(time.time() - 30, usegmt=True), 0, 0),
    ]:
        Answer.headers = {"Retry-After": text}
        assert low <= _retry_after(Answer) <= high
    for text in ("", "soon"):
        Answer.headers = {"Retry-After": text}
        assert _retry_after(Answer) is None


def test_no_further_requests_once_an_address_has_said_no(server, tmp_path):
    server.asked.clear()
    urls = [server.url("/missing.bin"), "nonsense", "ftp://127.0.0.1/x"]
    with pytest.raises(DownloadError, match="404 Not Found") as caught:
        fetch(Wanted(tmp_path / "x.bin", urls), HASTY)
    assert len(server.asked) == 1
    assert str(caught.value).count("not an address") == 2 and all(url in str(caught.value) for url in urls)


def test_a_file_of_another_size_is_not_even_fetched(server, tmp_path):
    server.pages["/x.bin"] = Page(b"short")
    with pytest.raises(DownloadError, match="it offers 5 bytes where the file has 1,000,000"):
        fetch(Wanted(tmp_path / "x.bin", [server.url("/x.bin")], size=1_000_000), HASTY)
    assert not PartialFile(tmp_path / "x.bin").path.exists()


def test_wrong_bytes_are_named_and_thrown_away(server, tmp_path):
    server.pages["/x.bin"] = Page(b"something else")
    server.asked.clear()
    with pytest.raises(DownloadError, match="does not have the checksum sha1:"):
        fetch(Wanted(tmp_path / "x.bin", [server.url("/x.bin")], checksum=sha1(b"right")), HASTY)
    assert list(tmp_path.iterdir()) == [] and len(server.asked) == 1


def test_a_full_disk_is_said_and_what_came_stays(server, tmp_path, monkeypatch):
    body = b"y" * 200_000
    server.pages["/x.bin"] = Page(body)
    write, room = fetching._write_all, [100_000]

    def nearly_full(sink, chunk):
        write(sink, chunk[: room[0]])
        room[0] -= min(len(chunk), room[0])
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetching, "_write_all", nearly_full)
    wanted = Wanted(tmp_path / "x.bin", [server.url("/x.bin")], checksum=sha1(body))
    with pytest.raises(NotEnoughSpace, match=r"The disk is full.*run the command again"):
        fetch(wanted, HASTY)
    assert PartialFile(wanted.target).path.stat().st_size == 100_000 and not wanted.target.exists()
    monkeypatch.setattr(fetching, "_write_all", write)
    server.asked.clear()
    fetch(wanted, HASTY)
    assert wanted.target.read_bytes() == body and server.asked[0][1] == "bytes=100000-"


def test_a_disk_that_is_too_small_is_said_before_the_first_byte(server, tmp_path, monkeypatch):
    server.pages["/x.bin"] = Page(b"z" * 5000)
    monkeypatch.setattr("data_scripts.fetch.free_space.free_bytes", lambda folder: 4000)
    with pytest.raises(NotEnoughSpace, match=r"needs 5.0 kB .* where 4.0 kB are free. Free 1.0 kB"):
        fetch(Wanted(tmp_path / "x.bin", [server.url("/x.bin")]), HASTY)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_up_and_can_stop_it(server, tmp_path):
    server.pages["/x.bin"] = Page(b"w" * 100_000, pace=0.001)
    seen = []

    def progress(phase, done, total):
        seen.append((phase, done, total))
        if done > 50_000 and not stopped:
            stopped.append(True)
            raise Stopped("enough")

    stopped = []
    wanted = Wanted(tmp_path / "x.bin", [server.url("/x.bin")], progress=progress)
    with pytest.raises(Stopped):
        fetch(wanted, HASTY)
    fetch(wanted, HASTY)
    counts = [done for phase, done, total in seen if phase == "download" and total == 100_000]
    assert counts == sorted(counts) and counts[-1] == 100_000 and seen[-1] == ("check", 0, 100_000)


def test_nobody_answers(tmp_path):
    with pytest.raises(DownloadError, match="nobody answers at that address"):
        fetch(Wanted(tmp_path / "x.bin", ["http://127.0.0.1:9/x.bin"]), HASTY)


def test_a_proxy_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="the proxy does not let it through"):
        fetch(Wanted(tmp_path / "x.bin", ["http://example.invalid/x.bin"]), HASTY)
