"""docs/formats.md in step with the readers: every layout has a row and an example, and each example is read."""

import re
from pathlib import Path

import pytest
import torch

from lessons_lib.data.open import SPECS, open_dataset, recognised
from tests.data.published import photo, png
from tests.data.test_layouts import put

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "formats.md").read_text("utf-8")
LAYOUTS = [name for name, spec in SPECS.items() if spec.recognises is not None]
EXAMPLES = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", TEXT, re.M | re.S))


def files(example):
    """The files of an example: name → content."""
    found = {}
    for kind, name, content in re.findall(r"^```(\w+) (\S+)\n(.*?)^```", example, re.M | re.S):
        if kind == "photo":
            width, height = map(int, content.split(" x "))
            found[name] = photo(height, width)
        elif kind == "numbers":
            found[name] = png([list(map(int, line.split())) for line in content.splitlines()])
        else:
            found[name] = content
    return found


def test_every_layout_has_a_row_and_an_example():
    assert sorted(EXAMPLES) == sorted(LAYOUTS)
    assert sorted(re.findall(r"^\|[^|]+\| `(\w+)` \|", TEXT, re.M)) == sorted(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_example_is_read(layout, tmp_path):
    put(tmp_path, files(EXAMPLES[layout]))
    assert recognised(tmp_path)[0].name == layout
    samples = open_dataset("auto", tmp_path, "all")
    assert samples.classes == ("background", "cat") and len(samples) == 1
    sample, wanted = samples[0], torch.zeros(4, 6, dtype=torch.bool)
    wanted[1:3, 1:4] = True
    if layout != "voc_xml":
        assert sample.label_map.equal(wanted.long())
    if layout != "mask_folders":
        torch.testing.assert_close(sample.instances.boxes, torch.tensor([[1.0, 1, 4, 3]]))
        assert sample.instances.labels.tolist() == [1]
        assert layout == "voc_xml" or sample.instances.masks[0].equal(wanted)
