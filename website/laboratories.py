"""Laboratories that need no kernel: each is drawn beforehand for every position of one or two of its controls."""

import html
import importlib
import io
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image

from lessons_lib.course.labs.lab import Lab, picture

MOST_STILLS = 64
"""A laboratory has no more than this many pictures, or its page would grow beyond what a phone wants to load."""


@dataclass(frozen=True)
class Control:
    """One of the controls that a reader of the site can move, with what each of its positions is called."""

    name: str
    label: str
    positions: tuple[Any, ...]
    start: int  # index of the position at which the page opens


@dataclass(frozen=True)
class Still:
    """A laboratory at one position of its controls: the picture's file name and the words under it (HTML)."""

    file: str
    words: str
    width: int  # pixels of CSS: half the file's


def controls_of(lab: Lab, moved: dict[str, Sequence[Any]]) -> list[Control]:
    """The controls in `moved` (name → positions), each of which must be one of the laboratory's own."""
    if unknown := sorted(moved.keys() - lab.controls.keys()):
        raise ValueError(f"STILLS names {', '.join(unknown)}, the laboratory has {', '.join(lab.controls)}")
    found = []
    for name, positions in moved.items():
        value = lab.controls[name].value
        start = list(positions).index(value) if value in positions else 0
        found.append(Control(name, lab.controls[name].description, tuple(positions), start))
    return found


def combinations(controls: Sequence[Control]) -> Iterator[dict[str, Any]]:
    """Every position of the first control with every one of the second, the second changing faster."""
    for values in itertools.product(*(control.positions for control in controls)):
        yield dict(zip((control.name for control in controls), values, strict=True))


def draw_stills(lab: Lab, controls: Sequence[Control], folder: Path) -> list[Still]:
    """Draws the laboratory for all combinations as WebP files in `folder`; equal pictures share one file."""
    fixed = {name: control.value for name, control in lab.controls.items()}
    stills = []
    for values in combinations(controls):
        state = lab.compute(**{**fixed, **values})
        image = Image.open(io.BytesIO(picture(lab.draw, state, dots=2))).convert("RGB")
        file = f"{sha256(image.tobytes()).hexdigest()[:16]}.webp"
        if not (folder / file).exists():
            image.save(folder / file, quality=88, method=4)
        stills.append(Still(file, lab.caption(state), image.width // 2))
    return stills


def laboratory(module: str, folder: Path, address: str) -> str:
    """The page element of `lessons_lib.course.labs.MODULE`, its pictures in `folder`, which pages find at `address`.

    `lab()` is shown, or `example()` where the laboratory is made for data of the learner's own.
    """
    home = importlib.import_module(f"lessons_lib.course.labs.{module}")
    lab: Lab = home.example() if hasattr(home, "example") else home.lab()
    controls = controls_of(lab, home.STILLS)
    folder.mkdir(parents=True, exist_ok=True)
    stills = draw_stills(lab, controls, folder)
    return element(module, controls, stills, address)


def element(module: str, controls: Sequence[Control], stills: Sequence[Still], address: str) -> str:
    """The HTML: range inputs, the picture, and its words in a live region; `static/laboratory.js` moves them."""
    first = 0
    for control in controls:
        first = first * len(control.positions) + control.start
    inputs = "".join(_range(module, control) for control in controls)
    data: dict[str, list[Any]] = {
        "positions": [[str(position) for position in control.positions] for control in controls],
        "files": [f"{address}/{still.file}" for still in stills],
        "words": [still.words for still in stills],
    }
    data["widths"] = [still.width for still in stills]
    table = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    return (
        f'<section class="laboratory" aria-label="Laboratory">\n<div class="controls">{inputs}</div>\n'
        f'<img src="{address}/{stills[first].file}" width="{stills[first].width}" alt="{plain(stills[first].words)}">\n'
        f'<p class="words" aria-live="polite">{stills[first].words}</p>\n'
        f'<script type="application/json">{table}</script>\n</section>'
    )


def plain(words: str) -> str:
    """HTML without its tags, for an attribute."""
    return html.escape(html.unescape(re.sub(r"<[^>]*>", "", words)))


def _range(module: str, control: Control) -> str:
    name, shown = f"{module}-{control.name}", html.escape(str(control.positions[control.start]))
    return (
        f'<label for="{name}">{html.escape(control.label)}</label>'
        f'<input type="range" id="{name}" min="0" max="{len(control.positions) - 1}" step="1" '
        f'value="{control.start}" aria-valuetext="{shown}"><output for="{name}">{shown}</output>'
    )
