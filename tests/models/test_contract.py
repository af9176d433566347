"""What every model of the zoo keeps to, by its task: losses, gradients, predictions in order, one batch learned."""

import math

import pytest
import torch

from lessons_lib.data.sample import VOID, Batch, Instances, collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.contract import pixel_cross_entropy
from lessons_lib.models.instance.recurrent import Recurrent
from lessons_lib.models.zoo import MODELS, TASKS, build_model

CLASSES = 11
SEMANTIC = [name for name, entry in MODELS.items() if entry.task == "semantic"]
OBJECTS = [name for name, entry in MODELS.items() if entry.task != "semantic"]


def fresh(name):
    torch.manual_seed(0)
    return build_model(name, CLASSES)


@pytest.fixture(params=MODELS)
def model(request):
    return fresh(request.param)


@pytest.fixture(params=SEMANTIC)
def semantic(request):
    return fresh(request.param)


@pytest.fixture(params=OBJECTS)
def objects(request):
    return fresh(request.param)


def scenes(count=2):
    return collate(draw_scenes(range(count), PRESETS["easy"]))


def void_of(batch):
    """The batch with every pixel void."""
    return Batch(batch.images, torch.full_like(batch.label_maps, VOID), batch.instances, batch.sizes)


def empty_of(batch):
    """The batch without objects, which are ground now."""
    height, width = batch.images.shape[2:]
    none = Instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, height, width).bool())
    return Batch(batch.images, torch.zeros_like(batch.label_maps), [none] * len(batch), batch.sizes)


def untouched(model) -> list[str]:
    """The parameters that take no part in the losses: no gradient at all, not even zero."""
    return [name for name, parameter in model.named_parameters() if parameter.grad is None]


def test_every_task_is_known():
    assert {entry.task for entry in MODELS.values()} <= set(TASKS)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2), (31, 33), (64, 96)])
def test_logits_at_any_size(semantic, size):
    logits = semantic.logits(torch.rand(2, 3, *size))
    assert logits.shape == (2, CLASSES, *size) and logits.isfinite().all()


def test_losses_have_names_and_are_finite_scalars(model):
    for batch in (scenes(), empty_of(scenes())):
        losses = model(batch)
        assert losses and all(isinstance(name, str) and name for name in losses)
        assert all(loss.shape == () and loss.isfinite() and loss.requires_grad for loss in losses.values())


def test_fresh_weights_lose_what_the_model_expects(model):
    """Within a factor of two, since random score layers are not quite undecided."""
    expected, found = model.expected_losses(), model(scenes())
    assert set(expected) <= set(found)
    for name, value in expected.items():
        assert math.isfinite(value) and 0.5 * value < found[name].item() < 2 * value, name


def test_gradient_reaches_every_parameter(model):
    """In the second step: a score layer that starts at zero passes no gradient on in the first."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.step()
        optimizer.zero_grad()
        sum(model(scenes()).values()).backward()
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.any()] == []


def test_every_parameter_takes_part_without_objects(model):
    sum(model(empty_of(scenes())).values()).backward()
    assert untouched(model) == []


def test_a_batch_of_void_costs_nothing_and_touches_everything(semantic):
    loss = sum(semantic(void_of(scenes())).values())
    loss.backward()
    assert loss == 0 and all(p.grad is not None and not p.grad.any() for p in semantic.parameters())


def test_labels_end_before_the_number_of_classes():
    logits = torch.zeros(1, 3, 1, 2)
    assert pixel_cross_entropy(logits, torch.tensor([[[2, 0]]])).item() == pytest.approx(math.log(3))
    assert pixel_cross_entropy(logits, torch.tensor([[[2, VOID]]])).item() == pytest.approx(math.log(3))  # of one pixel
    for wrong in (3, -1, 254):
        with pytest.raises(ValueError, match=f"label_maps must hold 0 to 2 or 255, got {wrong}"):
            pixel_cross_entropy(logits, torch.tensor([[[2, wrong]]]))


def test_predictions_have_each_images_own_size(semantic):
    sizes = [(1, 1), (37, 52), (700, 500)]
    maps = semantic.predict([torch.rand(3, *size) for size in sizes])
    assert [tuple(m.shape) for m in maps] == sizes and all(m.dtype == torch.int64 for m in maps)


def test_objects_lie_in_each_images_own_pixels_best_first(objects):
    sizes = [(33, 40), (64, 96), (130, 70)]
    for (height, width), found in zip(sizes, objects.predict([torch.rand(3, *size) for size in sizes]), strict=True):
        assert len(found) <= 100 and found.scores.shape == found.labels.shape
        assert (found.scores.diff() <= 0).all() and ((found.scores >= 0) & (found.scores <= 1)).all()
        assert ((found.labels >= 1) & (found.labels < CLASSES)).all()
        x0, y0, x1, y1 = found.boxes.unbind(1)
        assert ((x0 >= 0) & (x0 <= x1) & (x1 <= width) & (y0 >= 0) & (y0 <= y1) & (y1 <= height)).all()
        assert found.masks is None or found.masks.shape == (len(found), height, width)


def test_the_last_stage_is_the_answer(objects):
    image = scenes().images[0]
    with torch.inference_mode():
        *earlier, (name, last) = objects.eval().stages(image)
    assert name == "detections" and earlier and len({stage for stage, _ in earlier}) == len(earlier)
    (found,) = objects.predict([image])
    assert torch.equal(last["instances"].best(100).boxes, found.boxes)


def same(one, other) -> bool:
    if isinstance(one, Instances):
        return one.boxes.equal(other.boxes) and one.labels.equal(other.labels) and one.scores.equal(other.scores)
    return one.equal(other)


def test_predictions_come_in_the_order_of_the_images(model):
    """Each image is answered as it is alone, wherever it stands in the list."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():  # fresh weights may find ground everywhere
            parameter += 0.05 * torch.randn_like(parameter)
        if isinstance(model, Recurrent):  # fresh weights may stop at once, and draw nothing
            model.decoder.stop.bias.fill_(3.0)
            model.decoder.inhibition.bias.fill_(9.0)
    images = list(scenes(3).images)
    alone = [model.predict([image])[0] for image in images]
    assert not all(same(alone[0], answer) for answer in alone[1:])  # or an order could not be seen
    for order in ([0, 1, 2], [2, 0, 1]):
        again = model.predict([images[n] for n in order])
        assert all(same(alone[n], answer) for n, answer in zip(order, again, strict=True))


def test_predict_leaves_the_mode_and_needs_no_gradient(model):
    for training in (True, False):
        model.train(training)
        (answer,) = model.predict([scenes().images[0]])
        assert all(module.training == training for module in model.modules())
        assert not (answer.boxes if isinstance(answer, Instances) else answer).requires_grad
    assert model.predict([]) == []


def learn(model, batch, steps: int, until: float = 0.0) -> tuple[float, float]:
    """The first and the last loss of some steps on one batch; ends early below a share `until` of the first."""
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    first = None
    for _ in range(steps):
        loss = sum(model(batch).values())
        first = loss.item() if first is None else first
        if loss < until * first:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return first, loss.item()


def test_one_batch_is_learned_by_heart(model):
    first, last = learn(model, scenes(), steps=150, until=0.3)
    assert last < 0.3 * first
