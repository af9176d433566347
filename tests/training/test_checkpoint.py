"""Checkpoints: what goes in comes out bit by bit; what is damaged, foreign or no number is refused."""

import json
import math

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lessons_lib.data.sample import collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.training.checkpoint import open_checkpoint, save_checkpoint
from lessons_lib.training.loop import fit
from tests.tiny_model import TinyModel
from tests.training.lives import CAN_BE_KILLED, Life

BATCHES = [collate(draw_scenes([i], PRESETS["easy"])) for i in (0, 1)]


def trained(make_optimizer, steps: int = 3):
    torch.manual_seed(4)
    model = TinyModel()
    optimizer = make_optimizer(model.parameters())
    list(fit(model, BATCHES, optimizer, steps))
    return model, optimizer


OPTIMIZERS = {
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.01),
    "amsgrad": lambda parameters: torch.optim.Adam(parameters, lr=0.01, amsgrad=True),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_goes_on_bit_by_bit(name, tmp_path):
    whole, _ = trained(OPTIMIZERS[name], steps=7)
    model, optimizer = trained(OPTIMIZERS[name], steps=4)
    save_checkpoint(tmp_path / "c.safetensors", model, optimizer, {"step": 4, "names": ["Wiese"]})
    fresh = TinyModel()
    fresh_optimizer = OPTIMIZERS[name](fresh.parameters())
    checkpoint = open_checkpoint(tmp_path / "c.safetensors")
    checkpoint.restore(fresh, fresh_optimizer)
    assert checkpoint.notes == {"step": 4, "names": ["Wiese"]}
    list(fit(fresh, BATCHES, fresh_optimizer, 7, start=4))
    assert all(a.equal(b) for a, b in zip(fresh.parameters(), whole.parameters(), strict=True))


def test_memory_formats_and_half_precision_survive(tmp_path):
    model = TinyModel().to(torch.bfloat16).to(memory_format=torch.channels_last)
    save_checkpoint(tmp_path / "c.safetensors", model, torch.optim.SGD(model.parameters(), lr=0.1), {"step": 0})
    other = TinyModel().to(torch.bfloat16)
    open_checkpoint(tmp_path / "c.safetensors").restore(other)
    assert all(a.equal(b) for a, b in zip(other.parameters(), model.parameters(), strict=True))


def test_anyone_can_read_it_without_us(tmp_path):
    model, optimizer = trained(OPTIMIZERS["adamw"])
    save_checkpoint(tmp_path / "c.safetensors", model, optimizer, {"step": 3})
    with safe_open(tmp_path / "c.safetensors", "pt") as file:
        assert json.loads(file.metadata()["notes"])["step"] == 3
        assert file.get_tensor("model.score.weight").equal(model.score.weight)
        assert {"optimizer.0.exp_avg", "optimizer.0.exp_avg_sq", "optimizer.0.step"} <= set(file.keys())


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_that_are_no_numbers_leave_the_last_good_file(bad, tmp_path):
    path = tmp_path / "c.safetensors"
    model, optimizer = trained(OPTIMIZERS["adamw"])
    save_checkpoint(path, model, optimizer, {"step": 3})
    before = path.read_bytes()
    optimizer.state[model.score.bias]["exp_avg"][2] = bad
    with pytest.raises(FloatingPointError, match=r"optimizer\.3\.exp_avg must be finite to be saved"):
        save_checkpoint(path, model, optimizer, {"step": 4})
    with torch.no_grad():
        model.features.weight[0, 0, 0, 0] = bad
    with pytest.raises(FloatingPointError, match=r"model\.features\.weight must be finite to be saved"):
        save_checkpoint(path, model, optimizer, {"step": 4})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]


def test_a_torn_or_foreign_file_is_refused(tmp_path):
    path = tmp_path / "c.safetensors"
    model, optimizer = trained(OPTIMIZERS["adamw"])
    save_checkpoint(path, model, optimizer, {"step": 3})
    content = path.read_bytes()
    for length in (0, 5, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="checkpoint must be a whole safetensors file, got"):
            open_checkpoint(path)
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match=r"checkpoint must be of a run, got .* which is something else"):
        open_checkpoint(path)
    with pytest.raises(FileNotFoundError, match=r"checkpoint must be a file, and .*none\.safetensors is not there"):
        open_checkpoint(tmp_path / "none.safetensors")


def test_another_model_is_refused_with_what_differs(tmp_path):
    model, optimizer = trained(OPTIMIZERS["adamw"])
    save_checkpoint(tmp_path / "c.safetensors", model, optimizer, {"step": 3})
    with pytest.raises(ValueError, match=r"checkpoint must fit the model, got .*: .*size mismatch for score\.weight"):
        open_checkpoint(tmp_path / "c.safetensors").restore(TinyModel(num_classes=5))


def test_an_optimiser_that_keeps_more_than_tensors_is_refused(tmp_path):
    model = TinyModel()
    optimizer = torch.optim.LBFGS(model.parameters())
    optimizer.state[next(model.parameters())]["n_iter"] = 3
    with pytest.raises(TypeError, match="optimizer must keep tensors alone, got n_iter = 3"):
        save_checkpoint(tmp_path / "c.safetensors", model, optimizer, {"step": 3})


def save_without_room(path) -> int:
    """A file may grow to 1000 bytes only, as on a disk that is almost full."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    model, optimizer = trained(OPTIMIZERS["adamw"])
    try:
        save_checkpoint(path, model, optimizer, {"step": 4})
    except OSError as error:
        return 7 if "stays as it was, since no new one could be written" in str(error) else 8
    return 9


@pytest.mark.skipif(not CAN_BE_KILLED, reason="this system has no limit for the size of a file")
def test_a_full_disk_leaves_the_last_good_file(tmp_path):
    path = tmp_path / "c.safetensors"
    model, optimizer = trained(OPTIMIZERS["adamw"])
    save_checkpoint(path, model, optimizer, {"step": 3})
    before = path.read_bytes()
    assert Life(tmp_path / "said.txt", save_without_room, path).end() == 7
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.safetensors", "said.txt"]


def test_others_may_read_it_where_they_may_read_the_users_files(tmp_path):
    model, optimizer = trained(OPTIMIZERS["sgd"])
    save_checkpoint(tmp_path / "c.safetensors", model, optimizer, {"step": 3})
    (tmp_path / "plain").touch()
    assert (tmp_path / "c.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode
