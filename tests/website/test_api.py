"""The library's reference: signatures and docstrings as Markdown."""

import ast
import inspect
import textwrap
from pathlib import Path

import lessons_lib
from lessons_lib.ops import nms
from website.api import PACKAGES, api_pages, markdown, signature

LIBRARY = Path(lessons_lib.__file__).parent


def test_every_public_function_of_a_module_is_there():
    page = api_pages(LIBRARY)["ops"]
    for name, member in inspect.getmembers(nms, inspect.isfunction):
        if member.__module__ == nms.__name__ and not name.startswith("_"):
            assert f"### {name}\n" in page and inspect.getdoc(member).splitlines()[0] in page


def test_pages_are_the_packages():
    assert api_pages(LIBRARY).keys() == PACKAGES.keys()
    assert "\n### _" not in "".join(api_pages(LIBRARY).values())


def test_long_signatures_have_an_argument_a_line():
    short = ast.parse("def f(x: int, y: Float[Tensor, 'A B'] = 1) -> int: ...").body[0]
    assert signature(short) == "def f(x: int, y: Float[Tensor, 'A B']=1) -> int"
    names = ", ".join(f"argument_{i}: Float[Tensor, 'A B']" for i in range(4))
    assert signature(ast.parse(f"def f({names}) -> int: ...").body[0]).count("\n    argument_") == 4


def test_docstrings_become_markdown():
    text = textwrap.dedent("""\
        What it does, with `code`.

        Args:
            x: pixels,
                of an image.
            y: more.

        Returns:
            A sum.

        >>> f(1)
        2""")
    words = [
        "What it does, with `code`.",
        "**Args**",
        "- `x`: pixels, of an image.\n- `y`: more.",
        "**Returns**",
        "A sum.",
    ]
    assert markdown(text).split("\n\n") == [*words, "```python\n>>> f(1)\n2\n```"]
