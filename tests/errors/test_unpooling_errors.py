"""What unpooling answers to bad input."""

import re

import pytest
import torch

from lessons_lib.ops.unpooling import corner_switches, follow_switches, max_pool, max_unpool, moved

X, P, S = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2, dtype=torch.int64)

CALLS = [
    (max_pool, (X[0],), "x must be a float tensor with 4 dimensions, got torch.float32 (2, 4, 4)"),
    (max_pool, (X.long(),), "x must be a float tensor with 4 dimensions, got torch.int64 (1, 2, 4, 4)"),
    (max_pool, (X, 0), "kernel_size must be ≥ 1, got 0"),
    (max_pool, (X[:, :, :0],), "x must have at least 1 pixel, got (1, 2, 0, 4)"),
    (corner_switches, ((4, 0),), "size must be ≥ 1, got 0"),
    (corner_switches, ((4, 4, 4),), "size must be an int or 2 ints, got (4, 4, 4)"),
    (corner_switches, ((4, 4), 0), "kernel_size must be ≥ 1, got 0"),
    (max_unpool, (P[0], S, (4, 4)), "pooled must be a float tensor with 4 dimensions"),
    (max_unpool, (P, S.float(), (4, 4)), "switches must be an int64 tensor, got torch.float32"),
    (max_unpool, (P, [[0]], (4, 4)), "switches must be an int64 tensor, got [[0]]"),
    (max_unpool, (P, S[..., :1], (4, 4)), "without its leading dimensions, got (1, 2, 2, 1) for (1, 2, 2, 2)"),
    (max_unpool, (P, S[0, 0, 0], (4, 4)), "without its leading dimensions, got (2,) for (1, 2, 2, 2)"),
    (max_unpool, (P, S + 16, (4, 4)), "switches must be in [0, 16) for size 4 × 4, got 16 to 16"),
    (max_unpool, (P, S - 1, (4, 4)), "switches must be in [0, 16) for size 4 × 4, got -1 to -1"),
    (max_unpool, (P, S, (4, -1)), "size must be ≥ 1, got -1"),
    (follow_switches, ([],), "switches must hold those of at least 1 pooling, got 0"),
    (moved, (S, S, 0), "width must be ≥ 1, got 0"),
]


@pytest.mark.parametrize(("function", "arguments", "words"), CALLS, ids=[f"{f.__name__}-{w[:50]}" for f, _, w in CALLS])
def test_it_says_what_is_wrong(function, arguments, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        function(*arguments)


def test_no_int():
    with pytest.raises(TypeError, match=r"kernel_size must be an int, got 2\.0"):
        max_pool(X, 2.0)
    with pytest.raises(TypeError, match=r"size must be an int, got 4\.0"):
        max_unpool(P, S, 4.0)
    with pytest.raises(TypeError, match=r"size must be an int, got 4\.0"):
        corner_switches(4.0)
