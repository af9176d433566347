"""The shell that all laboratories share: controls on top, a figure, and the number under it."""

import atexit
import base64
import gc
import html
import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import matplotlib
import matplotlib.style
import traitlets
from matplotlib.figure import Figure

NAMES = {"description_width": "7em"}  # the style of a control: room for the longest name
WIDGET = "application/vnd.jupyter.widget-view+json"
WAKE = "A laboratory. Run this cell (click it, then Shift+Enter) to move its controls."
SLEEPING = '<figure class="lessons-lab">'
RESET = "reset"
Values = Mapping[str, Any]
atexit.register(gc.unfreeze)  # what `Lab` freezes; other packages look at the end whether anything was left behind


class Page(anywidget.AnyWidget):
    """What the browser shows of a laboratory and sends back; lab.js draws it. Its state outlives the kernel."""

    _esm = Path(__file__).with_name("lab.js")
    _css = Path(__file__).with_name("lab.css")
    shown = traitlets.List(traitlets.Dict()).tag(sync=True)
    buttons = traitlets.List(traitlets.Unicode()).tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)
    asked = traitlets.Dict().tag(sync=True)
    answered = traitlets.Int().tag(sync=True)


class Lab:
    """Controls that call `compute(**values)`, whose result is drawn by `draw` and put in words by `caption`.

    `limits(state)` may name the largest value that a slider can take in this state. `walks` names a slider that a
    button plays from one end to the other. `buttons` are more buttons: what each is called, and a function that returns
    the values that it sets. Displaying the object shows the laboratory; `state` is what was last computed, `image` its
    PNG and `words` the caption. All work happens in `compute`, which tests call without a browser.
    """

    def __init__(
        self,
        controls: Mapping[str, widgets.Widget],
        compute: Callable[..., Any],
        draw: Callable[[Any], Figure],
        caption: Callable[[Any], str],
        limits: Callable[[Any], Mapping[str, int]] = lambda state: {},
        *,
        walks: str | None = None,
        buttons: Mapping[str, Callable[[], Values]] | None = None,
    ) -> None:
        gc.freeze()  # what is imported by now stays, and need not be looked through again at every redraw
        self.controls, self.compute, self.draw, self.caption, self.limits = controls, compute, draw, caption, limits
        self.walks, self.buttons, self.start = walks, dict(buttons or {}), self.values
        self.page = Page(buttons=list(self.buttons))
        self.page.observe(self._answer, names="asked")
        for control in controls.values():
            control.observe(self._redraw, names="value")
        self._moving = False
        self._redraw()

    @property
    def values(self) -> dict[str, Any]:
        """What the controls say now."""
        return {name: control.value for name, control in self.controls.items()}

    def move(self, values: Values) -> None:
        """Sets these controls, and draws once. A value beyond a slider's end stops there."""
        self._moving = True
        moving_ends = self.limits(self.state)
        try:
            for name, value in values.items():
                if name in moving_ends:  # the other values may allow it; else it is pulled back
                    self.controls[name].max = max(self.controls[name].max, value)
                self.controls[name].value = value
        finally:
            self._moving = False
        self._redraw()

    def press(self, button: str) -> None:
        """Does what one of the `buttons` says, or "reset": every control as it was at first."""
        self.move(self.start if button == RESET else self.buttons[button]())

    def _redraw(self, change: object = None) -> None:
        if self._moving:
            return
        before, self._moving = None, True
        try:
            while self.values != before:  # a value beyond a new end is pulled back, and then counts
                before = self.values
                self.state = self.compute(**before)
                for name, largest in self.limits(self.state).items():
                    self.controls[name].max = largest
        finally:
            self._moving = False
        self.image, self.words = picture(self.draw, self.state), self.caption(self.state)
        with self.page.hold_sync():
            self.page.picture, self.page.words = _address(self.image), self.words
            self.page.shown = [self._shown(name) for name in self.controls]

    def _shown(self, name: str) -> dict[str, Any]:
        """A control as the page draws it; a choice is the number of its option."""
        control = self.controls[name]
        shown = {"name": name, "label": control.description, "value": control.value}
        if isinstance(control, widgets.Dropdown):
            labels = [str(one[0] if isinstance(one, tuple) else one) for one in control.options]
            return {**shown, "kind": "select", "options": labels, "value": control.index}
        if isinstance(control, widgets.Text):
            return {**shown, "kind": "text"}
        ends = {"min": control.min, "max": control.max, "step": control.step}
        return {**shown, **ends, "kind": "range", "walks": name == self.walks}

    def _answer(self, change: Mapping[str, Any]) -> None:
        """Does what the page asks for: moves controls, or what a button says."""
        asked = change["new"]
        pressed, values = asked.get("pressed"), dict(asked.get("values", {}))
        for name, value in values.items():
            if isinstance(self.controls[name], widgets.Dropdown):
                option = self.controls[name].options[value]
                values[name] = option[1] if isinstance(option, tuple) else option
        try:
            if pressed is None:
                self.move(values)
            else:
                self.press(pressed)
        finally:
            self.page.answered = asked["number"]

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The living laboratory, and its picture for wherever no kernel is."""
        found = self.page._repr_mimebundle_(**kwargs)
        bundle = found[0] if isinstance(found, tuple) else found
        return {**(bundle or {}), "text/html": still(self.image, self.words), "text/plain": WAKE}


def still(image: bytes, words: str) -> str:
    """The page element of a laboratory that sleeps: its picture, its caption as alt text, and how to wake it."""
    alt = html.escape(" ".join(html.unescape(re.sub(r"<[^>]*>", " ", words)).split()), quote=True)
    shown = f'<img alt="{alt}" src="{_address(image)}">'
    return f"{SLEEPING}{shown}<figcaption>{WAKE}</figcaption></figure>"


def _address(image: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(image).decode()


def bare_figure(width: float, height: float) -> Figure:
    """A figure of so many inches without constrained layout, which would draw every number twice."""
    return Figure(figsize=(width, height), layout="none")  # type: ignore[arg-type]  # matplotlib's types lack "none"


def picture(draw: Callable[[Any], Figure], state: Any, dots: int = 1) -> bytes:
    """The PNG of `draw(state)` in the course's style, whatever style the notebook uses; `dots` per dot on each axis."""
    with matplotlib.style.context("lessons_lib.course.course"):
        figure = draw(state)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dots * matplotlib.rcParams["savefig.dpi"])
    return buffer.getvalue()


def slider(label: str, value: int, least: int, most: int) -> widgets.IntSlider:
    """An integer slider that says its name and its value; the picture follows while it is dragged."""
    return widgets.IntSlider(value, least, most, description=label, style=NAMES)
