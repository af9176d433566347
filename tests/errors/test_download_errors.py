"""What the catalogue and the downloader answer to bad input."""

import pytest

from data_scripts.catalogue import download_of
from data_scripts.download import main
from data_scripts.fetch.checksums import parse_checksum
from data_scripts.fetch.extraction import check_archive, read_contents


def test_unknown_dataset_lists_the_known():
    with pytest.raises(ValueError, match=r"the dataset must be one of ade20k, camvid, .*voc2012; got 'voc'"):
        download_of("voc")


def test_unknown_file_lists_the_known():
    with pytest.raises(ValueError, match=r"--only must name files of nuclei, stage1_train.zip; got x.zip"):
        download_of("nuclei").chosen(["x.zip"])


@pytest.mark.parametrize(
    "checksum", ["", "6cd6e144f989b92b3379bac3b3de84fd", "md5:6cd6", "crc32:12345678", "md5:" + "x" * 32]
)
def test_a_checksum_names_its_way_and_has_all_its_digits(checksum):
    with pytest.raises(ValueError, match="checksum must"):
        parse_checksum(checksum)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["voc"], "the dataset must be one of"),
        (["nuclei", "--only", "x.zip"], "--only must name files of nuclei"),
        (["nuclei", "--parallel", "0"], "--parallel must be ≥ 1, got 0"),
    ],
)
def test_a_wrong_command_is_answered_with_what_is_right(arguments, words, capsys):
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


def test_only_archives_are_extracted(tmp_path):
    (tmp_path / "a.rar").write_bytes(b"")
    with pytest.raises(ValueError, match=r"archive must be a .zip, .tar, .tgz or .tar.gz, got a.rar"):
        check_archive(tmp_path / "a.rar")


@pytest.mark.parametrize("text", ["something else\n", "extracted from x\nonly one\n", "extracted from x\nxyz 5 name\n"])
def test_a_list_that_is_none_is_refused(text):
    with pytest.raises(ValueError):
        read_contents(text)
