"""Whatever a file holds, readers raise DamagedFile alone, and the validator goes on to the end."""

import json
import random
from dataclasses import replace

import pytest

from data_scripts.make_scenes import LAYOUTS, make_scenes
from data_scripts.validate import validate
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.open import open_dataset
from lessons_lib.data.scenes import PRESETS

JUNK = [None, -1, 0, 1e9, 1e300, -1e9, 2**40, float("nan"), "x", "", True, [], {}, [1], [[1, 2, 3]], [[1e5] * 6]]
JUNK += [{"size": [1, 1], "counts": "0"}, {"size": [32, 32], "counts": "00000"}, {"size": None, "counts": None}]


def written(layout, root):
    make_scenes(layout, root, 2, replace(PRESETS["easy"], size=32), seed=4)
    return root


def spoil(record, rng):
    """Replace or delete something, somewhere in a JSON record."""
    node = record
    for _ in range(6):
        key = rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if isinstance(node[key], dict | list) and node[key] and rng.random() < 0.75:
            node = node[key]
        elif rng.random() < 0.2:
            del node[key]
            return
        else:
            node[key] = rng.choice(JUNK)
            return


def test_junk_in_the_json_of_coco(tmp_path):
    root, rng = written("coco2017", tmp_path / "coco"), random.Random(0)
    file = root / "annotations" / "instances_train2017.json"
    good, refused = file.read_text(), 0
    for _ in range(150):
        record = json.loads(good)
        spoil(record, rng)
        file.write_text(json.dumps(record))
        try:
            samples = open_dataset("coco2017", root)
            for index in range(len(samples)):
                samples[index]
        except DamagedFile as error:
            refused += 1
            assert validate(root, ["coco2017"]).findings, error
        else:
            validate(root, ["coco2017"])
    assert refused > 50


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "coco2017"])
def test_junk_in_the_bytes_of_files(tmp_path, layout):
    root, rng = written(layout, tmp_path / layout), random.Random(1)
    files = sorted(file for file in root.rglob("*") if file.is_file())
    for _ in range(25):
        file = rng.choice(files)
        good = file.read_bytes()
        bad = bytearray(good[: rng.randrange(len(good) + 1)] if rng.random() < 0.3 else good)
        for _ in range(rng.randint(1, 8) if bad else 0):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        file.write_bytes(bytes(bad))
        validate(root, [layout])
        file.write_bytes(good)
    assert validate(root, [layout]).findings == []
