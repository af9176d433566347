"""A bug as data: which function of the library it spoils, and how. `planted` puts it in and takes it out again."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Bug:
    """A mistake that runs without an error message.

    name: as in results/bugs.json. says: what is wrong, in one sentence. source: where people made it, or "".
    targets: what is exchanged, each a module below lessons_lib and a name in it: "models.instance.rpn:match".
    wrong: gets the right function, and returns the one that stands in for it.
    learns: whether a network with the bug learns another thing; otherwise only its predictions are wrong.
    options: of the model's builder, where the bug is a choice that the library offers.
    """

    name: str
    says: str
    source: str
    targets: tuple[str, ...]
    wrong: Callable[[Callable[..., Any]], Callable[..., Any]]
    learns: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Inside the `with` block the library has the bug; after it, also after an error, it is as it was.

    A model's anchors are made when it is built, so build it inside the block too.
    """
    places = [_find(target) for target in bug.targets]
    right = [getattr(owner, name) for owner, name in places]
    try:
        for (owner, name), function in zip(places, right, strict=True):
            setattr(owner, name, bug.wrong(function))
        yield
    finally:
        for (owner, name), function in zip(places, right, strict=True):
            setattr(owner, name, function)


def _find(target: str) -> tuple[Any, str]:
    """The module or class that a target's name is looked up in, and the name."""
    module, _, path = target.partition(":")
    *outer, name = path.split(".")
    owner: Any = importlib.import_module(f"lessons_lib.{module}")
    for part in outer:
        owner = getattr(owner, part)
    if not hasattr(owner, name):
        raise ValueError(f"targets must name functions of the library, got {target!r}")
    return owner, name
