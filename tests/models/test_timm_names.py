"""VGG, Xception, Inception v4, BiT and MobileNet v1 by timm's names: equal logits of twins that draw their weights."""

import math

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

import parnassus as pn
from parnassus import hub
from parnassus.layers.vision import scaled

pytestmark = pytest.mark.usefixtures("draws")


class Drawn:
    """Weights under their names, drawn where a twin first asks for them."""

    def __init__(self, *, eps: float = 1e-5) -> None:
        self.held: dict[str, Tensor] = {}
        self.eps = eps

    def conv(self, x: Tensor, name: str, n_out: int, size=1, *, groups: int = 1, bias: bool = False, **how) -> Tensor:
        self.kernel(name, n_out, x.shape[1] // groups, *(size if isinstance(size, tuple) else (size, size)))
        more = self.vector(f"{name}.bias", n_out, 0.0) if bias else None
        return F.conv2d(x, self.held[f"{name}.weight"], more, groups=groups, **how)

    def kernel(self, name: str, *shape: int) -> None:
        self.held[f"{name}.weight"] = torch.randn(shape) * math.sqrt(2 / math.prod(shape[1:]))

    def vector(self, name: str, n: int, mean: float) -> Tensor:
        self.held[name] = mean + 0.2 * torch.randn(n)
        return self.held[name]

    def norm(self, x: Tensor, name: str) -> Tensor:
        n = x.shape[1]
        parts = [self.vector(f"{name}.{k}", n, m) for k, m in (("running_mean", 0.0), ("weight", 1.0), ("bias", 0.0))]
        self.held[f"{name}.running_var"] = 0.01 + torch.rand(n)
        return F.batch_norm(x, parts[0], self.held[f"{name}.running_var"], *parts[1:], eps=self.eps)

    def dense(self, x: Tensor, name: str, n_out: int) -> Tensor:
        self.kernel(name, n_out, x.shape[1])
        return F.linear(x, self.held[f"{name}.weight"], self.vector(f"{name}.bias", n_out, 0.0))


def assert_read(drawn, due, x, folder, spec):
    save_file({name: tensor.contiguous() for name, tensor in drawn.held.items()}, folder / "net.safetensors")
    facts = {"in_channels": 3, "image_size": tuple(x.shape[-2:]), "n_outputs": due.shape[1]}
    with torch.no_grad():
        torch.testing.assert_close(
            hub.load(folder / "net.safetensors", spec, **facts)(x), due, rtol=1e-3, atol=1e-4 * float(due.abs().max())
        )


# --- the twins ------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [False, True])
def test_a_vgg(norm, tmp_path):
    drawn, x, at = Drawn(), torch.randn(2, 3, 64, 64), 0
    h = x
    for n, channels in zip((1, 1, 2, 2, 2), (4, 8, 16, 32, 32), strict=True):
        for _ in range(n):
            h = drawn.conv(h, f"features.{at}", channels, 3, padding=1, bias=True)
            h = F.relu(drawn.norm(h, f"features.{at + 1}") if norm else h)
            at += 3 if norm else 2
        h, at = F.max_pool2d(h, 2), at + 1
    h = F.adaptive_avg_pool2d(h, 7)
    h = F.relu(drawn.conv(h, "pre_logits.fc1", 48, 7, bias=True))
    h = F.relu(drawn.conv(h, "pre_logits.fc2", 48, 1, bias=True))
    due = drawn.dense(h.flatten(1), "head.fc", 5)
    assert_read(drawn, due, x, tmp_path, pn.model("vgg11", width=0.0625, head=48, norm=norm))


def xception_block(drawn, x, name, widths, stride, *, active=True):
    h, at = x, 0
    for i, n_out in enumerate(widths):
        if i or active:
            h, at = F.relu(h), at + 1
        h = separated(drawn, h, f"{name}.rep.{at}", n_out, f"{name}.rep.{at + 1}")
        at += 2
    h = F.max_pool2d(h, 3, stride, 1) if stride > 1 else h
    if stride > 1:
        x = drawn.norm(drawn.conv(x, f"{name}.skip", widths[-1], stride=stride), f"{name}.skipbn")
    return h + x


def separated(drawn, h, name, n_out, norm):
    h = drawn.conv(h, f"{name}.conv1", h.shape[1], 3, padding=1, groups=h.shape[1])
    return drawn.norm(drawn.conv(h, f"{name}.pointwise", n_out), norm)


@pytest.mark.slow
def test_an_xception(tmp_path):
    drawn, x, width = Drawn(), torch.randn(2, 3, 96, 96), 0.0625

    def c(n):
        return scaled(width, n)

    h = F.relu(drawn.norm(drawn.conv(x, "conv1", c(32), 3, stride=2), "bn1"))
    h = F.relu(drawn.norm(drawn.conv(h, "conv2", c(64), 3), "bn2"))
    h = xception_block(drawn, h, "block1", (c(128), c(128)), 2, active=False)
    h = xception_block(drawn, h, "block2", (c(256), c(256)), 2)
    h = xception_block(drawn, h, "block3", (c(728), c(728)), 2)
    for i in range(8):
        h = xception_block(drawn, h, f"block{i + 4}", (c(728),) * 3, 1)
    h = xception_block(drawn, h, "block12", (c(728), c(1024)), 2)
    h = F.relu(separated(drawn, h, "conv3", c(1536), "bn3"))
    h = F.relu(separated(drawn, h, "conv4", c(2048), "bn4"))
    due = drawn.dense(h.mean((2, 3)), "fc", 5)
    assert_read(drawn, due, x, tmp_path, pn.model("xception", width=width))


class Inception(Drawn):
    """The parts of Inception v4 at a width."""

    def unit(self, x, name, n, size=1, **how):
        h = self.conv(x, f"{name}.conv", scaled(0.125, n), size, **how)
        return F.relu(self.norm(h, f"{name}.bn"))

    def same(self, x, name, n, height, width):
        return self.unit(x, name, n, (height, width), padding=(height // 2, width // 2))

    def chain(self, x, name, *steps):
        for i, step in enumerate(steps):
            *size, last = step
            at = f"{name}.{i}"
            x = self.unit(x, at, *size, **last) if isinstance(last, dict) else self.same(x, at, *step)
        return x

    def pooled(self, x, name, n):
        return self.unit(F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), f"{name}.1", n)

    def a(self, x, at):
        one = self.unit(x, f"{at}.branch0", 96)
        two = self.chain(x, f"{at}.branch1", (64, 1, 1), (96, 3, 3))
        three = self.chain(x, f"{at}.branch2", (64, 1, 1), (96, 3, 3), (96, 3, 3))
        return torch.cat([one, two, three, self.pooled(x, f"{at}.branch3", 96)], 1)

    def b(self, x, at):
        one = self.unit(x, f"{at}.branch0", 384)
        two = self.chain(x, f"{at}.branch1", (192, 1, 1), (224, 1, 7), (256, 7, 1))
        three = self.chain(x, f"{at}.branch2", (192, 1, 1), (192, 7, 1), (224, 1, 7), (224, 7, 1), (256, 1, 7))
        return torch.cat([one, two, three, self.pooled(x, f"{at}.branch3", 128)], 1)

    def c(self, x, at):
        one, two = self.unit(x, f"{at}.branch0", 256), self.unit(x, f"{at}.branch1_0", 384)
        ends = [self.same(two, f"{at}.branch1_1a", 256, 1, 3), self.same(two, f"{at}.branch1_1b", 256, 3, 1)]
        three = self.same(self.unit(x, f"{at}.branch2_0", 384), f"{at}.branch2_1", 448, 3, 1)
        three = self.same(three, f"{at}.branch2_2", 512, 1, 3)
        ends += [self.same(three, f"{at}.branch2_3a", 256, 1, 3), self.same(three, f"{at}.branch2_3b", 256, 3, 1)]
        return torch.cat([one, *ends, self.pooled(x, f"{at}.branch3", 256)], 1)


@pytest.mark.slow
def test_an_inception_v4(tmp_path):
    drawn, x, half = Inception(eps=1e-3), torch.randn(2, 3, 107, 107), {"stride": 2}
    h = drawn.unit(x, "features.0", 32, 3, **half)
    h = drawn.same(drawn.unit(h, "features.1", 32, 3), "features.2", 64, 3, 3)
    h = torch.cat([F.max_pool2d(h, 3, 2), drawn.unit(h, "features.3.conv", 96, 3, **half)], 1)
    one = drawn.chain(h, "features.4.branch0", (64, 1, 1), (96, 3, {}))
    two = drawn.chain(h, "features.4.branch1", (64, 1, 1), (64, 1, 7), (64, 7, 1), (96, 3, {}))
    h = torch.cat([one, two], 1)
    h = torch.cat([drawn.unit(h, "features.5.conv", 192, 3, **half), F.max_pool2d(h, 3, 2)], 1)
    for i in range(6, 10):
        h = drawn.a(h, f"features.{i}")
    one = drawn.unit(h, "features.10.branch0", 384, 3, **half)
    two = drawn.chain(h, "features.10.branch1", (192, 1, 1), (224, 3, 3), (256, 3, half))
    h = torch.cat([one, two, F.max_pool2d(h, 3, 2)], 1)
    for i in range(11, 18):
        h = drawn.b(h, f"features.{i}")
    one = drawn.chain(h, "features.18.branch0", (192, 1, 1), (192, 3, half))
    two = drawn.chain(h, "features.18.branch1", (256, 1, 1), (256, 1, 7), (320, 7, 1), (320, 3, half))
    h = torch.cat([one, two, F.max_pool2d(h, 3, 2)], 1)
    for i in range(19, 22):
        h = drawn.c(h, f"features.{i}")
    due = drawn.dense(h.mean((2, 3)), "last_linear", 5)
    assert_read(drawn, due, x, tmp_path, pn.model("inception_v4", width=0.125))


class BiT(Drawn):
    """Kernels of mean 0 and variance 1 by output, and group norms."""

    def standard(self, x, name, n_out, size=1, **how):
        self.kernel(name, n_out, x.shape[1], size, size)
        rows = self.held[f"{name}.weight"].flatten(1)
        kernel = (rows - rows.mean(1, keepdim=True)) / (rows.var(1, keepdim=True, correction=0) + 1e-8).sqrt()
        return F.conv2d(x, kernel.view(n_out, x.shape[1], size, size), **how)

    def active(self, x, name):
        n = x.shape[1]
        return F.relu(F.group_norm(x, 8, self.vector(f"{name}.weight", n, 1.0), self.vector(f"{name}.bias", n, 0.0)))


def test_a_bit(tmp_path):
    drawn, x = BiT(), torch.randn(2, 3, 64, 64)
    h = F.max_pool2d(F.pad(drawn.standard(x, "stem.conv", 16, 7, stride=2, padding=3), (1, 1, 1, 1)), 3, 2)
    for stage, (n_out, n_blocks) in enumerate(zip((64, 128, 256, 512), (3, 4, 6, 3), strict=True)):
        for block in range(n_blocks):
            at, stride = f"stages.{stage}.blocks.{block}", 2 if stage and not block else 1
            inner = drawn.active(h, f"{at}.norm1")
            shortcut = h if block else drawn.standard(inner, f"{at}.downsample.conv", n_out, stride=stride)
            inner = drawn.active(drawn.standard(inner, f"{at}.conv1", n_out // 4), f"{at}.norm2")
            inner = drawn.standard(inner, f"{at}.conv2", n_out // 4, 3, stride=stride, padding=1)
            h = drawn.standard(drawn.active(inner, f"{at}.norm3"), f"{at}.conv3", n_out) + shortcut
    h = drawn.active(h, "norm").mean((2, 3), keepdim=True)
    due = drawn.conv(h, "head.fc", 5, bias=True).flatten(1)
    assert_read(drawn, due, x, tmp_path, pn.model("bit_resnet50", width=0.25))


def test_a_mobilenet_v1_whose_activations_are_cut_at_6(tmp_path):
    drawn, x = Drawn(), torch.randn(2, 3, 64, 64)
    stages = (((16, 1),), ((32, 2), (32, 1)), ((64, 2), (64, 1)), ((128, 2), *[(128, 1)] * 5), ((256, 2), (256, 1)))
    h = F.relu6(drawn.norm(drawn.conv(x, "conv_stem", 8, 3, stride=2, padding=1), "bn1"))
    for s, stage in enumerate(stages):
        for b, (n_out, stride) in enumerate(stage):
            at, n_in = f"blocks.{s}.{b}", h.shape[1]
            h = drawn.conv(h, f"{at}.conv_dw", n_in, 3, stride=stride, padding=1, groups=n_in)
            h = F.relu6(drawn.norm(h, f"{at}.bn1"))
            h = F.relu6(drawn.norm(drawn.conv(h, f"{at}.conv_pw", n_out), f"{at}.bn2"))
    due = drawn.dense(h.mean((2, 3)), "classifier", 5)
    assert_read(drawn, due, x, tmp_path, pn.model("mobilenet_v1", width=0.25, origin="timm"))


@pytest.mark.parametrize(("architecture", "spec"), [
    ("vgg11.tv_in1k", pn.model("vgg11", norm=False)), ("vgg19_bn", pn.model("vgg19", norm=True)),
    ("legacy_xception.tf_in1k", pn.model("xception")), ("xception", pn.model("xception")),
    ("inception_v3.tv_in1k", pn.model("inception_v3", origin="torch")),
    ("inception_v4.tf_in1k", pn.model("inception_v4")),
    ("resnetv2_101x3_bit.goog_in21k", pn.model("bit_resnet101", width=3.0)),
    ("mobilenetv1_125.ra4_e3600_r224_in1k", pn.model("mobilenet_v1", width=1.25, origin="timm")),
])  # fmt: skip
def test_a_folder_says_which_model_it_is_of(architecture, spec, tmp_path):
    hub.write(tmp_path, {"architecture": architecture}, {"x": torch.zeros(1)})
    assert hub.spec_of(tmp_path) == spec
