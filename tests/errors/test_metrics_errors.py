"""What the metrics say to a wrong argument: the name, what came, and what is allowed."""

import re

import pytest
import torch

from lessons_lib.metrics.boundary import BoundaryScores, ThinRecall
from lessons_lib.metrics.semantic import SemanticScores, confusion_matrix

MAP = torch.zeros(2, 3, dtype=torch.int64)

CASES = [
    (lambda: SemanticScores(0), "num_classes must be ≥ 1, got 0"),
    (lambda: SemanticScores(256), "num_classes must be ≤ 255, since 255 is void, got 256"),
    (lambda: confusion_matrix(MAP.float(), MAP, 2), "prediction must be an int64 tensor of labels, got torch.float32"),
    (lambda: confusion_matrix(MAP, [0], 2), "target must be an int64 tensor of labels, got [0]"),
    (lambda: confusion_matrix(MAP.mT, MAP, 2), "prediction must have the target's shape (2, 3), got (3, 2)"),
    (lambda: confusion_matrix(MAP.to("meta"), MAP, 2), "prediction must be on cpu, as target is, got meta"),
    (lambda: confusion_matrix(MAP + 2, MAP, 2), "prediction must be in [0, 1], got 2"),
    (lambda: confusion_matrix(MAP - 1, MAP, 2), "prediction must be in [0, 1], got -1"),
    (lambda: confusion_matrix(MAP, MAP + 9, 2), "target must be in [0, 1] or 255 for void, got 9"),
    (lambda: SemanticScores(2).update(MAP + 255, MAP), "prediction must be in [0, 1], got 255"),
    (lambda: SemanticScores(2).merge(SemanticScores(3)), "other must be SemanticScores of 2 classes, got 3 classes"),
    (lambda: SemanticScores(2).merge(7), "other must be SemanticScores of 2 classes, got 7"),
    (lambda: BoundaryScores(-1), "tolerance must be ≥ 0, got -1"),
    (lambda: BoundaryScores().update(MAP, MAP[0]), "prediction must have the target's shape (3,), got (2, 3)"),
    (lambda: BoundaryScores().update(MAP[None], MAP[None]), "target must be (H, W), got (1, 2, 3)"),
    (lambda: BoundaryScores().update(MAP > 0, MAP), "prediction must be an int64 tensor of labels, got torch.bool"),
    (
        lambda: BoundaryScores(1).merge(BoundaryScores(2)),
        "BoundaryScores of tolerance 1, got tolerance 2",
    ),
    (lambda: BoundaryScores(1).merge(None), "other must be BoundaryScores of tolerance 1, got None"),
    (lambda: ThinRecall(()), "labels must be one or more in [0, 254], got ()"),
    (lambda: ThinRecall((255,)), "labels must be one or more in [0, 254], got (255,)"),
    (lambda: ThinRecall((5,)).merge(ThinRecall((6,))), "other must be ThinRecall of labels (5,), got labels (6,)"),
    (lambda: ThinRecall((5,)).update(MAP.mT, MAP), "prediction must have the target's shape (2, 3), got (3, 2)"),
]


@pytest.mark.parametrize(("call", "words"), CASES, ids=[words[:60] for _, words in CASES])
def test_error_names_argument_value_and_allowed(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()


def test_numbers_that_are_no_ints():
    for call in (lambda: SemanticScores(2.0), lambda: BoundaryScores(0.5), lambda: ThinRecall((1.5,))):
        with pytest.raises(TypeError, match="must be an int, got"):
            call()
