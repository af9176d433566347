"""Which answers call the library's own functions or torch's: by import, alias, helper and class."""

import nbformat
import pytest

from lessons_lib.course.course_map import NOTEBOOKS
from lessons_lib.course.exercise_list import lessons_with_exercises
from lessons_lib.course.exercises import solved
from lessons_lib.course.teachers.shortcuts import shortcuts

SETUP = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\nfrom lessons_lib.ops import convolution"


def called(*sources, setup=SETUP):
    cells = [nbformat.v4.new_code_cell(source) for source in (setup, *sources)]
    return shortcuts(nbformat.v4.new_notebook(cells=cells))["02.3"]


def answer(body):
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f'@exercise("02.3")\ndef conv2d_loops(x, weight, bias, stride=1, padding=0):\n{lines}'


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("return F.conv2d(x, weight, bias, stride, padding)", ["torch.nn.functional.conv2d"]),
        ("return torch.conv2d(x, weight)", ["torch.conv2d"]),
        ("return torch.nn.functional.conv2d(x, weight)", ["torch.nn.functional.conv2d"]),
        ("return convolution.conv2d_loops(x, weight, bias)", ["lessons_lib.ops.convolution.conv2d_loops"]),
        ("from lessons_lib.ops.convolution import unfold as u\nreturn u(x)", ["lessons_lib.ops.convolution.unfold"]),
        ("f = F.conv2d\nreturn f(x, weight)", ["torch.nn.functional.conv2d"]),
        ("return list(map(F.conv2d, [x], [weight]))[0]", ["torch.nn.functional.conv2d"]),
        ('return getattr(F, "conv2d")(x, weight)', ["torch.nn.functional"]),
        ("return nn.Conv2d(1, 1, 3)(x)", ["torch.nn.Conv2d"]),
        ("x = F.pad(x, (padding,) * 4)\nreturn torch.stack([x.sum() + bias]).relu()", []),  # steps, as in the model
        ("return F.relu(torch.einsum('bchw,ochw->bo', x, weight))", []),
    ],
)
def test_what_an_answer_calls(body, names):
    assert called(answer(body)) == names


def test_a_parameter_hides_an_import():
    assert called(answer("return F.conv2d").replace("bias,", "F,")) == []


def test_helpers_and_aliases_are_followed():
    helper = "def work(x, w):\n    return deeper(x, w)\n\n\ndef deeper(x, w):\n    work\n    return F.conv2d(x, w)"
    assert called(helper, answer("return work(x, weight)")) == ["torch.nn.functional.conv2d"]
    assert called("conv = F.conv2d", answer("return conv(x, weight)")) == ["torch.nn.functional.conv2d"]
    assert called("def unused(x):\n    return F.conv2d(x)", answer("return x")) == []
    module = "class Layer(nn.Module):\n    def forward(self, x):\n        return F.conv2d(x, self.w)"
    assert called(module, answer("return Layer()(x)")) == ["torch.nn.functional.conv2d"]


def test_cells_that_are_no_python_and_the_stub():
    assert called("%matplotlib inline\n!ls", "def broken(:", answer('raise NotImplementedError("your turn")')) == []


def test_an_answer_of_another_exercise_is_no_helper():
    first = '@exercise("02.4")\ndef unfold(x, kernel_size, stride=1, padding=0):\n    return F.unfold(x, kernel_size)'
    cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, first, answer("return unfold(x, (3, 3))"))]
    found = shortcuts(nbformat.v4.new_notebook(cells=cells))
    assert found == {"02.4": ["torch.nn.functional.unfold"], "02.3": []}


@pytest.mark.parametrize("lesson", lessons_with_exercises())
def test_no_model_answer_is_under_suspicion(lesson):
    (path,) = NOTEBOOKS.glob(f"{lesson}_*.ipynb")
    found = shortcuts(solved(nbformat.read(path, as_version=4)))
    assert found and not any(found.values())
