"""One call on copies of the case, with everything that came of it."""

import random
import sys

import numpy as np
import pytest
import torch

from lessons_lib.course.exercises.engine.running import Printed, copied, gradients_of, identical, run, undisturbed


@pytest.mark.parametrize(
    "view",
    [
        torch.arange(24.0).reshape(4, 6),
        torch.arange(24.0).reshape(4, 6).T,
        torch.arange(24.0).reshape(4, 6)[1::2, ::3],
        torch.arange(3.0).expand(4, 3),
        torch.tensor(3.0),
        torch.zeros(0, 3),
        torch.arange(24).reshape(2, 3, 4)[..., 1],
        torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last),
    ],
)
def test_a_copied_tensor_keeps_its_strides_and_is_its_own(view):
    copy = copied(view)
    assert copy.stride() == view.stride()
    assert copy.storage_offset() == view.storage_offset()
    assert torch.equal(copy, view)
    assert copy.untyped_storage().data_ptr() != view.untyped_storage().data_ptr() or view.numel() == 0


def test_containers_are_copied_deeply():
    case = {"items": [torch.zeros(2), (np.zeros(2), {"a": [1]})], "sparse": torch.eye(2).to_sparse()}
    copy = copied(case)
    copy["items"][0][0] = 1
    copy["items"][1][0][0] = 1
    copy["items"][1][1]["a"].append(2)
    assert case["items"][0][0] == 0
    assert case["items"][1][0][0] == 0
    assert case["items"][1][1] == {"a": [1]}
    assert torch.equal(copy["sparse"].to_dense(), torch.eye(2))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (torch.tensor([1.0, float("nan")]), torch.tensor([1.0, float("nan")]), True),
        (torch.zeros(2), torch.zeros(2, 1), False),
        (torch.zeros(2), torch.zeros(2).long(), False),
        (torch.zeros(2), torch.tensor([0.0, 1e-40]), False),
        (torch.zeros(()), torch.zeros(()), True),
        (torch.zeros(0), torch.zeros(0), True),
        (torch.eye(2).to_sparse(), torch.eye(2), True),
        (np.array([1, 2]), np.array([1, 3]), False),
        ([1, (2,)], [1, (2,)], True),
        ([1], (1,), False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        (float("nan"), float("nan"), True),
    ],
)
def test_identical_means_to_the_last_bit(one, other, same):
    assert identical(one, other) is same


def test_prints_are_kept_and_bounded():
    printed = Printed()
    for _ in range(1000):
        print("abcdefghi", file=printed)
    text = printed.text()
    assert text.startswith("abcdefghi\nabcdefghi")
    assert text.endswith("… (and 9500 more characters)")
    assert len(text) < 600


def test_a_value_and_what_was_printed():
    def f(x):
        print("seen", x)
        print("here too", file=sys.stderr)
        return x + 1

    outcome = run(f, {"x": 2})
    assert outcome.value == 3
    assert outcome.printed == "seen 2\nhere too\n"
    assert outcome.raised is None and outcome.changed == () and not outcome.timed_out


def test_an_input_changed_in_place_is_named_and_the_case_stays():
    def f(x, y, items):
        x += 1
        items.append(3)

    case = {"x": torch.zeros(2), "y": torch.zeros(2), "items": [1]}
    assert run(f, case).changed == ("x", "items")
    assert case["x"].sum() == 0 and case["items"] == [1]


def test_an_exception_is_told_by_the_learners_own_line():
    def f(x):
        return torch.stack([x]) @ x.nothing

    raised = run(f, {"x": torch.zeros(2)}).raised
    assert (raised.type, raised.source) == ("AttributeError", "return torch.stack([x]) @ x.nothing")
    assert raised.line == f.__code__.co_firstlineno + 1


def test_a_stub_is_a_raise_statement_of_ones_own():
    def stub(x):
        raise NotImplementedError("your turn")

    def from_torch(x):
        return torch.nn.Module()(x)

    def from_compiled_code(x):
        return torch.arange(3).mean()

    assert run(stub, {"x": 1}).raised.is_stub
    for function in (from_torch, from_compiled_code):
        raised = run(function, {"x": 1}).raised
        assert raised is not None
        assert not raised.is_stub


def test_an_exception_that_cannot_be_printed():
    class Mute(Exception):
        def __str__(self):
            raise ValueError

    def f(x):
        raise Mute

    assert run(f, {"x": 1}).raised.message == ""


def test_gradients_by_hand():
    weight = torch.randn(3, generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([5.0, 5.0, 5.0])
    found = gradients_of(lambda x, y, n: x**2, {"x": x, "y": y, "n": torch.tensor([1])})
    assert torch.allclose(found["x"], 2 * x * weight)
    assert found["y"] is None
    assert set(found) == {"x", "y"}


def test_gradients_of_views_lists_and_sparse_outputs():
    case = {"xs": [torch.ones(4, 6)[::2, ::3], torch.ones(2)], "s": 2.0}
    found = gradients_of(lambda xs, s: (xs[0] * s, {"b": xs[1].sum()}), case)
    assert found["xs[0]"].shape == (2, 2)
    assert found["xs[1]"].shape == (2,)
    found = gradients_of(lambda x: torch.diag(x).to_sparse(), {"x": torch.ones(2)})
    assert found["x"].shape == (2,)


def test_detached_outputs_have_no_gradient():
    assert gradients_of(lambda x: x.detach(), {"x": torch.ones(2)}) == {"x": None}
    assert gradients_of(lambda x: 3, {"x": torch.ones(2)}) == {"x": None}


def test_raising_only_when_gradients_are_asked_for():
    outcome = run(lambda x: torch.from_numpy(x.numpy()), {"x": torch.ones(2)}, gradients=True)
    assert outcome.raised.type == "RuntimeError"
    assert outcome.needs_gradients


def test_an_input_used_in_place_is_seen_before_gradients_are_asked_for():
    outcome = run(lambda x: x.mul_(2), {"x": torch.ones(2)}, gradients=True)
    assert outcome.changed == ("x",)


def test_the_notebook_is_left_as_it_was():
    def f(x):
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        random.seed(1)
        torch.set_grad_enabled(False)

    torch.manual_seed(7)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    with undisturbed(f):
        f(1)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]  # noqa: NPY002
    assert torch.is_grad_enabled()
    assert "f" not in globals()


def test_a_functions_name_means_itself_while_it_runs():
    names = {"factorial": "another thing", "exit": "ends the kernel"}
    exec("def factorial(n):\n    return 1 if n == 0 else n * factorial(n - 1)", names)
    function, names["factorial"] = names["factorial"], "another thing"
    with undisturbed(function):
        assert function(4) == 24
        assert names["exit"] is sys.exit
    assert names["factorial"] == "another thing"
    assert names["exit"] == "ends the kernel"
