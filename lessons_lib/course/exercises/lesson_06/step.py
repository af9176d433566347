"""Exercise 06.6: one step of training."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lessons_lib.course.exercises.engine.comparing import Findings
from lessons_lib.course.exercises.engine.exercise import Exercise

STEPS = 2


def training_step(model, optimizer, images, label_maps):
    """Change the model's weights by one step, and return the loss of this batch as a plain number."""
    model.train()
    loss = F.cross_entropy(model(images), label_maps, ignore_index=255)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_cases():
    """Small networks with batch normalisation, in the mode in which evaluation leaves them; void in one of them."""
    generator = torch.Generator().manual_seed(66)
    cases = []
    for classes, shape, void in ((2, (1, 2, 2), 0.0), (2, (2, 3, 3), 0.0), (3, (2, 3, 4), 0.3)):
        layers = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, classes, 1)
        model = nn.Sequential(*layers).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
        labels = torch.randint(classes, shape, generator=generator)
        cases.append(
            {
                "model": model,
                "optimizer": torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
                "images": torch.rand(shape[0], 3, *shape[1:], generator=generator),
                "label_maps": torch.where(torch.rand(shape, generator=generator) < void, 255, labels),
            }
        )
    return cases


def two_steps(step: Callable[..., Any]) -> Callable[..., Findings]:
    """Use the step twice on one batch, with gradients left over from before, and look at the model after each."""

    def use(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, label_maps: Tensor) -> Findings:
        first, *_, last = model.parameters()
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        arrivals: list[Tensor] = []
        moves: list[int] = []
        optimizer.register_step_post_hook(lambda *_: moves.append(1))
        last.register_post_accumulate_grad_hook(arrivals.append)
        found = Findings()
        for i in range(1, STEPS + 1):
            loss = step(model, optimizer, images, label_maps)
            found[f"the loss of step {i}"] = loss
            found[f"a loss of step {i} that still holds its graph"] = isinstance(loss, Tensor) and loss.requires_grad
            found[f"the number of times that backward() has reached the weights by step {i}"] = len(arrivals)
            found[f"the number of calls of optimizer.step() by step {i}"] = len(moves)
            found[f"the first layer's weight after step {i}"] = first.detach().clone()
            found[f"the last layer's bias after step {i}"] = last.detach().clone()
        return found

    return use


STEP = Exercise(
    "06.6",
    "One step of training",
    difficulty=2,
    minutes=15,
    oracle=training_step,
    cases=step_cases,
    trial=two_steps,
    hints=(
        "Five things, in this order: training mode, the loss of this batch, no old gradients, new gradients, the step.",
        "loss.backward() adds to the gradients that are there; optimizer.step() uses what is there. So zero_grad() "
        "comes "
        "before backward(), and step() after it.",
        "model.train(); loss = F.cross_entropy(model(images), label_maps, ignore_index=255); optimizer.zero_grad(); "
        "loss.backward(); optimizer.step(); return loss.item().",
    ),
)
STEP.model(training_step)


@STEP.flags(
    no_zero_grad="This looks like gradients that pile up: backward() adds to what earlier steps left. "
    "optimizer.zero_grad() "
    "belongs before it.",
    step_first="This looks like a step before backward(): it moves the weights by the gradients of the step before.",
    zero_between="This looks like zero_grad() between backward() and step(): the new gradients are gone before they "
    "are "
    "used.",
    no_step="This looks like a step that moves nothing: optimizer.step() is missing.",
    no_backward="This looks like a step without new gradients: loss.backward() is missing.",
    eval_mode="This looks like training in eval mode, in which evaluation left the model: normalisation then uses old "
    "statistics and dropout is off. model.train() first.",
    void_counts="This looks like a loss that does not leave void out, so a label of 255 is an error: ignore_index=255.",
    summed="This looks like a sum over the pixels: the step grows with the image. The loss is a mean.",
    softmaxed="This looks like a softmax before cross_entropy, which makes one itself.",
    later_loss="This looks like the loss after the step. Return the loss from which the gradients came.",
    keeps_graph="This looks like a loss that still holds its graph: whoever collects losses then collects all those "
    "graphs. "
    "loss.item() is the number alone.",
)
def wrong_step(
    model,
    optimizer,
    images,
    label_maps,
    *,
    no_zero_grad=False,
    step_first=False,
    zero_between=False,
    no_step=False,
    no_backward=False,
    eval_mode=False,
    void_counts=False,
    summed=False,
    softmaxed=False,
    later_loss=False,
    keeps_graph=False,
):
    def loss_now():
        logits = model(images).softmax(1) if softmaxed else model(images)
        ignored = {} if void_counts else {"ignore_index": 255}
        return F.cross_entropy(logits, label_maps, reduction="sum" if summed else "mean", **ignored)

    model.train(not eval_mode)
    if step_first:
        optimizer.step()
    loss = loss_now()
    if not (no_zero_grad or zero_between):
        optimizer.zero_grad()
    if not no_backward:
        loss.backward()
    if zero_between:
        optimizer.zero_grad()
    if not (no_step or step_first):
        optimizer.step()
    loss = loss_now() if later_loss else loss
    return loss if keeps_graph else loss.item()
