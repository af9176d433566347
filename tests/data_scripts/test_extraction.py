"""An archive is extracted whole or not at all; what would reach outside, or fill the disk, is refused by name."""

import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from data_scripts.fetch import archive_entries
from data_scripts.fetch.download_errors import DownloadError, Stopped, UnsafeArchive
from data_scripts.fetch.extraction import Extracted, check_archive, contents_text, extract, read_contents


def write_tar(path: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as file:
        for info, data in entries:
            info.size = info.size or len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def tar_file(name: str, data: bytes = b"hello") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), data


def tar_special(name: str, kind: bytes, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, b""


def write_zip(path: Path, *entries: tuple[str, bytes, int]) -> Path:
    """Entries are name, data and the file's mode; names go in as they are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data, mode in entries:
            info = zipfile.ZipInfo("placeholder")
            info.filename, info.external_attr, info.create_system = name, mode << 16, 3
            info.compress_type = zipfile.ZIP_DEFLATED
            file.NameToInfo.clear()  # so that a name may come twice
            file.writestr(info, data)
    return path


def everything_below(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def root(tmp_path):
    """A folder with a neighbour that an archive might want to change."""
    (tmp_path / "neighbour").write_text("untouched", "utf-8")
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


NAMES = [
    ("../neighbour", "leads out of the folder"),
    ("good/../../neighbour", "leads out of the folder"),
    ("..", "leads out of the folder"),
    ("..\\neighbour", "leads out of the folder"),
    ("/tmp/neighbour", "has an absolute path"),
    ("//server/share", "has an absolute path"),
    ("\\server\\share", "has an absolute path"),
    ("C:neighbour", "has an absolute path"),
    ("c:/neighbour", "has an absolute path"),
    ("good\\bad", "has a name that not every system can hold"),
    ("good\nbad", "has a name that not every system can hold"),
]


@pytest.mark.parametrize(("name", "reason"), NAMES)
@pytest.mark.parametrize("kind", ["a.zip", "a.tar", "a.tgz", "a.tar.gz"])
def test_names_that_lead_outside_are_refused(tmp_path, root, kind, name, reason):
    archive = tmp_path / kind
    if kind == "a.zip":
        write_zip(archive, ("fine.txt", b"fine", 0o644), (name, b"evil", 0o644))
    else:
        write_tar(archive, tar_file("fine.txt"), tar_file(name))
    before = everything_below(tmp_path)
    for action in (lambda: extract(archive, root, root / ".draft"), lambda: check_archive(archive)):
        with pytest.raises(UnsafeArchive) as caught:
            action()
        assert f"{archive.name}: the entry {name!r} {reason}; nothing was extracted" == str(caught.value)
        assert everything_below(tmp_path) == before


SPECIAL = [
    (tarfile.SYMTYPE, stat.S_IFLNK, "a link"),
    (tarfile.LNKTYPE, None, "a link"),
    (tarfile.CHRTYPE, stat.S_IFCHR, "a device or a pipe"),
    (tarfile.BLKTYPE, stat.S_IFBLK, "a device or a pipe"),
    (tarfile.FIFOTYPE, stat.S_IFIFO, "a device or a pipe"),
    (None, stat.S_IFSOCK, "a device or a pipe"),
    (tarfile.CONTTYPE, None, None),  # an old way to say a plain file
]


@pytest.mark.parametrize(("tar_kind", "zip_kind", "what"), SPECIAL)
def test_links_and_devices_are_refused(tmp_path, root, tar_kind, zip_kind, what):
    archives = []
    if tar_kind is not None:
        archives.append(
            write_tar(tmp_path / "a.tgz", tar_file("fine.txt"), tar_special("way", tar_kind, "../neighbour"))
        )
    if zip_kind is not None:
        entries = (("fine.txt", b"fine", 0o644), ("way", b"../neighbour", zip_kind | 0o777))
        archives.append(write_zip(tmp_path / "a.zip", *entries))
    before = everything_below(tmp_path)
    for archive in archives:
        if what is None:
            assert [file.path for file in extract(archive, root, root / ".draft")] == ["fine.txt", "way"]
            continue
        with pytest.raises(UnsafeArchive) as caught:
            extract(archive, root, root / ".draft")
        assert f"{archive.name}: the entry 'way' is {what}; nothing was extracted" == str(caught.value)
        assert everything_below(tmp_path) == before


def test_a_file_through_a_link_of_the_archive_is_refused_at_the_link(tmp_path, root):
    link = tar_special("door", tarfile.SYMTYPE, "..")
    archive = write_tar(tmp_path / "a.tar", link, tar_file("door/neighbour", b"changed"))
    with pytest.raises(UnsafeArchive, match="the entry 'door' is a link"):
        extract(archive, root, root / ".draft")
    assert (tmp_path / "neighbour").read_text("utf-8") == "untouched"


def test_bombs_are_refused(tmp_path, root, monkeypatch):
    monkeypatch.setattr(archive_entries, "ALWAYS_ALLOWED", 1_000_000)
    zeros = bytes(5_000_000)
    write_zip(tmp_path / "a.zip", ("fine.txt", b"fine", 0o644), ("bomb", zeros, 0o644))
    write_tar(tmp_path / "b.tgz", tar_file("fine.txt"), tar_file("bomb", zeros))
    with tarfile.open(tmp_path / "c.tgz", "w:gz", format=tarfile.PAX_FORMAT) as file:
        info = tarfile.TarInfo("bomb")
        info.pax_headers = {"comment": "0" * 5_000_000}  # not in a file: in what stands before it
        file.addfile(info)
    after_the_end = gzip.decompress(write_tar(tmp_path / "d.tgz", tar_file("bomb")).read_bytes()) + zeros
    (tmp_path / "d.tgz").write_bytes(gzip.compress(after_the_end))
    for name, reason in [
        ("a.zip", r"the entry 'bomb' brings what it unpacks to over 1.0 MB: a bomb"),
        ("b.tgz", r"the entry 'bomb' brings what it unpacks to over 1.0 MB: a bomb"),
        ("c.tgz", r"c.tgz unpacks to more than it may"),
        ("d.tgz", r"d.tgz unpacks to more than it may"),
    ]:
        with pytest.raises(UnsafeArchive, match=reason):
            extract(tmp_path / name, root, root / ".draft")
        assert everything_below(root) == {}


def test_a_zip_that_lies_about_a_size_is_damaged(tmp_path, root):
    """The directory at the end says 5 bytes; five million would come."""
    archive = write_zip(tmp_path / "a.zip", ("bomb", bytes(5_000_000), 0o644))
    data = archive.read_bytes()
    assert data.count((5_000_000).to_bytes(4, "little")) == 2
    archive.write_bytes(data.replace((5_000_000).to_bytes(4, "little"), (5).to_bytes(4, "little")))
    with pytest.raises(DownloadError, match="damaged"):
        extract(archive, root, root / ".draft")
    assert everything_below(root) == {}


def test_too_many_entries_are_refused(tmp_path, root, monkeypatch):
    monkeypatch.setattr(archive_entries, "MOST_ENTRIES", 3)
    write_tar(tmp_path / "a.tar", *(tar_file(f"{n}") for n in range(4)))
    write_zip(tmp_path / "a.zip", *((f"{n}", b"", 0o644) for n in range(4)))
    for name in ("a.tar", "a.zip"):
        with pytest.raises(UnsafeArchive, match="the entry '3' is one of more than 3"):
            extract(tmp_path / name, root, root / ".draft")


def test_encrypted_and_sparse_and_double_entries_are_refused(tmp_path, root):
    archive = write_zip(tmp_path / "a.zip", ("secret", b"hidden", 0o644))
    data = bytearray(archive.read_bytes())
    data[6] |= 1  # the flag in the entry's own head, and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(bytes(data))
    with pytest.raises(UnsafeArchive, match="the entry 'secret' is encrypted"):
        extract(archive, root, root / ".draft")
    sparse = tarfile.TarInfo("holes")
    sparse.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,5,1000,0"}
    sparse.pax_headers["GNU.sparse.size"] = "1000"
    with tarfile.open(tmp_path / "s.tar", "w", format=tarfile.PAX_FORMAT) as file:
        sparse.size = 5
        file.addfile(sparse, io.BytesIO(b"hello"))
    with pytest.raises(UnsafeArchive, match="the entry 'holes' is sparse"):
        extract(tmp_path / "s.tar", root, root / ".draft")
    for entries in (("twice", "twice"), ("twice", "twice/below"), ("folder/x", "folder")):
        write_tar(tmp_path / "d.tar", *(tar_file(name) for name in entries))
        write_zip(tmp_path / "d.zip", *((name, b"hello", 0o644) for name in entries))
        for name in ("d.tar", "d.zip"):
            with pytest.raises(UnsafeArchive, match=rf"the entry '{entries[1]}' is there twice"):
                extract(tmp_path / name, root, root / ".draft")
    assert everything_below(root) == {}


@pytest.mark.parametrize("kind", ["a.zip", "a.tar", "a.tgz"])
def test_a_hand_made_archive_comes_out(tmp_path, root, kind):
    data = {"folder/a.txt": b"hello", "b.txt": b"", "./c/d.txt": b"x" * 3_000_000}
    archive = tmp_path / kind
    if kind == "a.zip":
        write_zip(archive, ("folder/", b"", stat.S_IFDIR | 0o755), *((name, d, 0o600) for name, d in data.items()))
    else:
        folder = tar_special("./", tarfile.DIRTYPE)
        write_tar(archive, folder, *(tar_file(name, d) for name, d in data.items()))
    (root / "into" / "folder").mkdir(parents=True)
    (root / "into" / "folder" / "a.txt").write_bytes(b"an older one")
    (root / "into" / "other.txt").write_bytes(b"stays")
    files = extract(archive, root, root / ".draft", into="into")
    assert files[:2] == [Extracted("into/folder/a.txt", 5, 0x3610A686), Extracted("into/b.txt", 0, 0)]
    assert files[2].path == "into/c/d.txt" and files[2].size == 3_000_000
    assert everything_below(root) == {
        "into": None,
        "into/b.txt": b"",
        "into/c": None,
        "into/c/d.txt": b"x" * 3_000_000,
        "into/folder": None,
        "into/folder/a.txt": b"hello",
        "into/other.txt": b"stays",
    }


def test_only_the_inside_of_a_folder_is_kept_where_there_is_that_folder(tmp_path, root):
    write_tar(tmp_path / "a.tar", tar_file("top/keep/1.txt"), tar_file("top/else.txt"))
    assert [file.path for file in extract(tmp_path / "a.tar", root, root / ".draft", "X", "top/keep")] == ["X/1.txt"]
    write_tar(tmp_path / "b.tar", tar_file("2.txt"))
    assert [file.path for file in extract(tmp_path / "b.tar", root, root / ".draft", "X", "top/keep")] == ["X/2.txt"]
    assert [name for name, data in everything_below(root).items() if data is not None] == ["X/1.txt", "X/2.txt"]


@pytest.mark.parametrize("kind", ["a.zip", "a.tgz"])
def test_every_cut_and_most_flips_are_noticed(tmp_path, root, kind):
    archive = tmp_path / kind
    noise = bytes((n * n + n // 7) % 251 for n in range(3000))
    if kind == "a.zip":
        write_zip(archive, ("a.bin", noise, 0o644), ("b.bin", noise[::-1], 0o644))
    else:
        write_tar(archive, tar_file("a.bin", noise), tar_file("b.bin", noise[::-1]))
    whole = archive.read_bytes()
    for length in range(0, len(whole) - 1, 97):
        archive.write_bytes(whole[:length])
        with pytest.raises(DownloadError):
            check_archive(archive)
    unnoticed = 0
    for place in range(0, len(whole), 31):
        archive.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            files = extract(archive, root, root / ".draft")
        except DownloadError:
            continue
        unnoticed += 1  # a date or another thing that no file holds
        assert {file.path: (root / file.path).read_bytes() for file in files}.get("a.bin", noise) == noise
    assert unnoticed < len(whole) / 31 * 0.2


def test_stopped_in_the_middle_leaves_the_folder_as_it_was(tmp_path, root):
    archive = write_tar(tmp_path / "a.tgz", *(tar_file(f"{n}.txt") for n in range(10)))
    (root / ".draft").mkdir()
    (root / ".draft" / "left.txt").write_bytes(b"of an interrupted run")

    def progress(phase, done, total):
        assert phase == "extract"
        if done >= 25:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        extract(archive, root, root / ".draft", progress=progress)
    assert everything_below(root) == {}
    assert len(extract(archive, root, root / ".draft")) == 10
    assert len(everything_below(root)) == 10


def test_the_list_of_what_came_out_reads_back():
    files = [Extracted("a b/ü.txt", 5, 0xDEADBEEF), Extracted("c", 0, 0)]
    text = contents_text("x.zip", files)
    assert text == "extracted from x.zip\ndeadbeef 5 a b/ü.txt\n00000000 0 c\n"
    assert read_contents(text) == files
