"""Exercises whose answer is a class: a layer, a head or a block, judged by what it has, computes and learns."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lessons_lib.course.exercises.engine.comparing import Findings
from lessons_lib.course.exercises.engine.describing import constructor_arguments, shape

STEPS = 30
LEARNING_RATE = 0.02


def built(
    reference: type[nn.Module],
    loss: Callable[[Tensor], Tensor],
    start: bool = False,
    start_values: Sequence[str] = (),
) -> Callable[[Callable[..., nn.Module]], Callable[..., Findings]]:
    """The trial of a class: what an object of it has, computes and learns, to compare with the library's `reference`.

    A case holds the arguments of the constructor and of forward, by their names. Compared are the names and shapes of
    the parameters and buffers; of a fresh object the parameters named in start_values, and with `start` the output;
    with the same drawn weights in both the output, and the gradients of forward's inputs and of the weights; and, in
    cases of one image, whether 30 steps of Adam halve loss(output).
    """
    arguments = constructor_arguments(reference)

    def trial(make: Callable[..., nn.Module]) -> Callable[..., Findings]:
        def use(**case: Any) -> Findings:
            made = {name: value for name, value in case.items() if name in arguments}
            inputs = {name: value for name, value in case.items() if name not in arguments}
            with torch.random.fork_rng(devices=[]), torch.enable_grad():
                torch.manual_seed(0)
                module, right = make(**made), reference(**made)
                found = Findings({"its parameters": _parameters(module)})
                if found["its parameters"] != _parameters(right):
                    return found
                fresh = module.state_dict()
                found |= {f"the first value of {name}": fresh[name].clone() for name in start_values}
                if start:
                    found["the output before any training"] = module(**inputs).detach()
                _draw_weights(module)
                found |= _computed(module, inputs)
                if all(len(value) == 1 for value in inputs.values() if isinstance(value, Tensor)):
                    found[f"a loss that {STEPS} steps halve"] = _learns(make(**made), inputs, loss)
                return found

        return use

    return trial


def _parameters(module: nn.Module) -> Findings:
    """The shape of each parameter and buffer."""
    return Findings({f"a parameter {name}": shape(value) for name, value in sorted(module.state_dict().items())})


def _draw_weights(module: nn.Module) -> None:
    """The same weights for every module with the same names."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _, parameter in sorted(module.named_parameters()):
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))


def _computed(module: nn.Module, inputs: dict[str, Any]) -> dict[str, Any]:
    """The output, and the gradients of its sum with fixed random weights."""
    leaves = {name: value for name, value in inputs.items() if isinstance(value, Tensor) and value.is_floating_point()}
    leaves = {name: value.clone().requires_grad_() for name, value in leaves.items()}
    output = module(**inputs | leaves)
    found: dict[str, Any] = {"the output": output.detach()}
    leaves |= dict(sorted(module.named_parameters()))
    names = [name for name, leaf in leaves.items() if leaf.requires_grad]
    gradients: list[Tensor | None] = [None] * len(names)
    if output.requires_grad:
        weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(0)).to(output)
        total = (output * weights).sum()
        gradients = list(torch.autograd.grad(total, [leaves[name] for name in names], allow_unused=True))
    arrived = {name: gradient for name, gradient in zip(names, gradients, strict=True) if gradient is not None}
    for name in leaves:
        found[f"a gradient that reaches {name}"] = name in arrived
    return found | {f"the gradient of {name}": gradient for name, gradient in arrived.items()}


def _learns(module: nn.Module, inputs: dict[str, Any], loss: Callable[[Tensor], Tensor]) -> bool:
    """Whether some steps of Adam on one image at least halve its loss.

    Adam is written out: torch.optim loads a compiler first, for seconds that would count as the learner's.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    moments = [(torch.zeros_like(parameter), torch.zeros_like(parameter)) for parameter in parameters]
    losses = []
    for step in range(1, STEPS + 2):
        value = loss(module(**inputs))
        if not value.requires_grad or not parameters:
            return False
        losses.append(value.item())
        gradients = torch.autograd.grad(value, parameters, allow_unused=True)
        with torch.no_grad():
            for parameter, gradient, (mean, square) in zip(parameters, gradients, moments, strict=True):
                if gradient is not None:
                    mean.lerp_(gradient, 0.1)
                    square.lerp_(gradient.square(), 0.001)
                    size = (square / (1 - 0.999**step)).sqrt() + 1e-8
                    parameter.sub_(LEARNING_RATE * mean / (1 - 0.9**step) / size)
    return losses[-1] < 0.5 * losses[0]
