"""A lesson's figure as everybody gets it: sharp, with a caption directly beneath that a screen reader reads too."""

import base64
import html
import io
import re

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

SHOWN = '<figure class="lessons-figure" style="margin: 0">'
SHARP = 2  # dots per dot of the page
FEW_COLOURS = 4096
"""A figure of at most so many colours is a drawing, and kept exactly; others hold photographs or scenes."""


def show(figure: Figure, caption: str) -> None:
    """Shows a figure with its caption beneath, and closes it.

    The caption is also the alt text: JupyterLab shows none for a PNG. It is Markdown: emphasis, code, links and $…$;
    line breaks are spaces. Raises ValueError for an empty one.
    """
    caption = " ".join(caption.split())
    if not caption:
        raise ValueError("caption must say what the figure shows, got an empty text")
    sheet = _drawn(figure)
    plt.close(figure)
    words = f"<figcaption>{as_html(caption)}</figcaption>"
    display({"text/html": f"{SHOWN}{_element(sheet, plain(caption))}{words}</figure>", "text/plain": caption}, raw=True)


def plain(caption: str) -> str:
    """A caption without its Markdown, for an image's alt text."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", caption)
    return " ".join(re.sub(r"[*`$\\]", "", text).split())


def as_html(caption: str) -> str:
    """A caption's Markdown as HTML; formulas stay between their dollars, for the page to set."""
    parts = re.split(r"(\$[^$]+\$|`[^`]+`)", html.escape(caption, quote=False))
    return "".join(_part(part) for part in parts)


def _part(text: str) -> str:
    if text.startswith("$"):
        return text
    if text.startswith("`"):
        return f"<code>{text[1:-1]}</code>"
    text = re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", r'<a href="\2">\1</a>', text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"\*(.+?)\*", r"<em>\1</em>", text)


def _drawn(figure: Figure) -> Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=SHARP * figure.dpi, bbox_inches="tight", pil_kwargs={"compress_level": 1})
    return Image.open(buffer)


def _element(sheet: Image.Image, alt: str) -> str:
    """The image as a page element, `SHARP` of its dots on one of the page, as WebP, quickly and in few bytes."""
    if sheet.getchannel("A").getextrema() == (255, 255):
        sheet = sheet.convert("RGB")
    exact = sheet.getcolors(FEW_COLOURS) is not None
    buffer = io.BytesIO()
    sheet.save(buffer, "webp", **({"lossless": True} if exact else {"quality": 90, "method": 2}))
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/webp;base64,{data}" width="{sheet.width // SHARP}">'
