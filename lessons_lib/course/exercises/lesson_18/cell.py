"""Lesson 18, exercise 3: a ConvLSTM cell."""

import functools

import torch
from torch import nn

from lessons_lib.course.exercises.engine.building import built
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.instance.conv_lstm import ConvLSTMCell as LibraryConvLSTMCell


class LibraryCell(LibraryConvLSTMCell):
    """The library's cell, with the candidate's bias at 0 where the library draws it."""

    def __init__(self, c_in, c_hidden, kernel_size):
        super().__init__(c_in, c_hidden, kernel_size)
        opened(self.from_input, c_hidden)


def opened(layer, c_hidden):
    """The three gates of a layer begin open, the candidate at 0."""
    with torch.no_grad():
        layer.bias[: 3 * c_hidden] = 1
        layer.bias[3 * c_hidden :] = 0


def cell_cases():
    """One image with a state, several with another kernel, and a first step, which has no state yet."""
    generator = torch.Generator().manual_seed(3)
    cases = []
    for images, c_in, c_hidden, kernel_size, state in ((1, 1, 1, 3, True), (2, 3, 2, 1, True), (2, 2, 3, 3, False)):
        made = {"c_in": c_in, "c_hidden": c_hidden, "kernel_size": kernel_size}
        made["x"] = torch.randn(images, c_in, 3, 4, generator=generator)
        for name in ("h", "c") if state else ():
            made[name] = torch.randn(images, c_hidden, 3, 4, generator=generator)
        cases.append(made)
    return cases


def distance_from_a_half(state):
    """A loss that any cell can learn."""
    return (state - 0.5).square().mean()


TRIAL = built(LibraryCell, distance_from_a_half, start_values=("from_input.bias",))


def with_one_output(make):
    """The trial for cells: hidden and cell map go in by their names, and come out in one tensor."""

    def made(**settings):
        cell = make(**settings)
        forward = cell.forward

        def joined(x, h=None, c=None):
            state = forward(x) if h is None else forward(x, (h, c))
            return torch.stack(state) if isinstance(state, tuple) else state

        cell.forward = joined
        return cell

    return TRIAL(made)


CELL = Exercise(
    "18.3",
    "Build a ConvLSTM cell",
    oracle=LibraryCell,
    cases=cell_cases,
    trial=with_one_output,
    difficulty=3,
    minutes=30,
    hints=(
        "Two layers: self.from_input reads x, self.from_hidden reads h; both have 4 · c_hidden output channels and "
        "padding=kernel_size // 2. In __init__, under torch.no_grad(), set the bias of from_input.",
        "The sum of the two layers' outputs, cut into four with .chunk(4, 1): input, forget, output gate, candidate. "
        "Without a state h and c are zeros: torch.zeros(B, c_hidden, H, W).",
        "c = f.sigmoid() * c + i.sigmoid() * g.tanh(); h = o.sigmoid() * c.tanh() with the new c; return h, c.",
    ),
)


@CELL.model
class ConvLSTMCell(nn.Module):
    def __init__(self, c_in, c_hidden, kernel_size):
        super().__init__()
        self.from_input = nn.Conv2d(c_in, 4 * c_hidden, kernel_size, padding=kernel_size // 2)
        self.from_hidden = nn.Conv2d(c_hidden, 4 * c_hidden, kernel_size, padding=kernel_size // 2)
        with torch.no_grad():
            self.from_input.bias.copy_(torch.tensor([1.0, 1.0, 1.0, 0.0]).repeat_interleave(c_hidden))

    def forward(self, x, state=None):
        gates = self.from_input(x)
        zeros = torch.zeros_like(gates[:, : gates.shape[1] // 4])
        h, c = (zeros, zeros) if state is None else state
        i, f, o, g = (gates + self.from_hidden(h)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class OtherCell(nn.Module):
    """The cell with some of its parts exchanged."""

    def __init__(self, c_in, c_hidden, kernel_size, *, torch_order=False, forget_first=False, no_tanh=False,
                 squashed=False, old_cell=False, no_memory=False, coupled=False, open_input=False, closed=False,
                 ones=False, one_bias=False, c_before_h=False, only_h=False):  # fmt: skip
        super().__init__()
        self.from_input = nn.Conv2d(c_in, 4 * c_hidden, kernel_size, padding=kernel_size // 2)
        self.from_hidden = nn.Conv2d(c_hidden, 4 * c_hidden, kernel_size, padding=kernel_size // 2, bias=not one_bias)
        opened(self.from_input, 0 if closed else 2 * c_hidden if ones else c_hidden)
        self.order = (0, 1, 3, 2) if torch_order else (1, 0, 2, 3) if forget_first else (0, 1, 2, 3)
        self.no_tanh, self.squashed, self.old_cell, self.no_memory = no_tanh, squashed, old_cell, no_memory
        self.coupled, self.open_input, self.c_before_h, self.only_h = coupled, open_input, c_before_h, only_h

    def forward(self, x, state=None):
        gates = self.from_input(x)
        zeros = torch.zeros_like(gates[:, : gates.shape[1] // 4])
        h, c = (zeros, zeros) if state is None else state
        parts = (gates + self.from_hidden(h)).chunk(4, dim=1)
        i, f, o, g = (parts[place] for place in self.order)
        enter = i if self.open_input else i.sigmoid()
        kept = (1 - i.sigmoid() + 0 * f if self.coupled else f.sigmoid()) * (0 if self.no_memory else 1)
        new = kept * c + enter * (g.sigmoid() if self.squashed else g.tanh())
        shown = c if self.old_cell else new
        h = o.sigmoid() * (shown if self.no_tanh else shown.tanh())
        return h if self.only_h else (new, h) if self.c_before_h else (h, new)


@CELL.flags(
    torch_order="This looks like the order of torch's own LSTM: input, forget, candidate, output. Here it is input, "
    "forget, output, candidate, as in the authors' code.",
    no_tanh="This looks like h = σ(o) · c'. The cell map grows beyond 1; its tanh keeps the hidden map within ±1.",
    squashed="This looks like a sigmoid on the candidate. It is a tanh, so that a step can also take something away.",
    old_cell="This looks like a hidden map made of the old cell map. First the new c', then h' from it.",
    closed="This looks like gates whose bias begins elsewhere. Input, forget and output gate of from_input begin at 1, "
    "so that the memory lasts from the first training step on; the candidate at 0.",
    c_before_h="This looks like (c, h). The hidden map, which the next layer reads, comes first.",
)
class WrongCell(OtherCell):
    """Mistakes that are made together."""

    def __init__(self, c_in, c_hidden, kernel_size, *, torch_order=False, no_tanh=False, squashed=False,
                 old_cell=False, closed=False, c_before_h=False):  # fmt: skip
        super().__init__(
            c_in, c_hidden, kernel_size, torch_order=torch_order, no_tanh=no_tanh, squashed=squashed, old_cell=old_cell,
            closed=closed, c_before_h=c_before_h,
        )  # fmt: skip


ALONE = {
    "forget_first": "This looks like the forget gate before the input gate. The order is input, forget, output, last "
    "the candidate.",
    "no_memory": "This looks like a cell that forgets everything: c' = σ(f) · c + σ(i) · tanh(g), and the first term "
    "is the memory of what has been drawn.",
    "coupled": "This looks like 1 − σ(i) in place of the forget gate, as a GRU has it. Here both gates are learned.",
    "open_input": "This looks like a gate without its sigmoid: the input gate is a share, from 0 to 1.",
    "ones": "This looks like a bias of 1 in all four parts. The candidate is no gate: its bias begins at 0.",
    "one_bias": "This looks like one bias for both layers. Both have their own, as in the authors' code.",
    "only_h": "This looks like a cell that returns h alone. The next step needs c too: return h, c.",
}
for _name, _message in ALONE.items():
    CELL.mistake(_message)(
        type(_name, (OtherCell,), {"__init__": functools.partialmethod(OtherCell.__init__, **{_name: True})})
    )


@CELL.mistake(
    "This looks like one convolution over x and h together. It computes the same kind of sum, but x is the same at "
    "every step: with two layers, from_input and from_hidden, its part is computed once."
)
class Together(nn.Module):
    """As Salvador and others have it."""

    def __init__(self, c_in, c_hidden, kernel_size):
        super().__init__()
        self.gates = nn.Conv2d(c_in + c_hidden, 4 * c_hidden, kernel_size, padding=kernel_size // 2)
        self.c_hidden = c_hidden

    def forward(self, x, state=None):
        zeros = x.new_zeros(len(x), self.c_hidden, *x.shape[2:])
        h, c = (zeros, zeros) if state is None else state
        i, f, o, g = self.gates(torch.cat([x, h], 1)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c
