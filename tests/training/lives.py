"""Lives of a run: each is a process of its own, which can be killed for good; a fork, so that it begins at once."""

import multiprocessing
import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import lessons_lib.training.train
from lessons_lib.__main__ import main
from lessons_lib.data.sample import VOID, Batch, collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance.build import detector, usual_config
from lessons_lib.models.instance.pieces import Pieces
from lessons_lib.models.zoo import MODELS, Entry
from lessons_lib.training.loop import fit
from lessons_lib.training.machine import start_machine
from tests.tiny_model import TinyModel

CAN_BE_KILLED = hasattr(signal, "SIGKILL")
CONTEXT = multiprocessing.get_context("forkserver" if CAN_BE_KILLED else "spawn")
if CAN_BE_KILLED:
    CONTEXT.set_forkserver_preload(["tests.training.lives", "lessons_lib.training.train"])


class Life:
    """A process that calls `work(*arguments)`; `said` is where its output goes."""

    def __init__(self, said: Path, work, *arguments, rank: int = 0, processes: int = 1, port: int = 0):
        environment = {"OMP_NUM_THREADS": "1"}
        if processes > 1:
            environment |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes)}
            environment |= {"LOCAL_WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        self.said = said
        self.process = CONTEXT.Process(target=_live, args=(said, environment, work, arguments))
        self.process.start()

    def end(self, seconds: float = 300) -> int:
        """Waits for the end; the exit status, or minus the number of the signal that killed it."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, self.said.read_text()
        return self.process.exitcode


def launch(folder: Path, work, *arguments) -> list[Life]:
    """Two processes that find each other, as torchrun would start them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return [Life(folder / f"said_{r}.txt", work, *arguments, rank=r, processes=2, port=port) for r in (0, 1)]


def together(folder: Path, work, *arguments) -> list[str]:
    """Two processes of one launch; what each said. Both must end well."""
    lives = launch(folder, work, *arguments)
    for life in lives:
        assert life.end() == 0, life.said.read_text()
    return [life.said.read_text() for life in lives]


def _live(said: Path, environment: dict[str, str], work, arguments: tuple) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    with said.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    MODELS["tiny"] = Entry("semantic", lambda classes, backbone: TinyModel(classes, dropout=0.3))
    MODELS["tiny_pieces"] = Entry("instance", lambda classes, backbone: Pieces(TinyModel(classes, dropout=0.3)))
    lessons_lib.training.train.UNSEEN = 16
    status = work(*arguments)
    sys.stdout.flush()
    sys.exit(status)


def command(*words: str) -> int:
    """`python -m lessons_lib` with these words."""
    sys.argv = ["lessons_lib", *words]
    return main(list(words))


class FairDetector(torch.nn.Module):
    """A small detector whose dice are each image's own, wherever it is trained; every seat of a sample is taken."""

    def __init__(self):
        super().__init__()
        config = replace(usual_config("tiny", "fpn"), divide_by="samples", regions=8, after_nms=(60, 60))
        self.detector = detector(11, "tiny", "fpn", config)

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        def dice(images: int, count: int, device: torch.device) -> torch.Tensor:
            seeds = [
                int((image * 255).round().long().sum()) for image in batch.images
            ]  # its own, and the same everywhere
            rows = [torch.rand(2000, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
            return torch.stack(rows)[:, :count]

        return self.detector.learn(batch, dice).losses


KINDS = {"pixels": TinyModel, "pieces": lambda: Pieces(TinyModel()), "boxes": FairDetector}
"""What may be fitted: a semantic model, one that finds objects by their masks, and a detector."""


def fit_a_share(folder: Path, even: bool, kind: str = "pixels") -> int:
    """Five steps of SGD on batches of 4 pictures, each process with its share; its weights go to a file of its own.

    `kind` is one of `KINDS`. With `even`, all images have equally many pixels that count, or objects for a detector;
    otherwise a part of the first ones is void.
    """
    machine = start_machine("cpu")
    torch.manual_seed(0)
    model = machine.prepare_model(KINDS[kind]())
    share, rate = 4 // machine.num_processes, 0.02 if kind == "boxes" else 0.5
    config = replace(PRESETS["easy"], size=32, void_border=False)
    scenes, batches = draw_scenes(range(20), config), []
    if kind == "boxes":
        many = draw_scenes(range(300), replace(config, size=64))
        scenes = [scene for scene in many if len(scene.instances) == 3][:20]
    for step in range(5):
        first = 4 * step + share * machine.process_index
        batch = collate(scenes[first : first + share])
        if not even:
            label_maps = batch.label_maps.clone()
            label_maps[0, :20] = VOID
            batch = Batch(batch.images, label_maps, batch.instances, batch.sizes)
        batches.append(batch)
    losses = [record.loss for record in fit(model, batches, torch.optim.SGD(model.parameters(), lr=rate), 5)]
    state = dict(machine.unwrap_model(model).state_dict(), losses=torch.tensor(losses))
    save_file(state, folder / f"{machine.num_processes}_{machine.process_index}.safetensors")
    machine.end_training()
    return 0


def fit_a_poisoned_share() -> int:
    """The second process meets NaN in the second step; both say what they know of it."""
    machine = start_machine("cpu")
    model = machine.prepare_model(TinyModel())
    clean = collate(draw_scenes([machine.process_index], PRESETS["easy"]))
    poison = Batch(clean.images * float("nan"), clean.label_maps, clean.instances, clean.sizes)
    batches = [clean, poison if machine.process_index == 1 else clean]
    try:
        list(fit(model, batches, torch.optim.SGD(model.parameters(), lr=0.1), 3))
    except FloatingPointError as error:
        print(error)
    machine.end_training()
    return 0


def weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    return load_file(folder / f"{name}.safetensors")
