"""Which values count as equal, and the words for those that do not."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lessons_lib.course.exercises.engine.comparing import mismatch, type_in_words

NAN, INF = float("nan"), float("inf")

EQUAL = [
    (3, 3),
    (3, np.int64(3)),
    (3, torch.tensor(3)),
    (3, np.array(3)),
    (torch.tensor(3), 3),
    (3.0, 3),
    (0.1 + 0.2, 0.3),
    (0.1, torch.tensor(0.1)),
    (NAN, NAN),
    (INF, INF),
    (True, np.bool_(True)),
    (True, torch.tensor(True)),
    ("same", "same"),
    (None, None),
    ((1, 2), [1, 2]),
    ([1, (2, 3)], (1, [2, 3])),
    ([], ()),
    ({"a": 1, "b": 2.0}, {"b": 2, "a": 1}),
    (torch.tensor([1.0, NAN, INF]), torch.tensor([1.0, NAN, INF])),
    (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0 + 5e-5])),
    (torch.tensor([1000.0, 2.0]), torch.tensor([1000.0, 2.05])),
    (torch.eye(3), torch.eye(3).to_sparse()),
    (torch.eye(3).to_sparse(), torch.eye(3).to_sparse()),
    (torch.zeros(0, 3), torch.zeros(0, 3)),
    (torch.zeros(2), torch.zeros(2, requires_grad=True)),
    (torch.tensor([1 + 1j]), torch.tensor([1 + 1j])),
    (np.array([1, 2]), np.array([1, 2])),
]

DIFFERENT = [
    (3, 4, "values", "gave 4, expected 3."),
    (3, None, "none", "returned None, expected 3."),
    (3, True, "type", "returned True or False, True, expected a whole number, 3."),
    (True, 1, "type", "returned a whole number, 1, expected True or False, True."),
    (3, 3.0, "type", "returned a decimal number, 3.0, expected a whole number, 3."),
    (3, torch.tensor(3.0), "type", "returned a decimal number, tensor(3.0), expected a whole number, 3."),
    (3, "3", "type", "returned a string, '3', expected a whole number, 3."),
    (3, torch.tensor([3]), "type", "returned a tensor of shape (1,), tensor([3]), expected a whole number, 3."),
    (3.0, 10**400, "values", "gave <a whole number of about 400 digits>, expected 3.0."),
    (3.0, NAN, "not finite", "gave nan, expected 3.0."),
    (NAN, 3.0, "values", "gave 3.0, expected nan."),
    (INF, -INF, "values", "gave -inf, expected inf."),
    (0.0, 1e-4, "values", "gave 0.0001, expected 0.0."),
    (None, 3, "type", "returned a whole number, 3, expected None, None."),
    ("a", "b", "values", "gave 'b', expected 'a'."),
    ((1, 2), 3, "type", "returned a whole number, 3, expected a tuple."),
    ((1, 2), (1, 2, 3), "length", "returned 3 items, expected 2."),
    ([1, [2, 3]], [1, [2, 4]], "values", "gave 4 at [1][1], expected 3."),
    ({"a": 1}, {"b": 1}, "length", "returned the keys ['b'], expected ['a']."),
    ({"a": 1}, {"a": 2}, "values", "gave 2 at ['a'], expected 1."),
    (torch.zeros(2), [0.0, 0.0], "type", "returned a list, [0.0, 0.0], expected a tensor of shape (2,)."),
    (torch.zeros(2), np.zeros(2), "type", "a NumPy array"),
    (torch.zeros(2, 3), torch.zeros(3, 2), "shape", "returned the shape (3, 2), expected (2, 3)."),
    (torch.zeros(2), torch.zeros(2).double(), "dtype", "returned the dtype float64, expected float32."),
    (torch.zeros(2), torch.zeros(2, device="meta"), "device", "on meta, expected it on cpu."),
    (torch.zeros(2), torch.tensor([0.0, NAN]), "not finite", "has 1 of 2 values NaN or infinite, the first at [1]."),
    (torch.zeros(2, 2), torch.eye(2), "values", "has 2 of 4 values wrong, the first at [0, 0]: 1.0 instead of 0.0."),
    (torch.tensor([1, 2]), torch.tensor([1, 3]), "values", "the first at [1]: 3 instead of 2."),
    (torch.tensor([2**53]), torch.tensor([2**53 + 1]), "values", "has 1 of 1 value wrong"),
    (torch.tensor([True, False]), torch.tensor([True, True]), "values", "[1]: True instead of False."),
    (torch.tensor([1 + 1j]), torch.tensor([1 - 1j]), "values", "[0]"),
    ([torch.zeros(2)], [torch.ones(2)], "values", "has 2 of 2 values wrong at [0]"),
    (torch.zeros(2).double(), torch.tensor([0.0, 1e-8]).double(), "values", "[1]"),
]


@pytest.mark.parametrize(("expected", "got"), EQUAL)
def test_these_count_as_equal(expected, got):
    assert mismatch(expected, got) is None


@pytest.mark.parametrize(("expected", "got", "kind", "words"), DIFFERENT)
def test_these_do_not(expected, got, kind, words):
    found = mismatch(expected, got)
    assert found is not None
    assert found.kind == kind
    assert words in found.sentence


def test_the_tensors_of_a_difference_are_kept_for_the_picture():
    found = mismatch([torch.zeros(2, 2)], [torch.eye(2)])
    assert found.index == (0, 0)
    assert torch.equal(found.got, torch.eye(2))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_a_rounding_error_is_no_mistake_and_a_hundredth_is_one(dtype):
    right = torch.linspace(-1, 1, 21, dtype=dtype)
    step = torch.finfo(dtype).eps
    assert mismatch(right, right * (1 + step)) is None
    assert mismatch(right, right + 0.1) is not None


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=5), st.floats(-1e-2, 1e-2))
def test_tensors_agree_with_torch_on_what_is_close(values, error):
    right = torch.tensor(values)
    got = right + error
    largest = max(1.0, max(map(abs, values)))
    close = (right.double() - got.double()).abs().max().item() <= 1e-4 * largest
    assert (mismatch(right, got) is None) == close


def test_objects_of_a_learners_own_are_named_by_their_class():
    class Odd:
        def __repr__(self):
            raise RuntimeError("never called")

        __eq__ = __bool__ = __repr__

    assert type_in_words(Odd()) == "an object of type Odd"
    assert "<Odd>" in mismatch(3, Odd()).sentence
