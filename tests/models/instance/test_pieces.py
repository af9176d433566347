"""Connected pieces: what is painted, what is cut out, with values worked by hand, and what it cannot do."""

import pytest
import torch
from scipy import ndimage

from lessons_lib.data.sample import VOID, Batch, Instances, collate, tight_boxes
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance.pieces import Pieces, painted, pieces_of
from tests.tiny_model import TinyModel


def objects(*masks, labels, crowd=None):
    stacked = torch.tensor(masks, dtype=torch.bool)
    crowds = None if crowd is None else torch.tensor(crowd)
    return Instances(tight_boxes(stacked), torch.tensor(labels), stacked, is_crowd=crowds)


NO_VOID = torch.zeros(2, 3, dtype=torch.bool)


def test_painted_by_hand():
    one, two = [[1, 1, 0], [0, 0, 0]], [[0, 1, 1], [0, 0, 0]]
    assert painted(objects(one, two, labels=[3, 5]), NO_VOID).tolist() == [[3, 5, 5], [0, 0, 0]]
    crowd = painted(objects(one, two, labels=[3, 5], crowd=[False, True]), NO_VOID)
    assert crowd.tolist() == [[3, VOID, VOID], [0, 0, 0]]
    void = torch.tensor([[True, False, False], [False, False, True]])
    assert painted(objects(one, labels=[3]), void).tolist() == [[VOID, 3, 0], [0, 0, VOID]]


def test_boxes_alone_are_refused():
    alone = Instances(torch.zeros(1, 4), torch.tensor([1]), None)
    with pytest.raises(ValueError, match="instances must have masks to learn pieces from, got boxes alone"):
        painted(alone, NO_VOID)


def test_pieces_by_hand():
    """Two pieces of class 1, of which one hangs together at a corner, and one of class 2; confidences are means."""
    label_map = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 2, 0]])
    probs = torch.full((3, 3, 4), 0.1)
    probs[1] = torch.tensor([[0.6, 0, 0, 0.9], [0, 0.8, 0, 0.5], [0, 0, 0, 0]])
    probs[2, 2, 2] = 0.4
    found = pieces_of(label_map, probs)
    assert found.labels.tolist() == [1, 1, 2]
    assert found.boxes.tolist() == [[0, 0, 2, 2], [3, 0, 4, 2], [2, 2, 3, 3]]
    assert found.scores.tolist() == pytest.approx([0.7, 0.7, 0.4])
    assert found.masks.flatten(1).sum(1).tolist() == [2, 2, 1]
    assert pieces_of(label_map, probs, min_area=2).labels.tolist() == [1, 1]
    assert len(pieces_of(label_map, probs, min_area=3)) == 0
    assert pieces_of(label_map, probs, most=2).labels.tolist() == [1, 1]


def test_ground_alone_has_no_pieces():
    found = pieces_of(torch.zeros(3, 4, dtype=torch.int64), torch.ones(2, 3, 4))
    assert len(found) == 0 and found.masks.shape == (0, 3, 4) and found.scores.shape == (0,)


def test_pieces_agree_with_scipy_on_real_label_maps():
    for sample in draw_scenes(range(6), PRESETS["crowded"]):
        label_map = torch.where(sample.label_map == VOID, 0, sample.label_map)
        found = pieces_of(label_map, torch.ones(11, *label_map.shape))
        counts = [ndimage.label((label_map == c).numpy(), torch.ones(3, 3).numpy())[1] for c in range(1, 11)]
        assert torch.bincount(found.labels, minlength=11)[1:].tolist() == counts
        assert found.masks.sum(0).equal((label_map > 0).long())  # every pixel of a class lies in exactly one piece


def test_touching_objects_of_a_class_become_one():
    """What it cannot do: the truth's own label map loses an object where two of a class touch."""
    left, right = [[1, 1, 0, 0]], [[0, 0, 1, 1]]
    truth = objects(left, right, labels=[4, 4])
    label_map = painted(truth, torch.zeros(1, 4, dtype=torch.bool))
    assert len(pieces_of(label_map, torch.ones(5, 1, 4))) == 1 < len(truth)


def test_the_loss_is_that_of_the_semantic_model_on_the_painted_map():
    torch.manual_seed(0)
    samples = draw_scenes(range(2), PRESETS["easy"])
    batch = collate(samples)
    semantic = TinyModel()
    expected = torch.stack([painted(s.instances, s.label_map == VOID) for s in samples])
    repainted = Batch(batch.images, expected, batch.instances, batch.sizes)
    assert Pieces(semantic)(batch)["cross_entropy"].equal(semantic(repainted)["cross_entropy"])
    assert not expected.equal(batch.label_maps)  # water and grass are no objects


def test_padding_does_not_count():
    torch.manual_seed(0)
    small, large = draw_scenes([0], PRESETS["easy"])[0], draw_scenes([1], PRESETS["easy"])[0]
    from lessons_lib.data.crop import crop

    part = crop(small, 0, 0, 60, 40)
    model = Pieces(TinyModel())
    together = model(collate([part, large]))["cross_entropy"]
    weights = [(painted(s.instances, s.label_map == VOID) != VOID).sum() for s in (part, large)]
    alone = [model(collate([s]))["cross_entropy"] for s in (part, large)]
    # convolutions see the padding's black beyond the smaller image's edge, so only about the same
    assert together.item() == pytest.approx(
        (sum(w * loss for w, loss in zip(weights, alone, strict=True)) / sum(weights)).item(), rel=0.02
    )
