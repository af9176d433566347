"""Formulas as MathML: the spellings that the converter lacks, and every formula of the lessons."""

import re

import nbformat
import pytest
from sphinx.errors import ExtensionError

from lessons_lib.course.course_map import NOTEBOOKS
from website.mathml import mathml

LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def test_a_fraction():
    assert "<mfrac>" in mathml(r"\frac{a}{b}", block=False) and 'display="block"' in mathml("x", block=True)


@pytest.mark.parametrize(
    ("formula", "same"),
    [
        (r"1, \dots, n", r"1, \ldots, n"),
        (r"x \mathrel{+}= y", "x += y"),
        (r"\big(x\big)", "(x)"),
        (r"\tfrac12", r"\frac{1}{2}"),
        (r"\dfrac{a}{b}", r"\frac{a}{b}"),
    ],
)
def test_spellings(formula, same):
    assert mathml(formula, block=False) == mathml(same, block=False)


def test_an_unknown_formula_is_named():
    with pytest.raises(ExtensionError, match=r"the formula '.*nosuch.*' has no MathML"):
        mathml(r"\nosuch{x}", block=False)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_every_formula_of_the_lessons(lesson):
    for cell in nbformat.read(lesson, as_version=4).cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.DOTALL)
            for block, inline in re.findall(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+?)\$", text, flags=re.DOTALL):
                assert "<math" in mathml(block or inline, block=bool(block))
