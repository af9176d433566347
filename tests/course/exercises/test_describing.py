"""Values and calls as one would type them, shortened."""

import numpy as np
import pytest
import torch

from lessons_lib.course.exercises.engine.describing import describe, describe_call, function_name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (True, "True"),
        (None, "None"),
        (0.5, "0.5"),
        (2.0, "2.0"),
        (1e-12, "1e-12"),
        (float("nan"), "nan"),
        (1 / 3, "0.3333333"),
        ("same", "'same'"),
        ("x" * 200, repr("x" * 80 + "…")),
        ((1,), "(1,)"),
        ((1, 2.5), "(1, 2.5)"),
        ([], "[]"),
        ([1, [2, [3, [4]]]], "[1, [2, [3, […]]]]"),  # brackets inside the third are cut short
        (list(range(20)), "[0, 1, 2, 3, 4, 5, 6, 7, …]"),
        ({"a": 1}, "{'a': 1}"),
        (torch.tensor([[1, 2], [3, 4]]), "tensor([[1, 2], [3, 4]])"),
        (torch.tensor([0.5, 1]), "tensor([0.5, 1.0])"),
        (torch.tensor([0.5]).double(), "tensor([0.5], dtype=float64)"),
        (torch.tensor(3), "tensor(3)"),
        (torch.zeros(0, 2), "tensor([])"),
        (torch.zeros(2, requires_grad=True), "tensor([0.0, 0.0])"),
        (torch.eye(2).to_sparse(), "tensor([[1.0, 0.0], [0.0, 1.0]])"),
        (torch.arange(24.0).reshape(2, 3, 4), "tensor(2×3×4 float32: 0.0, 1.0, 2.0, …)"),
        (torch.zeros(2, device="meta"), "tensor(2 float32 on meta)"),
        (np.array([1, 2]), "array([1, 2])"),
        (np.float32(0.5), "np.float32(0.5)"),
        (torch.float32, "torch.float32"),
        (torch.device("cpu"), "cpu"),
        (object(), "<object>"),
        (len, "<builtin_function_or_method>"),
    ],
)
def test_values(value, text):
    assert describe(value) == text


def test_a_number_too_long_to_print_is_said_in_words():
    assert describe(10**5000) == "<a whole number of about 5000 digits>"


def test_a_list_that_holds_itself_comes_to_an_end():
    items = [1]
    items.append(items)
    assert describe(items).startswith("[1, [1, ")


def test_a_call():
    case = {"size": 7, "kernel_size": (3, 3), "mask": torch.ones(100, 100, dtype=torch.bool)}
    text = describe_call("f", case)
    assert text == "f(size=7, kernel_size=(3, 3), mask=tensor(100×100 bool: True, True, True, …))"


def test_names_of_things_that_are_called():
    assert function_name(len) == "len"
    assert function_name(np.sin) == "sin"
    assert function_name(torch.nn.Identity()) == "Identity"
