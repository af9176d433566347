"""Exercise 03.5: the bilinear kernel."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import transposed

BILINEAR = Exercise(
    "03.5",
    "The pyramid",
    difficulty=2,
    minutes=15,
    oracle=transposed.bilinear_kernel,
    cases=lambda: [{"kernel_size": k} for k in (4, 3, 2, 1, 5, 8, 16, 7)],
    hints=(
        "Begin with one axis: the weight falls in equal steps from the middle to both ends, and is never 0.",
        "factor = (k + 1) // 2 is how far the slope reaches; the middle is (k − 1) / 2, between two taps for even k.",
        "slope = 1 − |i − middle| / factor; the kernel is slope[:, None] * slope.",
    ),
)


@BILINEAR.model
def bilinear_kernel(kernel_size):
    factor = (kernel_size + 1) // 2
    middle = (kernel_size - 1) / 2
    slope = 1 - (torch.arange(kernel_size) - middle).abs() / factor
    return slope[:, None] * slope


@BILINEAR.flags(
    odd_middle="This looks like the middle of an odd kernel for an even one: there it lies between two taps.",
    half_factor="This looks like a slope over k / 2: for odd kernels the factor is (k + 1) // 2, a whole number.",
    factor_down="This looks like a factor of k // 2: for odd kernels it is (k + 1) // 2, so that no tap is 0.",
    whole_distance="This looks like a whole-number division of the distance. The slope falls in equal steps: divide "
    "with /.",
    added="This looks like a sum of the two slopes. It is their product: zero where either is zero.",
    minimum="This looks like the smaller of the two slopes, a real pyramid. Bilinear is their product.",
    cone="This looks like a cone: bilinear is a product of two slopes, not one slope of the distance.",
    sums_to_one="This looks like weights that sum to 1. An upsampling kernel sums to factor²: one pixel becomes many.",
    peak_one="This looks like a kernel scaled so that its largest weight is 1. For even sizes no tap lies on the "
    "middle, "
    "and the largest weight stays below 1.",
)
def wrong_pyramid(
    kernel_size,
    *,
    odd_middle=False,
    half_factor=False,
    factor_down=False,
    whole_distance=False,
    added=False,
    minimum=False,
    cone=False,
    sums_to_one=False,
    peak_one=False,
):
    factor = (kernel_size + 1) // 2
    middle = factor - 1 if odd_middle else (kernel_size - 1) / 2
    factor = kernel_size / 2 if half_factor else kernel_size // 2 if factor_down else factor
    far = (torch.arange(kernel_size) - middle).abs()
    far = far // factor if whole_distance else far / factor
    slope = 1 - far
    both = slope[:, None], slope
    kernel = both[0] + both[1] if added else torch.minimum(*both) if minimum else both[0] * both[1]
    kernel = (1 - (far[:, None] ** 2 + far**2).sqrt()).clamp(min=0) if cone else kernel
    kernel = kernel / 2 if added and not cone else kernel
    return kernel / kernel.sum() if sums_to_one else kernel / kernel.max() if peak_one else kernel
