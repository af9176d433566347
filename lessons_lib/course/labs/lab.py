"""The shell that all laboratories share: controls on top, a figure, and the number under it."""

import io
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
import matplotlib
import matplotlib.style
from matplotlib.figure import Figure

NAMES = {"description_width": "7em"}  # the style of a control: room for the longest name


class Lab:
    """Controls that call `compute(**values)`, whose result is drawn by `draw` and put in words by `caption`.

    `limits(state)` may name the largest value that a slider can take in this state. Displaying the object shows the
    laboratory; `state` is what was last computed. All work happens in `compute`, which tests call without a browser.
    """

    def __init__(
        self,
        controls: Mapping[str, widgets.Widget],
        compute: Callable[..., Any],
        draw: Callable[[Any], Figure],
        caption: Callable[[Any], str],
        limits: Callable[[Any], Mapping[str, int]] = lambda state: {},
    ) -> None:
        self.controls, self.compute, self.draw, self.caption, self.limits = controls, compute, draw, caption, limits
        natural_size = widgets.Layout(max_width="100%", align_self="flex-start", object_fit="contain")
        self.image = widgets.Image(format="png", layout=natural_size)
        self.text = widgets.HTML()
        box = widgets.Box(list(controls.values()), layout=widgets.Layout(flex_flow="row wrap", max_width="800px"))
        self.widget = widgets.VBox([box, self.image, self.text])
        self.widget.add_class("lessons-lab")
        for control in controls.values():
            control.observe(self._update, names="value")
        self._update()

    def _update(self, change: object = None) -> None:
        self.state = self.compute(**{name: control.value for name, control in self.controls.items()})
        self.image.value = picture(self.draw, self.state)
        self.text.value = self.caption(self.state)
        for name, largest in self.limits(self.state).items():
            self.controls[name].max = largest  # a value beyond it is pulled back, which computes once more

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = self.widget._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = "A laboratory: run this cell in JupyterLab to move its sliders."
        return bundle


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
    """An integer slider that says its name and its value, and redraws on release."""
    return widgets.IntSlider(value, least, most, description=label, style=NAMES, continuous_update=False)
