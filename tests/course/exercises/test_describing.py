"""Values and calls as one would type them, shortened."""

import numpy as np
import pytest
import torch

from lessons_lib.course.exercises.engine.describing import describe, describe_apart, describe_call, function_name


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
        (torch.zeros(0, 2), "tensor(0×2 float32: empty)"),
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


def f(size, kernel_size, mask):
    """A function to call."""


class Layer(torch.nn.Module):
    """A class to make, and to call."""

    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        return x


def test_the_call_of_a_class_makes_it_first():
    assert describe_call(Layer, {"x": torch.tensor([1.5]), "channels": 3}) == "Layer(channels=3)(x=tensor([1.5]))"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.49999997, "0.49999997000000002"),
        (0.5 - 1e-12, "0.49999999999900002"),
        (0.1, "0.1"),
        (torch.tensor([0.1, 0.49999997, 2 / 3]), "tensor([0.1, 0.49999997, 0.6666667])"),
        (1 / 3, "0.3333333"),
        (float("inf"), "inf"),
        (1e-30, "1e-30"),
    ],
)
def test_an_input_that_is_nearly_a_round_number_does_not_read_like_one(value, text):
    assert describe_call(f, {"size": value}) == f"f(size={text})"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1 / 3, 1 / 3 - 3e-8),
        (torch.tensor([0.5]), torch.tensor([0.5000001])),
        ([1.0, (2.0,)], [1.0, (2.0 + 1e-9,)]),
        (torch.ones(40), torch.ones(40) + 1e-7),
    ],
)
def test_two_values_that_differ_are_written_with_enough_digits(one, other):
    texts = describe_apart(one, other)
    assert texts[0] != texts[1]


def test_a_large_tensor_is_shown_from_where_it_differs():
    right, wrong = torch.arange(24.0).reshape(4, 6), torch.arange(24.0).reshape(4, 6)
    wrong[2, 1] = 7
    assert describe_apart(right, wrong, (2, 1)) == (
        "tensor(4×6 float32: from [2, 1]: … 13.0, 14.0, 15.0, …)",
        "tensor(4×6 float32: from [2, 1]: … 7.0, 14.0, 15.0, …)",
    )


def test_a_call():
    case = {"size": 7, "kernel_size": (3, 3), "mask": torch.ones(100, 100, dtype=torch.bool)}
    assert describe_call(f, case) == "f(size=7, kernel_size=(3, 3), mask=tensor(100×100 bool: True, True, True, …))"


def test_names_of_things_that_are_called():
    assert function_name(len) == "len"
    assert function_name(np.sin) == "sin"
    assert function_name(torch.nn.Identity()) == "Identity"
