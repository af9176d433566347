"""Lesson 20, exercise 3: the loader of a fine-tuning, which takes everything but the heads."""

import torch
from torch import nn

from lessons_lib.course.exercises.engine.comparing import Findings
from lessons_lib.course.exercises.engine.exercise import Exercise


def small_net(classes, generator):
    """A trunk with BatchNorm, and two heads."""
    net = nn.ModuleDict({
        "trunk": nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2)),
        "head": nn.Linear(2, classes),
        "header": nn.Linear(2, 2),
    })  # fmt: skip
    with torch.no_grad():
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator).half() + 0.5)
    return net


def begin_cases():
    """Heads for other classes, heads of the same shape, two heads, weights in half precision and in another order."""
    generator = torch.Generator().manual_seed(203)
    cases = []
    for classes, theirs, heads, half, turned in (
        (3, 5, ["head"], False, False),
        (3, 3, ["head"], False, True),
        (2, 4, ["head"], True, False),
        (2, 2, ["head", "header"], False, True),
        (2, 2, [], False, False),
    ):
        state = small_net(theirs, generator).state_dict()
        weights = {name: t.half() if half and t.is_floating_point() else t.clone() for name, t in state.items()}
        weights = dict(reversed(weights.items())) if turned else weights
        cases.append({"model": small_net(classes, generator), "weights": weights, "heads": heads})
    return cases


def begin_with(model, weights, heads):
    """Give the model these weights, but for the layers in `heads`; return the names that were left as they are."""
    left = [name for name in model.state_dict() if name.rpartition(".")[0] in heads]
    taken = {name: tensor for name, tensor in weights.items() if name not in left}
    model.load_state_dict(taken, strict=False)
    return left


def used(begin):
    """What the model holds afterwards, of which kind, whether it still learns, and whether the weights stay whole."""

    def use(model, weights, heads):
        before = {name: tensor.clone() for name, tensor in weights.items()}
        found = Findings({"the names that were left": begin(model, weights, heads)})
        for name, tensor in model.state_dict().items():
            found[f"{name} afterwards"] = tensor.clone()
        found["the number of parameters that learn"] = sum(p.requires_grad for p in model.parameters())
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(1.0)  # as a step of training does
        same = all(torch.equal(weights[name], tensor) for name, tensor in before.items())
        found["weights that a step of training has not changed"] = same
        return found

    return use


BEGIN = Exercise(
    "20.3",
    "Begin with trained weights",
    difficulty=3,
    minutes=25,
    oracle=begin_with,
    cases=begin_cases,
    trial=used,
    hints=(
        "model.state_dict() names everything that a trained model holds: weights, and BatchNorm's statistics too.",
        "A layer's name is the weight's name without its last part: name.rpartition('.')[0]. Take what does not belong "
        "to a head, and leave it to load_state_dict to copy, which also keeps the model's precision.",
        "left = [name for name in model.state_dict() if name.rpartition('.')[0] in heads]; then "
        "model.load_state_dict({…the others…}, strict=False), and return left.",
    ),
)
BEGIN.model(begin_with)


@BEGIN.flags(
    into_a_copy="This looks like weights put into the dict that state_dict() returned. The dict is new: the model "
    "never hears of it. Copy into its tensors, or call load_state_dict.",
    no_statistics="This looks like parameters() alone. BatchNorm's running mean and variance are no parameters, and "
    "without them the trunk sees with wrong statistics. state_dict() has them.",
    by_position="This looks like weights matched by their position. A file may have another order: match names.",
    heads_that_fit="This looks like heads that were taken because their shape fits. Three other classes are three "
    "other classes: what is in `heads` begins anew.",
    begins_alike="This looks like every name that begins with a head's name. 'header' begins with 'head' and is "
    "another layer: compare the layer's whole name.",
    names_taken="This looks like the names that were taken. Return those that were left.",
    frozen="This looks like weights that no longer learn. Fine-tuning goes on with all of them.",
    precision="This looks like tensors put in the place of the model's own, with the file's precision. The file may "
    "hold float16: copy the values, keep the dtype.",
)
def wrong_begin(
    model, weights, heads, *, into_a_copy=False, no_statistics=False, by_position=False, heads_that_fit=False,
    begins_alike=False, names_taken=False, frozen=False, precision=False,
):  # fmt: skip
    state = model.state_dict()
    names = [name for name, _ in model.named_parameters()] if no_statistics else list(state)
    if begins_alike:
        left = [name for name in state if any(name.startswith(head) for head in heads)]
    else:
        left = [name for name in state if name.rpartition(".")[0] in heads]
    pairs = list(zip(state, weights.values(), strict=True)) if by_position else list(weights.items())
    for name, tensor in pairs:
        fits = tensor.shape == state[name].shape
        if name not in names or not fits or (name in left and not heads_that_fit):
            continue
        if into_a_copy:
            state[name] = tensor
        elif precision and name in dict(model.named_parameters()):
            model.get_parameter(name).data = tensor.clone()
        else:
            state[name].copy_(tensor)
    if frozen:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in left)
    return [name for name in state if name not in left] if names_taken else left


@BEGIN.mistake(
    "This looks like one memory for both: parameter.data = tensor makes the model learn inside the weights that it was "
    "given, and the next model that begins with them begins somewhere else. Copy the values."
)
def shares_the_memory(model, weights, heads):
    left = [name for name in model.state_dict() if name.rpartition(".")[0] in heads]
    model.load_state_dict({name: tensor for name, tensor in weights.items() if name not in left}, strict=False)
    for name, parameter in model.named_parameters():
        if name not in left and weights[name].dtype == parameter.dtype:
            parameter.data = weights[name]
    return left
