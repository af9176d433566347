"""Right answers to lesson 02, each by another method than the model: they all must pass."""

import math

import torch
from torch.nn import functional as F


def by_counting(size, kernel_size, stride=1, padding=0, dilation=1):
    starts = range(-padding, size + padding, stride)
    return len([start for start in starts if start + dilation * (kernel_size - 1) < size + padding])


def by_asking_torch(size, kernel_size, stride=1, padding=0, dilation=1):
    row, taps = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size)
    return F.conv1d(row, taps, stride=stride, padding=padding, dilation=dilation).numel()


def by_floor(size, kernel_size, stride=1, padding=0, dilation=1):
    return math.floor((size + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1)


def by_bounds(size, output, kernel_size, stride=1, dilation=1):
    least = stride * (output - 1) + dilation * (kernel_size - 1) + 1 - size
    return [twice // 2 for twice in range(least, least + stride) if twice >= 0 and twice % 2 == 0]


def by_trying_in_torch(size, output, kernel_size, stride=1, dilation=1):
    found = []
    for padding in range(40):
        try:
            layer = torch.nn.Conv1d(1, 1, kernel_size, stride, padding, dilation, device="meta")
            if layer(torch.zeros(1, 1, size, device="meta")).shape[-1] == output:
                found.append(padding)
        except RuntimeError:
            pass
    return found


def by_torch(x, weight, bias, stride=1, padding=0):
    return F.conv2d(x, weight, bias, stride, padding)


def by_tensor_unfold(x, weight, bias, stride=1, padding=0):
    windows = F.pad(x, (padding,) * 4).unfold(2, weight.shape[2], stride).unfold(3, weight.shape[3], stride)
    return torch.einsum("bchwuv,ocuv->bohw", windows, weight) + bias[:, None, None]


def by_taps(x, weight, bias, stride=1, padding=0):
    x = F.pad(x, (padding,) * 4)
    h, w = ((n - k) // stride + 1 for n, k in zip(x.shape[2:], weight.shape[2:], strict=True))
    out = bias[:, None, None].expand(len(x), -1, h, w)
    for u in range(weight.shape[2]):
        for v in range(weight.shape[3]):
            seen = x[:, :, u::stride, v::stride][:, :, :h, :w]
            out = out + torch.einsum("bchw,oc->bohw", seen, weight[:, :, u, v])
    return out


def columns_by_torch(x, kernel_size, stride=1, padding=0):
    return F.unfold(x, kernel_size, stride=stride, padding=padding)


def columns_by_views(x, kernel_size, stride=1, padding=0):
    windows = F.pad(x, (padding,) * 4).unfold(2, kernel_size[0], stride).unfold(3, kernel_size[1], stride)
    return windows.permute(0, 1, 4, 5, 2, 3).flatten(1, 3).flatten(2)


def columns_by_unit_filters(x, kernel_size, stride=1, padding=0):
    taps = kernel_size[0] * kernel_size[1]
    filters = torch.eye(taps, dtype=x.dtype).view(taps, 1, *kernel_size).repeat(x.shape[1], 1, 1, 1)
    return F.conv2d(x, filters, None, stride, padding, groups=x.shape[1]).flatten(2)


def matrix_by_loops(weight, size, stride=1, padding=0):
    c_out, c_in, k_h, k_w = weight.shape
    h, w = size
    o_h, o_w = (h + 2 * padding - k_h) // stride + 1, (w + 2 * padding - k_w) // stride + 1
    matrix = torch.zeros(c_out, o_h, o_w, c_in, h, w, dtype=weight.dtype)
    for i in range(o_h):
        for j in range(o_w):
            for u in range(k_h):
                for v in range(k_w):
                    y, x = i * stride + u - padding, j * stride + v - padding
                    if 0 <= y < h and 0 <= x < w:
                        matrix[:, i, j, :, y, x] = weight[:, :, u, v]
    return matrix.flatten(3).flatten(0, 2)


def matrix_by_the_jacobian(weight, size, stride=1, padding=0):
    image = torch.zeros(weight.shape[1], *size, dtype=weight.dtype)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: F.conv2d(x[None], weight, None, stride, padding)[0], image, create_graph=True
    )
    return jacobian.flatten(3).flatten(0, 2)


def matrix_made_sparse(weight, size, stride=1, padding=0):
    return matrix_by_loops(weight, size, stride, padding).to_sparse()


ANSWERS = {
    "02.1": [by_counting, by_asking_torch, by_floor],
    "02.2": [by_bounds, by_trying_in_torch],
    "02.3": [by_torch, by_tensor_unfold, by_taps],
    "02.4": [columns_by_torch, columns_by_views, columns_by_unit_filters],
    "02.5": [matrix_by_loops, matrix_by_the_jacobian, matrix_made_sparse],
}
