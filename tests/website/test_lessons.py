"""A lesson as a page: captions, folded code, links, laboratories; and what every committed lesson becomes."""

import base64
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lessons_lib.course.course_map import NOTEBOOKS
from lessons_lib.course.figures import SHOWN
from lessons_lib.course.labs.lab import still
from website.lessons import links, page, to_pages

DOT = base64.b64encode(b"a dot").decode()
LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


FOLDED = {"jupyter": {"source_hidden": True}}


def figure(caption="A dot, `x` = **2**."):
    image = f'<img alt="A dot" src="data:image/webp;base64,{DOT}" width="9">'
    shown = f"{SHOWN}{image}<figcaption>A dot</figcaption></figure>"
    return new_output("display_data", {"text/html": shown, "text/plain": caption})


@pytest.fixture
def built(tmp_path):
    """Builds the page of these cells; laboratories become their module's name in brackets."""
    figures = tmp_path / "figures"
    figures.mkdir()

    def build(*cells, **options):
        nbformat.write(new_notebook(cells=list(cells)), tmp_path / "03_some.ipynb")
        return page(tmp_path / "03_some.ipynb", figures, lambda module: f"[{module}]", **options), figures

    return build


def test_a_figure_keeps_its_caption_its_words_and_its_width(built):
    code = new_code_cell("draw()", outputs=[figure()], id="one")
    text, figures = built(new_markdown_cell("# Title"), code, new_markdown_cell("Then more."))
    assert ":alt: A dot, x = 2.\n:width: 9px\n" in text
    assert "\n\nA dot, `x` = **2**.\n```" in text, "the caption stands in the figure"
    assert text.count("A dot") == 2 and "base64" not in text
    assert (figures / "03_some-one-0.webp").read_bytes() == b"a dot"


def test_each_figure_of_a_cell_has_its_own_caption(built):
    code = new_code_cell("draw()", outputs=[figure("A dot."), figure("Another.")])
    text, _ = built(new_markdown_cell("# Title"), code)
    assert text.count(":alt: A dot.") == text.count(":alt: Another.") == 1


def test_setup_and_code_that_the_lesson_folds_are_folded(built):
    folded = new_code_cell("draw()", outputs=[figure()], metadata=FOLDED)
    open_ = new_code_cell("draw()", outputs=[figure()])
    setup = new_code_cell("import torch", metadata={"tags": ["setup"]})
    text, _ = built(new_markdown_cell("# Title"), setup, folded, open_)
    assert text.count('<details class="code">') == text.count("</details>") == 2
    assert "<summary>Imports</summary>" in text and "<summary>Code of the figure</summary>" in text


def test_a_laboratory_is_alive_and_its_widget_is_not_shown(built):
    sleeping = still(b"a PNG", "<b>Words</b>")
    widget = new_output("display_data", {"text/html": sleeping, "text/plain": "A laboratory"})
    cells = [new_code_cell("from lessons_lib.course.labs import roi as laboratory"), new_code_cell("laboratory.lab()")]
    cells[1].outputs = [widget]
    text, _ = built(new_markdown_cell("# Title"), *cells)
    assert text.count("[roi]") == 1 and "A laboratory" not in text
    again = new_code_cell("laboratory.lab(Net())")
    assert built(new_markdown_cell("# T"), *cells, again)[0].count("[roi]") == 1, "once in a lesson"


def test_printed_text_is_not_html(built):
    code = new_code_cell("print()", outputs=[new_output("stream", text="<b> & 1 < 2\n")])
    assert "&lt;b&gt; &amp; 1 &lt; 2" in built(new_markdown_cell("# Title"), code)[0]


def test_where_a_lesson_can_be_run(built):
    assert "Colab" not in built(new_markdown_cell("# Title"))[0], "without a repository there is no address"
    text, _ = built(new_markdown_cell("# Title"), repository="us/course")
    assert "colab.research.google.com/github/us/course/blob/main/notebooks/03_some.ipynb" in text
    assert "codespaces.new/us/course" in text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[lesson 2](02_convolution_arithmetic.ipynb)", "[lesson 2](02_convolution_arithmetic.md)"),
        ("[part](./02_x.ipynb#two)", "[part](02_x.md#two)"),
        ("[paper](https://arxiv.org/abs/1)", "[paper](https://arxiv.org/abs/1)"),
        ("[here](#recap)", "[here](#recap)"),
        ("[notation](../docs/notation.md)", "[notation](../docs/notation.md)"),
        ("[code](../lessons_lib/ops/nms.py)", "[code](at/lessons_lib/ops/nms.py)"),
    ],
)
def test_links(written, expected):
    assert links(written, lambda file: f"at/{file}") == expected


def test_without_a_repository_a_link_to_a_file_is_words():
    assert links("[code](../lessons_lib/ops/nms.py)", str) == "*code*"


def test_only_pages_that_are_built_are_linked():
    text = "[lesson 07](07_skips.md#start), [08](08_unpooling.md), [paper](https://arxiv.org/abs/1)"
    assert to_pages(text, ["07"]) == "[lesson 07](07_skips.md#start), 08, [paper](https://arxiv.org/abs/1)"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_every_lesson_has_a_page(lesson, tmp_path):
    text = page(lesson, tmp_path, lambda module: f"[laboratory {module}]")
    notebook = nbformat.read(lesson, as_version=4)
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [data for data in outputs if data.get("text/html", "").startswith(SHOWN)]
    assert text.startswith("# ") and len(list(tmp_path.glob("*.webp"))) == len(pictures)
    shows_lab = any(re.search(r"^\w+\.lab\(", cell.source, re.MULTILINE) for cell in notebook.cells)
    assert ("[laboratory " in text) == shows_lab


def test_the_map_of_somebody_elses_progress_is_left_out(built):
    code = new_code_cell("progress()", outputs=[new_output("display_data", {"text/html": "<b>0 of 9</b>"})])
    text, _ = built(new_markdown_cell("# Title"), code)
    assert "progress()" in text and "0 of 9" not in text
