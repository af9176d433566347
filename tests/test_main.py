"""The command as a program: help without words, its version, a reader that stops reading, and a wrong name at once."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest

from lessons_lib.__main__ import main


def test_without_a_verb_it_prints_its_help(capsys):
    assert main([]) == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: python -m lessons_lib") and "train" in said and "doctor" in said


def test_it_knows_its_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("From Strides to Masks 0.")


def test_a_folder_that_is_not_installed_has_no_version(monkeypatch, capsys):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("lessons_lib.__main__.version", missing)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == "From Strides to Masks (not installed)\n"


def test_train_needs_something_to_train(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train"])
    assert caught.value.code == 2
    assert "train needs a MODEL or --recipe NAME" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="another system's pipes break otherwise")
@pytest.mark.parametrize("words", [["progress"], [], ["train", "--help"]])
def test_a_reader_that_stops_reading_ends_it_quietly(words, tmp_path):
    """As `| head -0` does: the pipe is closed before anything is written."""
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "LESSONS_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "lessons_lib", *words]
    run = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment, timeout=600)
    os.close(writer)
    assert run.stderr == "" and run.returncode in (0, 141)


def test_a_wrong_name_is_answered_before_anything_heavy_is_imported(tmp_path):
    code = "import sys; from lessons_lib.__main__ import main; status = main(['train', 'nosuch']); "
    code += "print(status, [name for name in ('torch', 'accelerate', 'matplotlib', 'numpy') if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert run.stdout == "1 []\n" and run.stderr.startswith("error: name must be one of patch, fcn32s")
