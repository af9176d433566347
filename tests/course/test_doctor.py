"""The doctor on a healthy machine, and on machines that are ill in the ways it knows."""

import os
import subprocess
import sys
import types
from pathlib import Path

import psutil
import pytest

from lessons_lib.course import doctor
from lessons_lib.course.doctor import Check

FAKES = {
    "other torch": ("raise RuntimeError('operator torchvision::nms does not exist')", ""),
    "other CUDA": (
        "raise RuntimeError('Detected that PyTorch and torchvision were compiled with different CUDA major versions.')",
        "",
    ),
    "no operators": ("", "import torch\ndef nms(*a): return torch.ops.torchvision_absent.nms(*a)"),
    "not loaded": ("", 'def nms(*a): raise RuntimeError("Couldn\'t load custom C++ ops.")'),
    "not linked": ("raise ImportError('torchvision/_C.so: undefined symbol: _ZN3c10')", ""),
}


def run_doctor(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "LESSONS_HOME": str(tmp_path / "home"), **environment}
    command = [sys.executable, "-m", "lessons_lib", "doctor"]
    return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=600)


def line(report: str, name: str) -> str:
    return next(line for line in report.splitlines() if line[2:].startswith(name))


def test_report_says_each_check_and_cures_only_crosses():
    report = doctor.report([Check("Disk", True, "9 GB free", "unused"), Check("GPU", False, "gone", "buy\none")])
    assert report.splitlines() == [
        "✓ Disk  9 GB free",
        "✗ GPU   gone",
        "        → buy",
        "          one",
        "1 to cure, each with its arrow (→).",
    ]
    assert doctor.report([Check("Disk", True, "9 GB free")]).splitlines()[-1] == "Everything is ready."
    assert doctor.report([]) == "Everything is ready."


def test_this_machine_can_run_the_tests(tmp_path):
    run = run_doctor(tmp_path, PYTHONIOENCODING="utf-8")
    for name in ("Python", "torch and torchvision", "GPU", "JupyterLab", "Widgets", "Course data"):
        assert line(run.stdout, name).startswith("✓"), run.stdout
    assert run.returncode == int("✗" in run.stdout)
    assert run.stderr == ""


def fake_torchvision(folder: Path, illness: str) -> None:
    (folder / "torchvision").mkdir()
    for name, source in zip(("__init__.py", "ops.py"), FAKES[illness], strict=True):
        (folder / "torchvision" / name).write_text(source)


@pytest.mark.parametrize("illness", FAKES)
def test_mismatched_pair_is_recognised_with_its_cure(illness, tmp_path, monkeypatch):
    fake_torchvision(tmp_path, illness)
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        check = doctor.check_torch()
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
    assert not check.passed
    assert "a mismatched pair" in check.found
    assert "pip uninstall -y torch torchvision" in check.cure
    assert "pip install -c constraints.txt torch torchvision" in check.cure


def test_crosses_have_their_cures_and_do_not_hide_the_rest(tmp_path):
    fake_torchvision(tmp_path, "other torch")
    (tmp_path / "file").write_text("in the way")
    run = run_doctor(
        tmp_path, PYTHONIOENCODING="utf-8", PYTHONPATH=str(tmp_path), LESSONS_HOME=str(tmp_path / "file" / "home")
    )
    assert run.returncode == 1
    assert line(run.stdout, "torch and torchvision").startswith("✗")
    assert "pip uninstall -y torch torchvision" in run.stdout
    assert line(run.stdout, "Course data").startswith("✗")
    assert "set LESSONS_HOME" in run.stdout
    assert line(run.stdout, "JupyterLab").startswith("✓")


def test_absent_torchvision_is_no_mismatch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.ops", None)
    check = doctor.check_torch()
    assert not check.passed
    assert "mismatched" not in check.found
    assert check.cure == doctor.REINSTALL


def test_another_failure_is_told_as_it_came():
    found, cure = doctor._diagnose_pair(OSError("disk on fire"))
    assert "OSError: disk on fire" in found
    assert "mismatched" not in found
    assert cure == doctor.REINSTALL


def test_old_python_is_a_cross(monkeypatch):
    monkeypatch.setattr(doctor, "MIN_PYTHON", (99, 0))
    check = doctor.check_python()
    assert (check.passed, "3.11" in check.cure) == (False, True)


@pytest.mark.parametrize(("gigabytes", "passed"), [(1.9, False), (2.1, True)])
def test_memory_below_two_gigabytes_is_a_cross(gigabytes, passed, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: types.SimpleNamespace(available=gigabytes * 1e9))
    check = doctor.check_memory()
    assert (check.passed, check.found) == (passed, f"{gigabytes} GB free")


def test_too_little_disk_is_a_cross_with_a_way_out(tmp_path):
    assert doctor.check_disk(tmp_path / "not" / "made yet", needed=1.0).passed
    check = doctor.check_disk(tmp_path, needed=1e18)
    assert not check.passed
    assert "LESSONS_HOME" in check.cure
    assert not (tmp_path / "not").exists(), "looking makes nothing"


def test_data_folder_that_cannot_be_written_is_a_cross(tmp_path):
    (tmp_path / "file").write_text("in the way")
    check = doctor.check_data_folder(tmp_path / "file" / "home")
    assert not check.passed
    assert "not writable" in check.found
    assert "LESSONS_HOME" in check.cure


def test_data_folder_is_probed_and_left_empty(tmp_path):
    assert doctor.check_data_folder(tmp_path / "new").passed
    assert list((tmp_path / "new").iterdir()) == []


def test_missing_jupyter_is_named(monkeypatch):
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None if name == "ipykernel" else object())
    check = doctor.check_jupyter()
    assert (check.passed, check.found) == (False, "ipykernel not installed")


def test_absent_widget_front_end_is_a_cross(tmp_path):
    check = doctor.check_widgets([str(tmp_path)])
    assert not check.passed
    assert "not installed" in check.found
    assert "jupyterlab_widgets" in check.cure


def test_disabled_widget_front_end_is_a_cross(tmp_path, monkeypatch):
    config = tmp_path / "labconfig"
    config.mkdir()
    (config / "page_config.json").write_text('{"disabledExtensions": {"@jupyter-widgets/jupyterlab-manager": true}}')
    assert doctor.check_widgets().passed
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    check = doctor.check_widgets()
    assert (check.passed, check.found) == (False, "the sliders' JupyterLab extension is disabled")
    assert "labextension enable @jupyter-widgets/jupyterlab-manager" in check.cure


def test_widget_front_end_of_another_generation_is_a_cross(tmp_path):
    folder = tmp_path / "@jupyter-widgets" / "jupyterlab-manager"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"name": "x", "version": "3.1.0", "jupyterlab": {}}')
    check = doctor.check_widgets([str(tmp_path)])
    assert not check.passed
    assert "front end 3.1.0" in check.found


@pytest.mark.parametrize(("found", "passed"), [(None, False), ("/bin/chromium", True)])
def test_browser_is_looked_for_by_name_where_python_knows_none(found, passed, monkeypatch):
    def no_browser():
        raise doctor.webbrowser.Error("none")

    monkeypatch.setattr(doctor.webbrowser, "get", no_browser)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: found)
    check = doctor.check_browser()
    assert (check.passed, "--no-browser" in check.cure) == (passed, True)


@pytest.mark.parametrize(("value", "passed"), [("", True), ("there", True), ("not there", False)])
def test_real_data_is_checked_only_where_it_is_asked_for(value, passed, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    monkeypatch.setenv("LESSONS_REAL_DATA", str(tmp_path / value) if value else "")
    assert doctor.check_real_data().passed is passed


def test_check_that_breaks_is_a_cross_and_no_traceback(monkeypatch):
    def check_moon():
        raise KeyError("tide")

    monkeypatch.setattr(doctor, "CHECKS", (check_moon, doctor.check_python))
    moon, python = doctor.checks()
    assert (moon.name, moon.passed, moon.found) == ("Moon", False, "KeyError: 'tide'")
    assert python.passed


def test_doctor_returns_what_its_report_says(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "CHECKS", (doctor.check_python, doctor.check_gpu))
    assert doctor.doctor() == 0
    assert capsys.readouterr().out.endswith("Everything is ready.\n")
    monkeypatch.setattr(doctor, "MIN_PYTHON", (99, 0))
    assert doctor.doctor() == 1
