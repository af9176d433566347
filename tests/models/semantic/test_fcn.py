"""FCN: alignment by hand and by oracle, the zero start, any size, translation, training."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lessons_lib.models.backbones import Backbone, TinyBackbone, make_backbone
from lessons_lib.models.semantic.fcn import FCN, add_aligned, bilinear_upsampling
from lessons_lib.models.zoo import build_model
from lessons_lib.ops.grid import PIXELS, Grid
from lessons_lib.ops.transposed import bilinear_kernel
from tests.models.batches import labelled, random_batch, scenes

SCORES = {"fcn32s": ("c5",), "fcn16s": ("c5", "c4"), "fcn8s": ("c5", "c4", "c3"), "bare": ("c3",)}
EACH_FORM = pytest.mark.parametrize("scores", SCORES.values(), ids=SCORES)
TINY = TinyBackbone().grids
PAPER = {"c3": Grid(8, -95.5), "c4": Grid(16, -91.5), "c5": Grid(32, 12.5)}
RESNET = make_backbone("resnet18").grids


class Maps(Backbone):
    """A trunk with the given grids whose maps are filled beforehand, one channel each."""

    def __init__(self, grids, fill):
        super().__init__()
        self.grids, self.fill = grids, fill
        self.channels = dict.fromkeys(grids, 1)

    def forward(self, images):
        return {name: self.fill(name, grid, images) for name, grid in self.grids.items()}


def places(name, grid, images):
    """Each cell holds the column of the picture that it lies on; enough cells to reach over the right border."""
    count = int((images.shape[3] - grid.start) / grid.stride) + 2
    columns = grid.start + grid.stride * torch.arange(count, dtype=torch.float64)
    return columns.expand(1, 1, count, count)


def noise(name, grid, images):
    """Random numbers in maps as large as VGG-16's under 100 pixels of padding."""
    cells = images.shape[2] + 198
    for _ in range({"c3": 3, "c4": 4, "c5": 5}[name]):
        cells = -(-cells // 2)
    cells -= 6 if name == "c5" else 0
    return torch.rand(1, 1, cells, cells, dtype=torch.float64, generator=torch.Generator().manual_seed(ord(name[1])))


def with_scores(model, std=0.3):
    torch.manual_seed(3)
    for layer in model.scores.values():
        nn.init.normal_(layer.weight, std=std)
        nn.init.normal_(layer.bias)
    return model


@EACH_FORM
@pytest.mark.parametrize("grids", [TINY, PAPER, RESNET], ids=["tiny", "paper", "resnet"])
def test_every_pixel_gets_the_score_of_its_own_place(grids, scores):
    model = FCN(Maps({name: grids[name] for name in ("c3", "c4", "c5")}, places), 1, scores).double()
    for layer in model.scores.values():
        nn.init.ones_(layer.weight)
    columns = model.logits(torch.zeros(1, 3, 300, 300))[0, 0, 150]  # a straight line stays one when it is upsampled
    expected = len(scores) * torch.arange(300, dtype=torch.float64)
    torch.testing.assert_close(columns[64:236], expected[64:236], rtol=0, atol=1e-9)


def deconv(x, kernel_size, stride):
    return F.conv_transpose2d(x, bilinear_kernel(kernel_size, torch.float64)[None, None], stride=stride)


@pytest.mark.parametrize("size", [1, 33, 224, 500])
def test_the_paper_s_crops(size):
    images = torch.zeros(1, 3, size, size)
    c3, c4, c5 = (noise(name, None, images) for name in ("c3", "c4", "c5"))

    def crop(x, offset, like):
        return x[:, :, offset : offset + like.shape[2], offset : offset + like.shape[3]]

    at_16 = deconv(c5, 4, 2)
    at_16 = at_16 + crop(c4, 5, at_16)  # crops and kernels as in the released networks
    at_8 = deconv(at_16, 4, 2)
    at_8 = at_8 + crop(c3, 9, at_8)
    expected = {
        "fcn32s": crop(deconv(c5, 64, 32), 19, images),
        "fcn16s": crop(deconv(at_16, 32, 16), 27, images),
        "fcn8s": crop(deconv(at_8, 16, 8), 31, images),
    }
    for name, logits in expected.items():
        model = FCN(Maps(PAPER, noise), 1, SCORES[name]).double()
        for layer in model.scores.values():
            nn.init.ones_(layer.weight)
        torch.testing.assert_close(model.logits(images), logits, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["fcn32s", "fcn16s", "fcn8s"])
def test_the_paper_s_maps_reach_over_pictures_of_every_size(name):
    model = FCN(Maps(PAPER, noise), 1, SCORES[name]).double()
    for size in (*range(1, 70), *range(70, 700, 37)):
        assert model.logits(torch.zeros(1, 3, size, size)).shape[2:] == (size, size)


@EACH_FORM
def test_other_trunks(scores):
    trunk = make_backbone("resnet18")
    for size in ((1, 1), (33, 50), (64, 95)):
        assert FCN(trunk, 2, scores).logits(torch.rand(2, 3, *size)).shape == (2, 2, *size)


def test_the_paper_s_networks_have_its_grids_crops_and_parameters():
    trunk = 14_714_688 + (512 * 49 * 4096 + 4096) + (4096 * 4096 + 4096)  # VGG-16's convolutions, fc6, fc7
    scores = {"fcn32s": 4096 * 21 + 21, "fcn16s": 512 * 21 + 21, "fcn8s": 256 * 21 + 21}  # what each adds
    kernels = {"fcn32s": [64], "fcn16s": [4, 32], "fcn8s": [4, 4, 16]}
    offsets = {"fcn32s": [19], "fcn16s": [-5, 27], "fcn8s": [-5, -9, 31]}
    published = {"fcn32s": 134_346_581, "fcn16s": 134_357_354, "fcn8s": 134_362_751}
    dense = {"fcn32s": 1_806_336, "fcn16s": 458_640, "fcn8s": 127_008}  # the released kernels join all pairs of classes
    count = trunk
    for name in published:
        with torch.device("meta"):
            model = build_model(name, 21, "vgg16")
        assert {n: model.backbone.grids[n] for n in PAPER} == PAPER
        assert model.offsets == offsets[name]
        count += scores[name]
        learned = sum(p.numel() for n, p in model.named_parameters() if not n.startswith("upsamplings"))
        assert learned == count == published[name]
        upsampling = sum(p.numel() for p in model.upsamplings.parameters())
        assert upsampling == 21 * sum(k * k for k in kernels[name]) == dense[name] / 21


@pytest.mark.parametrize(("size", "fc7"), [(500, 16), (375, 12), (224, 8), (1, 1)])
def test_the_paper_s_sizes(size, fc7):
    with torch.device("meta"):
        model = build_model("fcn8s", 21, "vgg16")
        images = torch.empty(1, 3, size, size)
        assert model.backbone(images)["c5"].shape == (1, 4096, fc7, fc7)
        assert model.logits(images).shape == (1, 21, size, size)


def test_upsampling_layers():
    same, grid = bilinear_upsampling(2, Grid(4, 1.5), Grid(2, 0.5))
    assert same.kernel_size == (4, 4) and grid == Grid(2, -1.5)
    odd, grid = bilinear_upsampling(2, Grid(8, 3.0), PIXELS)
    assert odd.kernel_size == (15, 15) and grid == Grid(1, -4.0)
    assert odd.weight.shape == (2, 1, 15, 15) and odd.weight.requires_grad and odd.bias is None
    x = torch.rand(1, 2, 3, 4)
    expected = torch.cat([F.conv_transpose2d(c[None, None], odd.weight[:1], stride=8) for c in x[0]], 1)
    torch.testing.assert_close(odd(x), expected)


@pytest.mark.parametrize(("offset", "expected"), [(0, [11, 22]), (1, [12]), (-1, [21, 32])])
def test_maps_are_added_where_they_overlap(offset, expected):
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0, 30.0])
    out = add_aligned(a.expand(1, 1, 2, 2), b.expand(1, 1, 3, 3), offset)
    assert out[0, 0, 0].tolist() == expected


@EACH_FORM
@pytest.mark.parametrize("size", [(1, 1), (1, 70), (31, 33), (96, 64), (97, 130)])
def test_logits_have_the_picture_s_size(scores, size):
    assert FCN(TinyBackbone(), 5, scores).logits(torch.rand(2, 3, *size)).shape == (2, 5, *size)


@EACH_FORM
def test_an_untrained_model_says_nothing_and_every_parameter_gets_a_gradient(scores):
    model, batch = FCN(TinyBackbone(), 11, scores), scenes(0, 1)
    assert model.logits(batch.images).eq(0).all()
    loss = model(batch)["cross_entropy"]
    torch.testing.assert_close(loss, torch.tensor(11.0).log())
    with_scores(model)(batch)["cross_entropy"].backward()
    beyond = {
        n
        for n, _ in model.named_parameters()
        if scores == ("c3",) and n.startswith(("backbone.stages.3", "backbone.stages.4"))
    }
    silent = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert silent == beyond


def test_void_counts_for_nothing():
    model, batch = with_scores(FCN(TinyBackbone(), 4)), random_batch(1, 40, 40, 4)
    half = batch.label_maps.clone()
    half[:, 20:] = 255
    logits = model.logits(batch.images)[:, :, :20]
    expected = F.cross_entropy(logits, batch.label_maps[:, :20])
    torch.testing.assert_close(model(labelled(batch.images, half))["cross_entropy"], expected)


def test_a_shift_by_32_pixels_shifts_the_scores():
    model = with_scores(build_model("fcn8s", 3)).double()
    scene = scenes(5).images.double()
    here, there = torch.full((2, 1, 3, 800, 800), 0.5, dtype=torch.float64)  # borders are far
    here[:, :, 352:448, 352:448] = scene
    there[:, :, 384:480, 320:416] = scene
    with torch.no_grad():
        a, b = model.logits(here), model.logits(there)
    inside = a[:, :, 288:512, 288:512]
    assert inside.std() > 0.01
    torch.testing.assert_close(b[:, :, 320:544, 256:480], inside, rtol=0, atol=1e-9)
    assert (b[:, :, 319:543, 256:480] - inside).abs().max() > 0.01  # it can tell


def test_dense_layers_are_convolutions_on_a_crop_of_224():
    torch.manual_seed(0)
    stages, before = [], 3
    for channels in (2, 3, 4, 5, 5):
        stages += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
        before = channels
    trunk, fc6 = nn.Sequential(*stages).double(), nn.Linear(5 * 7 * 7, 8).double()
    crop = torch.rand(1, 3, 224, 224, dtype=torch.float64)
    as_convolution = F.conv2d(trunk(crop), fc6.weight.view(8, 5, 7, 7), fc6.bias)
    torch.testing.assert_close(as_convolution[:, :, 0, 0], fc6(trunk(crop).flatten(1)), rtol=0, atol=1e-9)


@EACH_FORM
def test_overfits_one_batch(scores):
    torch.manual_seed(0)
    model, batch = FCN(TinyBackbone(), 11, scores), scenes(2)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = model(batch)["cross_entropy"]
        loss.backward()
        optimizer.step()
    assert loss < 0.9


def test_all_forms_start_from_one_trunk_and_keep_the_deep_scores():
    first = with_scores(build_model("fcn32s", 5))
    for name in ("fcn16s", "fcn8s"):
        model = build_model(name, 5)
        model.backbone.load_state_dict(first.backbone.state_dict())
        model.scores["c5"].load_state_dict(first.scores["c5"].state_dict())
        images = torch.rand(1, 3, 160, 160)
        a, b = first.logits(images), model.logits(images)
        between = slice(31, 128, 32)  # half-way between cells of c5 all ways up give the mean of the neighbours
        torch.testing.assert_close(a[:, :, between, between], b[:, :, between, between])


def test_predicts_each_picture_at_its_own_size():
    model = with_scores(build_model("fcn8s", 4)).train()
    images = [torch.rand(3, 1, 1), torch.rand(3, 1000, 1300), torch.rand(3, 50, 17)]
    maps = model.predict(images)
    assert [tuple(m.shape) for m in maps] == [(1, 1), (1000, 1300), (50, 17)]
    assert model.training and maps[0].dtype == torch.int64
    assert maps[2].equal(model.eval().logits(images[2][None]).argmax(1)[0])
