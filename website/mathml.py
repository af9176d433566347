"""Formulas as MathML, which browsers draw and screen readers read without a script."""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.writers.html5 import HTML5Translator

SPELLINGS = [  # what the converter does not know, and what it does
    (r"\\dots\b", r"\\ldots"),
    (r"\\mathrel\{([^{}]*)\}", r"\1"),
    (r"\\[bB]igg?[lrm]?(?![a-zA-Z])", ""),
    (r"\\([td]?frac)(\d)(\d)", r"\\frac{\2}{\3}"),
    (r"\\[td]frac\b", r"\\frac"),
]


def mathml(formula: str, block: bool) -> str:
    """The MathML of a formula in LaTeX; one that cannot be converted raises an error that shows it."""
    spelled = formula
    for pattern, replacement in SPELLINGS:
        spelled = re.sub(pattern, replacement, spelled)
    try:
        return tex2mathml(spelled, as_block=block)
    except MathError as error:
        raise ExtensionError(f"the formula {formula!r} has no MathML: {error}") from error


def _inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(mathml(node.astext(), block=False))
    raise nodes.SkipNode


def _block(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(f'<div class="formula" tabindex="0">{mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this when `conf.py` names the module as an extension."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
