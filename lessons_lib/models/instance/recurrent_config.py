"""The settings of recurrent instance segmentation, and the variants of those who came after."""

from dataclasses import dataclass

from lessons_lib.checks import check_ints
from lessons_lib.ops.coverage import VARIANTS

MATCHINGS = ("best", "greedy", "order")


@dataclass(frozen=True)
class RecurrentConfig:
    """Romera-Paredes and Torr, "Recurrent Instance Segmentation" (arXiv:1511.08250), at the scale of the lessons.

    steps: the most masks that are drawn, one more than the most objects, so that there is a step to stop at.
    start_steps, grow_every: the curriculum. Training begins with `start_steps` masks an image and draws one more after
        every `grow_every` training steps, up to `steps`; 0: all from the beginning. (The paper starts anew with a
        longer sequence from the weights of the shorter one.)
    width: channels of each state. (Paper: 100 for people, 30 for leaves, in two layers.)
        finest_width: of the finest state, which costs most; None: as the others. (RSIS halves them level by level.)
    fine_width: channels of the finest map, on which a mask is drawn. (The paper draws on the state itself.)
    coordinates: the maps tell each position where in the image it is (Liu et al., arXiv:1807.03247), in two channels
        that the paper does not have.
    inhibition: the positions of a mask compete. start_area: the pixels of a mask that the bias allows at first.
    loss_variant, lam: `coverage_loss`'s variant and λ. "square", the authors' code, lets the first n masks learn the n
        objects; with "rectangular", the formula as it is printed, a mask that comes after the stop may be the one that
        learns an object, and is then never shown. matching: which object a mask learns: "best", the assignment of
        that loss; "greedy", the largest IoU first; "order", mask t is object t as the truth happens to list them.
    threshold: the sequence ends before the first stop score below it. mask_threshold: a pixel is the object's from more
        than this on.
    skips: a state at each level of the features, each led by the coarser one, as RSIS has it (Salvador et al.,
        arXiv:1712.00617); without, one state on the finest level, as in the paper. The coarse states see the whole
        image, so they can plan an order, which a single fine state has to pass on cell by cell.
    classes: a class for each mask, whose loss counts `class_weight`. (RSIS: 0.1, and a head that sees only the states,
        pooled to 2 × 2; this one also sees the mean of the finest map under the mask, or it hardly learns.)
    one_minus_iou: the coverage counts 1 − IoU for each match instead of −IoU, which is another number and the same
        gradient.
    monotone: the score loss of Ren and Zemel (arXiv:1605.09410), which judges a score that should be 1 by the smallest
        one so far, and a score that should be 0 by the largest one to come.
    """

    steps: int = 13
    start_steps: int = 3
    grow_every: int = 0
    width: int = 32
    finest_width: int | None = None
    fine_width: int = 16
    coordinates: bool = True
    inhibition: bool = True
    start_area: float = 120.0
    loss_variant: str = "square"
    lam: float = 1.0
    matching: str = "best"
    threshold: float = 0.5
    mask_threshold: float = 0.5
    skips: bool = True
    classes: bool = False
    class_weight: float = 0.5
    one_minus_iou: bool = False
    monotone: bool = False

    def __post_init__(self) -> None:
        check_ints(1, steps=self.steps, start_steps=self.start_steps, width=self.width, fine_width=self.fine_width)
        check_ints(0, grow_every=self.grow_every)
        if self.finest_width is not None:
            check_ints(1, finest_width=self.finest_width)
        for name, allowed in (("loss_variant", VARIANTS), ("matching", MATCHINGS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be {' or '.join(map(repr, allowed))}, got {getattr(self, name)!r}")
        for name in ("lam", "class_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be ≥ 0, got {getattr(self, name)}")
        for name in ("threshold", "mask_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")

    def steps_after(self, made: int) -> int:
        """How many masks an image gets in the training step that follows `made` others.

        >>> config = RecurrentConfig(steps=6, start_steps=3, grow_every=100)
        >>> [config.steps_after(made) for made in (0, 99, 100, 250, 999)]
        [3, 3, 4, 5, 6]
        """
        if self.grow_every == 0:
            return self.steps
        return min(self.steps, self.start_steps + made // self.grow_every)
