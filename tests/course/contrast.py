"""What in a figure is hard to see: texts and marks against the ground that they really stand on.

The figure is drawn once without its letters; what lies then under a text is its ground. The measure is WCAG's contrast
ratio: text needs 4.5, lines and bars 3. `watch` looks at every figure that a lesson shows.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text

TEXT, MARK = 4.5, 3.0
SMALLEST = 7.5  # points: at 800 pixels' width a figure is shown at three quarters
PAGES = (1.0, 17 / 255)  # JupyterLab's light and dark
DECORATION = 0.5  # what is drawn fainter than this on purpose is no mark
Colours = np.ndarray


def luminance(colours: Colours) -> np.ndarray:
    """WCAG's relative luminance of sRGB colours (…, 3) in [0, 1]."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def contrast(ink: Colours, ground: Colours) -> np.ndarray:
    """WCAG's contrast ratio, 1 to 21, pair by pair."""
    pair = np.stack(np.broadcast_arrays(luminance(ink), luminance(ground)))
    return (pair.max(0) + 0.05) / (pair.min(0) + 0.05)


def problems(figure: Figure) -> list[str]:
    """Every text below 4.5 or too small, and every line, bar and dot below 3, in words."""
    sheet, texts = _without_letters(figure)
    return [*_faint_texts(sheet, texts), *(fault for ax in figure.axes for fault in _faint_marks(ax))]


def watch(report: Path, show: Callable[[Figure, str], None]) -> Callable[[Figure, str], None]:
    """`show`, which first appends each figure's problems to a file, with the first words of its caption."""

    def watched(figure: Figure, caption: str) -> None:
        found = problems(figure)
        if not found:
            return show(figure, caption)
        with report.open("a", encoding="utf-8") as file:
            file.writelines(f"{caption.split('.')[0][:60]}: {problem}\n" for problem in found)
        show(figure, caption)

    return watched


def _without_letters(figure: Figure) -> tuple[np.ndarray, list[tuple[Text, tuple[float, float, float, float]]]]:
    """RGBA (H, W, 4) of the figure without its letters, and its texts, each with its box x0, y0, x1, y1."""
    texts = []
    canvas = FigureCanvasAgg(figure)

    def record(text: Text, renderer, *args, **kwargs) -> None:
        if not text.get_visible() or not text.get_text().strip():
            return
        if text.get_bbox_patch() is not None:
            text.update_bbox_position_size(renderer)
            text.get_bbox_patch().draw(renderer)
        box = text.get_window_extent(renderer)
        texts.append((text, (box.x0, renderer.height - box.y1, box.x1, renderer.height - box.y0)))

    canvas.draw()  # lays it out
    texts.clear()
    with patch.object(Text, "draw", record):
        canvas.draw()
    return np.asarray(canvas.buffer_rgba()) / 255, texts


def _faint_texts(sheet: np.ndarray, texts: list) -> Iterator[str]:
    corner = sheet[0, 0]
    for text, (x0, y0, x1, y1) in texts:
        ground = sheet[max(0, int(y0)) : max(0, int(y1) + 1), max(0, int(x0)) : max(0, int(x1) + 1)].reshape(-1, 4)
        ground = ground if len(ground) else corner[None]  # beyond the edge: what is saved grows to hold it
        ratios = []
        for page in PAGES:
            under = ground[:, 3:] * ground[:, :3] + (1 - ground[:, 3:]) * page
            ink = np.array(to_rgba(text.get_color()))
            alpha = ink[3] * (1 if text.get_alpha() is None else text.get_alpha())
            ratios.append(np.quantile(contrast(alpha * ink[:3] + (1 - alpha) * under, under), 0.1))
        name = repr(text.get_text()[:20])
        if min(ratios) < TEXT:
            yield f"text {name} has a contrast of {min(ratios):.1f}"
        if text.get_fontsize() < SMALLEST:
            yield f"text {name} is {text.get_fontsize():g} points high"


def _faint_marks(ax: Axes) -> Iterator[str]:
    if ax.images or not ax.get_visible():
        return
    ground = np.array(to_rgba(ax.get_facecolor()))[:3]
    for kind, colour in dict.fromkeys(_marks(ax, ground)):
        ink = np.array(colour)
        ratio = contrast(ink[3] * ink[:3] + (1 - ink[3]) * ground, ground)
        if ink[3] >= DECORATION and ratio < MARK:
            yield f"{kind} of colour {tuple(round(float(c), 2) for c in ink)} has a contrast of {ratio:.1f}"


def _marks(ax: Axes, ground: Colours) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Kind and colour of all that carries meaning; what has a dark edge is visible by it."""
    for line in ax.lines:
        if line.get_linestyle() != "None":
            yield "line", to_rgba(line.get_color(), line.get_alpha())
        if line.get_marker() not in ("None", "") and line.get_markerfacecolor() != "none":
            edge, width = to_rgba(line.get_markeredgecolor()), line.get_markeredgewidth()
            if not _seen_by(edge, width, ground):
                yield "dot", to_rgba(line.get_markerfacecolor(), line.get_alpha())
    for bar in ax.patches:
        if bar.get_fill() and not _seen_by(bar.get_edgecolor(), bar.get_linewidth(), ground):
            yield "bar", bar.get_facecolor()
    for dots in ax.collections:
        if isinstance(dots, PathCollection):
            yield from (("dot", tuple(one)) for one in dots.get_facecolor())


def _seen_by(edge: tuple[float, ...], width: float, ground: Colours) -> bool:
    return width >= 0.5 and edge[3] > DECORATION and contrast(np.array(edge)[:3], ground) >= MARK
