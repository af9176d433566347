"""The validator on annotation tools' exports: nothing in clean ones, and each planted fault once."""

from pathlib import Path

import pytest

from data_scripts.validate import recognise, validate
from lessons_lib.data.open import open_dataset
from lessons_lib.data.scenes import PRESETS, draw_scenes
from tests.data.exports.as_tools_write import WRITERS

SCENES = draw_scenes(range(4), PRESETS["clear"], seed=5)


@pytest.mark.parametrize("layout", WRITERS)
def test_nothing_is_found_in_clean_exports(layout, tmp_path):
    WRITERS[layout](tmp_path, SCENES)
    report = validate(tmp_path)
    assert recognise(tmp_path) == [layout] and report.findings == []
    assert [samples for samples, whole in report.splits.values() if samples == whole] == [3, 1]


@pytest.mark.parametrize("layout", WRITERS)
@pytest.mark.parametrize("content", [b"", None], ids=["empty", "missing"])
def test_a_photograph_that_is_spoiled_is_found_once(layout, content, tmp_path):
    WRITERS[layout](tmp_path, SCENES)
    photo = open_dataset(layout, tmp_path, "train").paths(1)[0]
    photo.unlink()
    if content is not None:
        photo.write_bytes(content)
    findings = validate(tmp_path).findings
    named = [finding for finding in findings if Path(finding.file).stem == photo.stem]
    assert len(named) == 1 == len(findings) or (layout in ("mask_folders", "object_masks") and content is None)
