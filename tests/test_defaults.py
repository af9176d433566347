"""The defaults of the numeric functions, written out once more: whoever changes one changes every call without it."""

import inspect
import json
from importlib import import_module
from pathlib import Path

import pytest

TABLE = json.loads((Path(__file__).parent / "defaults.json").read_text("utf-8"))
"""By module and name, the defaults as Python writes them."""


def defaults_of(function) -> dict[str, str]:
    """By parameter, for those that have one; objects without a repr of their own are left out."""
    found = {name: p.default for name, p in inspect.signature(function).parameters.items() if p.default is not p.empty}
    return {name: repr(value) for name, value in found.items() if " at 0x" not in repr(value)}


@pytest.mark.parametrize("module", TABLE)
def test_defaults_are_those_of_the_table(module):
    for name, defaults in TABLE[module].items():
        function = import_module(f"lessons_lib.{module}")
        for part in name.split("."):
            function = getattr(function, part)
        assert defaults_of(function) == defaults, name
