"""ConvLSTM: an LSTM whose state is a map and whose matrix products are convolutions.

Shi et al., "Convolutional LSTM Network" (arXiv:1506.04214), equation 3, without the peepholes, as recurrent instance
segmentation uses it (Romera-Paredes and Torr, arXiv:1511.08250, and their code).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lessons_lib.checks import check_ints

State = tuple[Float[Tensor, "B C H W"], Float[Tensor, "B C H W"]]
"""What a cell remembers: (hidden, cell). The hidden map is also its output."""

RANGE = 0.08
"""Weights begin uniform between − and + this, as in the authors' code."""


class ConvLSTMCell(nn.Module):
    """One step: four gates from the input and the hidden map, in the order input, forget, output, candidate.

        c' = σ(forget) · c + σ(input) · tanh(candidate),    h' = σ(output) · tanh(c')

    The gates are the sum of two convolutions that keep the size, `from_input` and `from_hidden`, both with a bias.
    `kernel_size` is odd. Input and forget gates begin open: their bias from the input is `open_bias`, 1 in the authors'
    code, which opens the output gate too. Where the input is the same at every step, `gates_of(x)` is computed once and
    handed to `step`.

    >>> cell = ConvLSTMCell(3, 8)
    >>> h, c = cell(torch.zeros(1, 3, 5, 5))
    >>> h.shape
    torch.Size([1, 8, 5, 5])
    """

    def __init__(self, c_in: int, c_hidden: int, kernel_size: int = 3, open_bias: float = 1.0) -> None:
        super().__init__()
        check_ints(1, c_in=c_in, c_hidden=c_hidden, kernel_size=kernel_size)
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, so that the map keeps its size, got {kernel_size}")
        self.c_hidden = c_hidden
        self.from_input = nn.Conv2d(c_in, 4 * c_hidden, kernel_size, padding=kernel_size // 2)
        self.from_hidden = nn.Conv2d(c_hidden, 4 * c_hidden, kernel_size, padding=kernel_size // 2)
        with torch.no_grad():
            for parameter in self.parameters():
                nn.init.uniform_(parameter, -RANGE, RANGE)
            self.from_input.get_parameter("bias")[: 2 * c_hidden] = open_bias

    def forward(self, x: Float[Tensor, "B C_in H W"], state: State | None = None) -> State:
        """The next state, from zeros where there is none yet."""
        return self.step(self.gates_of(x), state)

    def gates_of(self, x: Float[Tensor, "B C_in H W"]) -> Float[Tensor, "B C4 H W"]:
        """What the input adds to the four gates."""
        return self.from_input(x)

    def step(self, gates: Float[Tensor, "B C4 H W"], state: State | None = None) -> State:
        """The next state from what the input added to the gates."""
        h, c = self.start(gates) if state is None else state
        enter, forget, out, candidate = (gates + self.from_hidden(h)).chunk(4, dim=1)
        c = forget.sigmoid() * c + enter.sigmoid() * candidate.tanh()
        return out.sigmoid() * c.tanh(), c

    def start(self, like: Float[Tensor, "B _ H W"]) -> State:
        """The state before the first step: zeros, of the size, dtype and device of `like`."""
        zeros = like.new_zeros(like.shape[0], self.c_hidden, *like.shape[2:])
        return zeros, zeros
