"""The hash against plain Python integers, and the noise against a loop over pixels."""

import pytest
import torch

from lessons_lib.data.scenes.noise import lattice, mix, picture_keys, smoothstep, uniforms, value_noise, value_noise_at


def mix_by_hand(x):
    x = ((x ^ x >> 16) * 0x21F0AAAD) % 2**32
    x = ((x ^ x >> 15) * 0x735A2D97) % 2**32
    return x ^ x >> 15


def test_mix_is_the_integer_formula():
    numbers = [0, 1, 2, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 123456789]
    assert mix(torch.tensor(numbers)).tolist() == [mix_by_hand(x) for x in numbers]
    assert mix(torch.tensor(1)).item() == 0x86D2FA73


def test_mix_is_one_to_one_and_stirs():
    numbers = torch.arange(200_000)
    mixed = mix(numbers)
    assert len(mixed.unique()) == len(numbers)
    assert mixed.min() >= 0 and mixed.max() < 2**32
    flipped = mix(numbers[:4096]) ^ mix(numbers[:4096] ^ 8)
    changed = sum(((flipped >> bit) & 1).float().mean().item() for bit in range(32))
    assert 14.5 < changed < 17.5  # of 32 bits


def test_keys_differ_between_pictures_and_seeds():
    keys = torch.cat([picture_keys(range(5000), seed) for seed in (0, 1, 2**32 - 1)])
    assert len(keys.unique(dim=0)) == 15000
    assert len(keys[:5000, 0].unique()) == 5000
    assert torch.equal(picture_keys([7, 3], 1), keys[[5007, 5003]])


def test_uniforms_are_uniform_and_independent_of_their_neighbours():
    keys = picture_keys(range(400), 5)
    values = uniforms(keys[:, None, :], torch.arange(200))
    assert values.shape == (400, 200) and values.dtype == torch.float32
    assert values.min() >= 0 and values.max() < 1
    assert torch.equal(values * 2**24, (values * 2**24).floor())
    shares = torch.histc(values, bins=10, min=0, max=1) / values.numel()
    assert (shares - 0.1).abs().max() < 0.005
    centred = values - 0.5
    for neighbour in (centred.roll(1, 0), centred.roll(1, 1)):
        assert (centred * neighbour).mean().abs() < 0.002  # the variance is 1/12


def test_value_noise_is_the_loop_over_pixels():
    keys, size, cell = picture_keys([0, 9], 1), 13, (4, 5)
    corners, noise = lattice(keys, 3, size, cell), value_noise(keys, 3, size, cell)
    assert corners.shape == (2, 5, 4) and noise.shape == (2, 13, 13)
    for b, y, x in [(0, 0, 0), (1, 12, 12), (0, 5, 9), (1, 7, 3)]:
        fy, fx = (y % 4 + 0.5) / 4, (x % 5 + 0.5) / 5
        wy, wx = fy * fy * (3 - 2 * fy), fx * fx * (3 - 2 * fx)
        (a, c), (d, e) = corners[b, y // 4 : y // 4 + 2, x // 5 : x // 5 + 2].tolist()
        expected = (a * (1 - wx) + c * wx) * (1 - wy) + (d * (1 - wx) + e * wx) * wy
        assert noise[b, y, x].item() == pytest.approx(expected, abs=1e-6)


def test_noise_at_points_is_the_noise_of_the_pixels():
    keys, size = picture_keys(range(3), 2), 20
    noise, corners = value_noise(keys, 4, size, (6, 6)), lattice(keys, 4, size, (6, 6))
    rows, columns = torch.tensor([[0, 7, 19]] * 3), torch.tensor([[3, 19, 0]] * 3)
    at = value_noise_at(corners, 6, columns + 0.5, rows + 0.5)
    expected = noise[torch.arange(3)[:, None], rows, columns]
    torch.testing.assert_close(at, expected, atol=1e-6, rtol=0)


def test_fields_and_pictures_have_noise_of_their_own():
    keys = picture_keys(range(2), 0)
    first, second = value_noise(keys, 1, 32, (8, 8)), value_noise(keys, 2, 32, (8, 8))
    assert (first - second).abs().mean() > 0.1 and (first[0] - first[1]).abs().mean() > 0.1


def test_smoothstep_by_hand():
    assert smoothstep(torch.tensor([0.0, 0.25, 0.5, 1.0])).tolist() == [0, 0.15625, 0.5, 1]
