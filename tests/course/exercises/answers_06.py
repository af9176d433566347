"""Right answers to lesson 06, each by another method than the model: they all must pass."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from lessons_lib.models.semantic.fcn import bilinear_upsampling
from lessons_lib.ops.grid import PIXELS, Grid


def dense_by_unflatten(weight, channels):
    k = math.isqrt(weight.shape[1] // channels)
    return weight.unflatten(1, (channels, k, k))


def dense_number_by_number(weight, channels):
    k = math.isqrt(weight.shape[1] // channels)
    rows = [[[weight[:, (c * k + i) * k + j] for j in range(k)] for i in range(k)] for c in range(channels)]
    return torch.stack([torch.stack([torch.stack(row) for row in channel]) for channel in rows]).permute(3, 0, 1, 2)


def cost_by_running(size, c_in, c_out, kernel_size, stride=1, padding=0, dilation=1):
    layer = nn.Conv2d(c_in, c_out, kernel_size, stride, padding, dilation, device="meta")
    return layer(torch.empty(1, c_in, *size, device="meta")).numel() * layer.weight[0].numel()


def cost_by_walking(size, c_in, c_out, kernel_size, stride=1, padding=0, dilation=1):
    reach, count = dilation * (kernel_size - 1) + 1, 1
    for n in size:
        count *= len(range(-padding, n + padding - reach + 1, stride))
    return count * c_in * c_out * kernel_size * kernel_size


def stitch_by_permuting(shifted):
    s, _, B, K, h, w = shifted.shape
    return shifted.permute(2, 3, 4, 0, 5, 1).reshape(B, K, h * s, w * s)


def stitch_by_pixel_shuffle(shifted):
    s = len(shifted)
    return F.pixel_shuffle(shifted.flatten(0, 1).permute(1, 2, 0, 3, 4).flatten(1, 2), s)


def stitch_by_stacking(shifted):
    rows = [torch.stack(list(row), -1).flatten(-2) for row in shifted]
    return torch.stack(rows, -2).flatten(-3, -2)


def offset_from_the_top(layers, kernel_size):
    start = 0.0
    for k, s, padding in reversed(layers):
        start = start * s + (k - 1) / 2 - padding
    return (kernel_size - 1) / 2 - start


def offset_by_the_ends(layers, kernel_size):
    first, last, stride = 0, 0, 1  # the first and the last pixel that cell 0 sees
    for k, s, padding in layers:
        first, last, stride = first - padding * stride, last + (k - 1 - padding) * stride, stride * s
    return (kernel_size - 1 - first - last) / 2


def loss_by_gathering(logits, label_maps):
    counted = label_maps != 255
    log_p = logits.log_softmax(1).permute(0, 2, 3, 1)[counted]
    picked = log_p.gather(1, label_maps[counted][:, None])
    return -picked.sum() / max(1, int(counted.sum()))


def loss_by_masking(logits, label_maps):
    counted = (label_maps != 255).to(logits.dtype)
    each = F.cross_entropy(logits, torch.where(label_maps == 255, 0, label_maps), reduction="none")
    return (each * counted).sum() / counted.sum().clamp(min=1)


def step_in_another_order(model, optimizer, images, label_maps):
    model.train()
    model.zero_grad()
    loss = loss_by_gathering(model(images), label_maps)
    loss.backward()
    optimizer.step()
    model.zero_grad()
    return loss.detach()


def step_by_autograd(model, optimizer, images, label_maps):
    model.train()
    loss = loss_by_masking(model(images), label_maps)
    for parameter in model.parameters():
        parameter.grad = None
    torch.autograd.backward(loss)
    optimizer.step()
    return loss.item()


class HeadOfWeights(nn.Module):
    """No layers in forward, only their weights; the pyramid from F.interpolate's own slopes."""

    def __init__(self, channels, num_classes, stride):
        super().__init__()
        self.stride, k = stride, 2 * stride - 1
        self.score = nn.Conv2d(channels, num_classes, 1)
        self.up = nn.ConvTranspose2d(num_classes, num_classes, k, stride, groups=num_classes, bias=False)
        self.score.weight.data *= 0
        self.score.bias.data *= 0
        slope = 1 - (torch.arange(k) - (stride - 1)).abs() / stride
        self.up.weight.data = (slope[:, None] * slope).expand(num_classes, 1, k, k).clone()

    def forward(self, cells, height, width):
        scores = F.conv2d(cells, self.score.weight, self.score.bias)
        fine = F.conv_transpose2d(scores, self.up.weight, None, self.stride, groups=scores.shape[1])
        return fine.roll((-(self.stride // 2),) * 2, (2, 3))[:, :, :height, :width]


class HeadOfTheLibrary(nn.Module):
    """The library's own upsampling layer, for a grid of such cells."""

    def __init__(self, channels, num_classes, stride):
        super().__init__()
        self.score = nn.Conv2d(channels, num_classes, 1)
        for parameter in self.score.parameters():
            nn.init.zeros_(parameter)
        self.up, up = bilinear_upsampling(num_classes, Grid(stride, stride / 2 - 1), PIXELS)
        self.cut = int(up.cells_before(PIXELS))

    def forward(self, cells, height, width):
        fine = self.up(self.score(cells))
        return fine[..., self.cut :, self.cut :][..., :height, :width]


ANSWERS = {
    "06.1": [dense_by_unflatten, dense_number_by_number],
    "06.2": [cost_by_running, cost_by_walking],
    "06.3": [stitch_by_permuting, stitch_by_pixel_shuffle, stitch_by_stacking],
    "06.4": [loss_by_gathering, loss_by_masking],
    "06.5": [offset_from_the_top, offset_by_the_ends],
    "06.6": [step_in_another_order, step_by_autograd],
    "06.7": [HeadOfWeights, HeadOfTheLibrary],
}
