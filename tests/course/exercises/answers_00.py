"""Right answers to the exercises of lesson 00 by different methods."""

import torch


def by_sum(mask):
    return mask.sum()


def by_counting(mask):
    return torch.count_nonzero(mask).item()


def by_indexing(mask):
    return len(mask[mask])


def by_loops(mask):
    covered = 0
    for row in mask:
        for pixel in row:
            if pixel:
                covered = covered + 1
    return covered


ANSWERS = {"00.1": [by_sum, by_counting, by_indexing, by_loops]}
