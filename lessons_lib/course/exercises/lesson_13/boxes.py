"""Lesson 13, exercises 5 and 6: a box as four numbers, and the network that predicts them."""

import torch
from torch.func import functional_call
from torch.nn import functional as F

from lessons_lib.course.bugs.prices import price
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.instance.rpn import RPNHead
from lessons_lib.ops import box_coding

# 13.5


def encode_cases():
    """A shift and a growth by hand; boxes and anchors of many sizes, with the weights of Fast R-CNN's head; none."""
    generator = torch.Generator().manual_seed(5)

    def some(count):
        corner = torch.rand(count, 2, generator=generator, dtype=torch.float64) * 50
        return torch.cat([corner, corner + 4 + torch.rand(count, 2, generator=generator, dtype=torch.float64) * 40], 1)

    first = torch.tensor([[2.0, 1.0, 18.0, 9.0]], dtype=torch.float64)
    anchor = torch.tensor([[0.0, 0.0, 8.0, 4.0]], dtype=torch.float64)
    return [
        {"boxes": first, "anchors": anchor, "weights": (10.0, 10.0, 5.0, 5.0)},
        {"boxes": some(4), "anchors": some(4), "weights": (1.0, 1.0, 1.0, 1.0)},
        {"boxes": some(3), "anchors": some(3), "weights": (10.0, 10.0, 5.0, 5.0)},
        {"boxes": some(0), "anchors": some(0), "weights": (1.0, 1.0, 1.0, 1.0)},
    ]


ENCODE = Exercise(
    "13.5",
    "A box as four numbers",
    difficulty=2,
    minutes=15,
    oracle=box_coding.encode_boxes,
    cases=encode_cases,
    hints=(
        "First middles and sizes: size = boxes[:, 2:] − boxes[:, :2], middle = boxes[:, :2] + size / 2; the same for "
        "anchors.",
        "The shift is (middle − anchor middle) / anchor size, the growth log(size / anchor size).",
        "torch.cat([shift, growth], 1) * torch.tensor(weights): one weight for each of the four columns.",
    ),
)


@ENCODE.model
def encode_boxes(boxes, anchors, weights):
    size, own = boxes[:, 2:] - boxes[:, :2], anchors[:, 2:] - anchors[:, :2]
    middle, own_middle = boxes[:, :2] + size / 2, anchors[:, :2] + own / 2
    codes = torch.cat([(middle - own_middle) / own, (size / own).log()], 1)
    return codes * torch.tensor(weights, dtype=codes.dtype)


def encoded_with(boxes, anchors, weights, plus=0.0, divide_by="anchor", weigh=1, order=(0, 1, 2, 3), **parts):
    """Codes with one of the parts exchanged; `weigh` is the power of the weights."""
    size, own = boxes[:, 2:] - boxes[:, :2] + plus, anchors[:, 2:] - anchors[:, :2] + plus
    middle, own_middle = boxes[:, :2] + size / 2, anchors[:, :2] + own / 2
    if parts.get("corner"):
        middle, own_middle = boxes[:, :2], anchors[:, :2]
    unit = {"anchor": own, "box": size, "nothing": torch.ones_like(own)}[divide_by]
    growth = (size / own).log() if parts.get("log", True) else size / own - 1
    codes = torch.cat([(middle - own_middle) / unit, growth], 1)[:, list(order)]
    return codes * torch.tensor(weights, dtype=codes.dtype) ** weigh


@ENCODE.mistake(
    "This looks like widths with +1. Where ends are exclusive, a box from 0 to 8 is 8 wide; the +1 belongs to an old "
    "convention that counts the last pixel in." + price("widths with +1")
)
def adds_one(boxes, anchors, weights):
    return encoded_with(boxes, anchors, weights, plus=1.0)


@ENCODE.mistake("This looks like the shift of the corner. The code moves the *middle*, and then grows around it.")
def moves_the_corner(boxes, anchors, weights):
    return encoded_with(boxes, anchors, weights, corner=True)


@ENCODE.mistake(
    "This looks like a shift in pixels. It is measured in sizes of the anchor, so that one shift means the same for "
    "small "
    "and large anchors."
)
def counts_pixels(boxes, anchors, weights):
    return encoded_with(boxes, anchors, weights, divide_by="nothing")


@ENCODE.mistake(
    "This looks like a shift in sizes of the box. Whoever decodes knows the anchor's size only, so the anchor is the "
    "unit."
)
def divides_by_the_box(boxes, anchors, weights):
    return encoded_with(boxes, anchors, weights, divide_by="box")


@ENCODE.mistake(
    "This looks like a growth without the logarithm. With it a factor of 2 and one of 1/2 are equally far from 0, and "
    "the "
    "decoded size can never be negative."
)
def forgets_the_logarithm(boxes, anchors, weights):
    return encoded_with(boxes, anchors, weights, log=False)


@ENCODE.mistake("This looks like the weights left out: each of the four numbers is multiplied by its own.")
def forgets_the_weights(boxes, anchors, weights):
    return encoded_with(boxes, anchors, weights, weigh=0)


@ENCODE.mistake(
    "This looks like codes divided by the weights. Encoding multiplies, decoding divides; with one convention here and "
    "another there no box comes back."
)
def divides_by_the_weights(boxes, anchors, weights):
    return encoded_with(boxes, anchors, weights, weigh=-1)


@ENCODE.mistake(
    "This looks like another order: the two shifts come first (x, y), then the two growths (width, height)."
)
def mixes_the_order(boxes, anchors, weights):
    return encoded_with(boxes, anchors, weights, order=(0, 2, 1, 3))


# 13.6

NAMES = ("convs.0.weight", "convs.0.bias", "objectness.weight", "objectness.bias", "deltas.weight", "deltas.bias")


def head_cases():
    """Maps that are not square, two images, two and three anchors, and one cell."""
    generator = torch.Generator().manual_seed(6)

    def draw(*shape):
        return torch.randn(shape, generator=generator)

    cases = []
    for b, c, h, w, a in ((1, 2, 2, 3, 2), (2, 3, 3, 2, 3), (1, 2, 1, 1, 2)):
        case = {"maps": draw(b, c, h, w), "conv_weight": draw(c, c, 3, 3), "conv_bias": draw(c)}
        case |= {"object_weight": draw(a, c, 1, 1), "object_bias": draw(a)}
        cases.append(case | {"delta_weight": draw(4 * a, c, 1, 1), "delta_bias": draw(4 * a)})
    return cases


def library_rpn_head(maps, conv_weight, conv_bias, object_weight, object_bias, delta_weight, delta_bias):
    """The library's module with these weights; (B, N) and (B, N, 4)."""
    head = RPNHead(maps.shape[1], len(object_bias))
    weights = (conv_weight, conv_bias, object_weight, object_bias, delta_weight, delta_bias)
    objectness, deltas = functional_call(head, dict(zip(NAMES, weights, strict=True)), ([maps],))
    return objectness[0], deltas[0]


HEAD = Exercise(
    "13.6",
    "Build the RPN's head",
    difficulty=3,
    minutes=25,
    oracle=library_rpn_head,
    cases=head_cases,
    gradients=True,
    hints=(
        "Three convolutions: x = relu(3 × 3 of maps, padding 1); objectness = 1 × 1 of x; deltas = 1 × 1 of x.",
        "Anchors are ordered row, column, shape. permute(0, 2, 3, 1) makes (B, A, H, W) into (B, H, W, A).",
        "objectness.permute(0, 2, 3, 1).flatten(1), and deltas.permute(0, 2, 3, 1).reshape(B, −1, 4): the 4A channels "
        "are "
        "A groups of four.",
    ),
)


@HEAD.model
def rpn_head(maps, conv_weight, conv_bias, object_weight, object_bias, delta_weight, delta_bias):
    x = F.relu(F.conv2d(maps, conv_weight, conv_bias, padding=1))
    objectness = F.conv2d(x, object_weight, object_bias).permute(0, 2, 3, 1).flatten(1)
    deltas = F.conv2d(x, delta_weight, delta_bias).permute(0, 2, 3, 1)
    return objectness, deltas.reshape(len(maps), -1, 4)


def head_with(maps, cw, cb, ow, ob, dw, db, relu=True, cells_first=True, **parts):
    """The head with one of the parts exchanged."""
    x = F.conv2d(maps, cw, cb, padding=1)
    x = F.relu(x) if relu else x
    objectness, deltas = F.conv2d(x, ow, ob), F.conv2d(maps if parts.get("from_maps") else x, dw, db)
    objectness = objectness.sigmoid() if parts.get("sigmoid") else objectness
    if cells_first:
        objectness, deltas = objectness.permute(0, 2, 3, 1), deltas.permute(0, 2, 3, 1)
    if parts.get("four_first"):
        return objectness.flatten(1), deltas.unflatten(3, (4, -1)).transpose(3, 4).reshape(len(maps), -1, 4)
    return objectness.flatten(1), deltas.reshape(len(maps), -1, 4)


@HEAD.mistake(
    "This looks like answers flattened as they come, (A, H, W). Anchors are ordered row, column, shape: without the "
    "permutation almost every answer goes to another anchor, and no error tells you." + price("flat before permuted")
)
def forgets_to_permute(*args, **weights):
    return head_with(*args, *weights.values(), cells_first=False)


@HEAD.mistake(
    "This looks like a head without its ReLU: two linear layers in a row are one, and cannot learn more than one."
)
def forgets_the_relu(*args, **weights):
    return head_with(*args, *weights.values(), relu=False)


@HEAD.mistake(
    "This looks like a sigmoid in the head. The loss works on logits and applies its own; two of them in a row "
    "flatten the "
    "gradient."
)
def applies_the_sigmoid(*args, **weights):
    return head_with(*args, *weights.values(), sigmoid=True)


@HEAD.mistake(
    "This looks like the 4A channels read as four groups of A. They are A groups of four: the four numbers of one "
    "anchor lie "
    "side by side."
)
def reads_four_groups(*args, **weights):
    return head_with(*args, *weights.values(), four_first=True)


@HEAD.mistake(
    "This looks like deltas from the maps themselves. Both 1 × 1 convolutions read what the 3 × 3 convolution and its "
    "ReLU "
    "made."
)
def reads_the_maps(*args, **weights):
    return head_with(*args, *weights.values(), from_maps=True)
