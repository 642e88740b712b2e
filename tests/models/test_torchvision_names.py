"""GoogLeNet, Inception v3, ConvNeXt and ViT by torchvision's names, the last two by timm's: equal logits of twins."""

import math
import re

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

    def __init__(self) -> None:
        self.held: dict[str, Tensor] = {}

    def normal(self, name: str, *shape: int, std: float = 1.0, mean: float = 0.0) -> Tensor:
        self.held[name] = mean + std * torch.randn(shape)
        return self.held[name]

    def linear(self, x: Tensor, name: str, n_out: int) -> Tensor:
        weight = self.normal(f"{name}.weight", n_out, x.shape[-1], std=math.sqrt(2 / x.shape[-1]))
        return F.linear(x, weight, self.normal(f"{name}.bias", n_out, std=0.3))

    def conv(self, x: Tensor, name: str, n_out: int, size: tuple[int, int], *, bias: bool, groups: int = 1,
             **how) -> Tensor:  # fmt: skip
        n_in = x.shape[1] // groups
        weight = self.normal(f"{name}.weight", n_out, n_in, *size, std=math.sqrt(2 / (n_in * size[0] * size[1])))
        return F.conv2d(x, weight, self.normal(f"{name}.bias", n_out, std=0.3) if bias else None, groups=groups, **how)

    def unit(self, x: Tensor, name: str, n_out: int, size=(1, 1), **how) -> Tensor:
        """BasicConv2d: a convolution, a norm with eps .001, ReLU."""
        h = self.conv(x, f"{name}.conv", n_out, size, bias=False, **how)
        mean, bias = (self.normal(f"{name}.bn.{part}", n_out, std=0.3) for part in ("running_mean", "bias"))
        self.held[f"{name}.bn.running_var"] = variance = 0.002 + torch.rand(n_out)  # so small that eps is seen
        self.held[f"{name}.bn.num_batches_tracked"] = torch.tensor(0)
        weight = self.normal(f"{name}.bn.weight", n_out, mean=0.5, std=0.1)
        return F.relu(F.batch_norm(h, mean, variance, weight, bias, eps=1e-3))

    def norm(self, x: Tensor, name: str) -> Tensor:
        n = x.shape[-1]
        weight = self.normal(f"{name}.weight", n, mean=1, std=0.3)
        return F.layer_norm(x, (n,), weight, self.normal(f"{name}.bias", n, std=0.3), eps=1e-6)

    def channel_norm(self, x: Tensor, name: str) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1), name).permute(0, 3, 1, 2)


def loaded(drawn, folder, spec, size, n_outputs=5):
    save_file({name: tensor.contiguous() for name, tensor in drawn.held.items()}, folder / "net.safetensors")
    facts = {"in_channels": 3, "image_size": (size, size), "n_outputs": n_outputs}
    return hub.load(folder / "net.safetensors", spec, **facts)


def near(ours, theirs):
    assert theirs.std() > 1e-3
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=2e-5 * float(theirs.abs().max()))


# --- GoogLeNet ------------------------------------------------------------------------------------

GOOGLENET = {"3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64), "pool3": None,
             "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64),
             "4d": (112, 144, 288, 32, 64, 64), "4e": (256, 160, 320, 32, 128, 128), "pool4": None,
             "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128)}  # fmt: skip


def googlenet_twin(x, drawn, width, n_outputs=5):
    def w(n):
        return scaled(width, n)

    three = {"size": (3, 3), "padding": 1}
    h = drawn.unit(x, "conv1", w(64), (7, 7), stride=2, padding=3)
    h = drawn.unit(F.max_pool2d(h, 3, 2, ceil_mode=True), "conv2", w(64))
    h = F.max_pool2d(drawn.unit(h, "conv3", w(192), **three), 3, 2, ceil_mode=True)
    for name, channels in GOOGLENET.items():
        if channels is None:
            side = {"pool3": 3, "pool4": 2}[name]
            h = F.max_pool2d(h, side, 2, ceil_mode=True)
            continue
        one, thin3, three_out, thin5, five_out, after = map(w, channels)
        at = f"inception{name}.branch"
        second = drawn.unit(drawn.unit(h, f"{at}2.0", thin3), f"{at}2.1", three_out, **three)
        third = drawn.unit(drawn.unit(h, f"{at}3.0", thin5), f"{at}3.1", five_out, **three)
        fourth = drawn.unit(F.max_pool2d(h, 3, 1, 1, ceil_mode=True), f"{at}4.1", after)
        h = torch.cat([drawn.unit(h, f"{at}1", one), second, third, fourth], 1)
    return drawn.linear(h.mean((2, 3)), "fc", n_outputs)


@pytest.mark.parametrize("size", [64, 90])
def test_a_googlenet_with_torchvisions_names_is_read_without_its_side_heads(size, tmp_path):
    drawn, x = Drawn(), torch.randn(2, 3, size, size)
    due = googlenet_twin(x, drawn, 0.25)
    drawn.normal("aux1.conv.conv.weight", 32, 128, 1, 1)
    drawn.normal("aux2.fc2.bias", 5)
    with torch.no_grad():
        near(loaded(drawn, tmp_path, pn.model("googlenet", width=0.25, origin="torch"), size)(x), due)
    for options in ({}, {"origin": "torch", "auxiliary": 0.3}, {"origin": "torch", "norm": False}):
        with pytest.raises(pn.SettingError, match=r"origin='torch', norm=True, auxiliary=0\.0"):
            loaded(drawn, tmp_path, pn.model("googlenet", width=0.25, **options), size)


def counted(name, size, **options):
    spec = pn.model(name, **options)
    with torch.device("meta"):
        made = spec.builders("classifier")[0].make(
            in_channels=3, image_size=(size, size), n_outputs=1000, **spec.get_params(task="classifier")
        )
        return sum(p.numel() for p in made.parameters())


@pytest.mark.parametrize(("name", "size", "options", "published"), [
    ("googlenet", 224, {"origin": "torch"}, 6_624_904), ("inception_v3", 299, {"origin": "torch"}, 23_834_568),
    ("convnext_t", 224, {}, 28_589_128), ("vit_b", 224, {}, 86_567_656),
])  # fmt: skip
def test_nets_have_as_many_parameters_as_torchvision_documents(name, size, options, published):
    assert counted(name, size, **options) == published


def test_weights_that_were_told_pictures_of_another_range_want_them_so(tmp_path):
    """`transform_input` of torchvision makes normalised pictures run from -1 to 1, which is no part of the weights."""
    drawn, bytes_ = Drawn(), torch.randint(0, 256, (2, 3, 64, 64))
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
    x = (bytes_ / 255 - mean) / std
    shown = torch.stack([
        x[:, 0] * (0.229 / 0.5) + (0.485 - 0.5) / 0.5,
        x[:, 1] * (0.224 / 0.5) + (0.456 - 0.5) / 0.5,
        x[:, 2] * (0.225 / 0.5) + (0.406 - 0.5) / 0.5,
    ], 1)  # fmt: skip
    due = googlenet_twin(shown, drawn, 0.125)
    with torch.no_grad():
        net = loaded(drawn, tmp_path, pn.model("googlenet", width=0.125, origin="torch"), 64)
        near(net(bytes_ / 127.5 - 1), due)


# --- Inception v3 ---------------------------------------------------------------------------------


def inception_twin(x, drawn, width, n_outputs=5):
    """A line a branch, as the source has them."""

    def unit(h, name, n, size=(1, 1), *, stride=1, valid=False):
        padding = (0, 0) if valid or stride > 1 else (size[0] // 2, size[1] // 2)
        return drawn.unit(h, name, scaled(width, n), size, stride=stride, padding=padding)

    def chain(h, at, steps):
        for name, n, size, *stride in steps:
            h = unit(h, f"{at}.branch{name}", n, size, stride=stride[0] if stride else 1)
        return h

    one, three, flat, tall = (1, 1), (3, 3), (1, 7), (7, 1)
    h = unit(x, "Conv2d_1a_3x3", 32, three, stride=2)
    h = unit(unit(h, "Conv2d_2a_3x3", 32, three, valid=True), "Conv2d_2b_3x3", 64, three)
    h = unit(F.max_pool2d(h, 3, 2), "Conv2d_3b_1x1", 80)
    h = F.max_pool2d(unit(h, "Conv2d_4a_3x3", 192, three, valid=True), 3, 2)

    def pooled(h, at, n):
        return chain(F.avg_pool2d(h, 3, 1, 1), at, [("_pool", n, one)])

    for letter, n in (("b", 32), ("c", 64), ("d", 64)):
        at = f"Mixed_5{letter}"
        five = [("5x5_1", 48, one), ("5x5_2", 64, (5, 5))]
        twice = [("3x3dbl_1", 64, one), ("3x3dbl_2", 96, three), ("3x3dbl_3", 96, three)]
        h = torch.cat([chain(h, at, [("1x1", 64, one)]), chain(h, at, five), chain(h, at, twice), pooled(h, at, n)], 1)
    twice = [("3x3dbl_1", 64, one), ("3x3dbl_2", 96, three), ("3x3dbl_3", 96, three, 2)]
    h = torch.cat([chain(h, "Mixed_6a", [("3x3", 384, three, 2)]), chain(h, "Mixed_6a", twice), F.max_pool2d(h, 3, 2)],
                  1)  # fmt: skip
    for letter, c in (("b", 128), ("c", 160), ("d", 160), ("e", 192)):
        at = f"Mixed_6{letter}"
        seven = [("7x7_1", c, one), ("7x7_2", c, flat), ("7x7_3", 192, tall)]
        long = [("7x7dbl_1", c, one), ("7x7dbl_2", c, tall), ("7x7dbl_3", c, flat), ("7x7dbl_4", c, tall),
                ("7x7dbl_5", 192, flat)]  # fmt: skip
        ends = chain(h, at, [("1x1", 192, one)]), chain(h, at, seven), chain(h, at, long), pooled(h, at, 192)
        h = torch.cat(ends, 1)
    at = "Mixed_7a"
    seven = [("7x7x3_1", 192, one), ("7x7x3_2", 192, flat), ("7x7x3_3", 192, tall), ("7x7x3_4", 192, three, 2)]
    first = chain(h, at, [("3x3_1", 192, one), ("3x3_2", 320, three, 2)])
    h = torch.cat([first, chain(h, at, seven), F.max_pool2d(h, 3, 2)], 1)
    for letter in "bc":
        at = f"Mixed_7{letter}"
        forks = chain(h, at, [("3x3_1", 384, one)]), chain(h, at, [("3x3dbl_1", 448, one), ("3x3dbl_2", 384, three)])
        ends = [chain(h, at, [("1x1", 320, one)])]
        for name, inner in zip(("3x3_2", "3x3dbl_3"), forks, strict=True):
            ends += [chain(inner, at, [(f"{name}a", 384, (1, 3))]), chain(inner, at, [(f"{name}b", 384, (3, 1))])]
        h = torch.cat([*ends, pooled(h, at, 192)], 1)
    return drawn.linear(h.mean((2, 3)), "fc", n_outputs)


def test_an_inception_v3_with_torchvisions_names_is_read_where_edges_are_counted_its_way(tmp_path):
    drawn, x = Drawn(), torch.randn(2, 3, 99, 99)
    due = inception_twin(x, drawn, 0.125)
    drawn.normal("AuxLogits.fc.bias", 5)
    with torch.no_grad():
        near(loaded(drawn, tmp_path, pn.model("inception_v3", width=0.125, origin="torch"), 99)(x), due)
    with pytest.raises(pn.SettingError, match=r"origin='torch', auxiliary=0\.0"):  # the means at edges differ
        loaded(drawn, tmp_path, pn.model("inception_v3", width=0.125), 99)


@pytest.mark.parametrize(("name", "options"), [
    ("googlenet", {"origin": "keras"}), ("inception_v3", {"origin": "keras"}), ("inception_v4", {"origin": "torch"}),
])  # fmt: skip
def test_an_origin_that_is_none_is_refused(name, options):
    with pytest.raises(pn.SettingError, match="origin"):
        counted(name, 64, **options)


# --- ConvNeXt -------------------------------------------------------------------------------------


def convnext_twin(x, drawn, widths, depths=(3, 3, 9, 3), n_outputs=5):
    h = drawn.channel_norm(drawn.conv(x, "features.0.0", widths[0], (4, 4), bias=True, stride=4), "features.0.1")
    for stage, (n, depth) in enumerate(zip(widths, depths, strict=True)):
        if stage:
            at = f"features.{2 * stage}"
            h = drawn.conv(drawn.channel_norm(h, f"{at}.0"), f"{at}.1", n, (2, 2), bias=True, stride=2)
        for block in range(depth):
            at = f"features.{2 * stage + 1}.{block}"
            inner = drawn.conv(h, f"{at}.block.0", n, (7, 7), bias=True, groups=n, padding=3).permute(0, 2, 3, 1)
            inner = F.gelu(drawn.linear(drawn.norm(inner, f"{at}.block.2"), f"{at}.block.3", 4 * n))
            inner = drawn.linear(inner, f"{at}.block.5", n).permute(0, 3, 1, 2)
            h = h + drawn.normal(f"{at}.layer_scale", n, 1, 1, std=0.3) * inner
    h = drawn.channel_norm(h.mean((2, 3), keepdim=True), "classifier.0").flatten(1)
    return drawn.linear(h, "classifier.2", n_outputs)


def test_a_convnext_with_torchvisions_names_is_read(tmp_path):
    drawn, x = Drawn(), torch.randn(2, 3, 64, 64)
    due = convnext_twin(x, drawn, (12, 24, 48, 96))
    with torch.no_grad():
        near(loaded(drawn, tmp_path, pn.model("convnext_t", width=0.125), 64)(x), due)
    with pytest.raises(pn.DataError, match="missing"):  # 27 blocks in the third stage
        loaded(drawn, tmp_path, pn.model("convnext_s", width=0.125), 64)


def timms(name, places):
    """A name of torchvision's as timm has it, by pairs of what it begins with, and of what comes after."""
    for theirs, other in places:
        name = re.sub(theirs, other, name)
    return name


def of_timm(drawn, folder, places, config):
    """What `hub.load` makes of a folder of timm's, of weights that were drawn under torchvision's names."""
    hub.write(folder, config, {timms(name, places): t for name, t in drawn.held.items()})
    return hub.load(folder)


CONVNEXT_OF_TIMM = [
    (r"^features\.0\.", "stem."), (r"^classifier\.0", "head.norm"), (r"^classifier\.2", "head.fc"),
    (r"^features\.([246])\.", lambda m: f"stages.{int(m[1]) // 2}.downsample."),
    (r"^features\.([1357])\.", lambda m: f"stages.{int(m[1]) // 2}.blocks."),
    (r"block\.0", "conv_dw"), (r"block\.2", "norm"), (r"block\.3", "mlp.fc1"), (r"block\.5", "mlp.fc2"),
    ("layer_scale", "gamma"),
]  # fmt: skip


@pytest.mark.slow
def test_a_convnext_of_timm_is_read_by_its_folder(tmp_path):
    drawn, x = Drawn(), torch.randn(1, 3, 64, 64)
    due = convnext_twin(x, drawn, (96, 192, 384, 768))
    drawn.held = {n: t.flatten() if n.endswith("layer_scale") else t for n, t in drawn.held.items()}
    config = {"architecture": "convnext_tiny.fb_in1k", "num_classes": 5, "pretrained_cfg": {"input_size": [3, 64, 64]}}
    with torch.no_grad():
        near(of_timm(drawn, tmp_path, CONVNEXT_OF_TIMM, config)(x), due)


# --- ViT ------------------------------------------------------------------------------------------


def vit_twin(x, drawn, n_layers, patch, width=192, n_heads=3, hidden=768, n_outputs=5):
    h = drawn.conv(x, "conv_proj", width, (patch, patch), bias=True, stride=patch).flatten(2).mT
    h = torch.cat([drawn.normal("class_token", 1, 1, width).expand(len(x), -1, -1), h], 1)
    h = h + drawn.normal("encoder.pos_embedding", 1, h.shape[1], width)
    for i in range(n_layers):
        at = f"encoder.layers.encoder_layer_{i}"
        theirs = torch.nn.MultiheadAttention(width, n_heads, batch_first=True)
        parts = dict(theirs.named_parameters())
        for name, part in parts.items():
            part.data.normal_(std=width**-0.5)
            drawn.held[f"{at}.self_attention.{name}"] = part.data
        seen = drawn.norm(h, f"{at}.ln_1")
        h = h + theirs.eval()(seen, seen, seen, need_weights=False)[0]
        inner = F.gelu(drawn.linear(drawn.norm(h, f"{at}.ln_2"), f"{at}.mlp.0", hidden))
        h = h + drawn.linear(inner, f"{at}.mlp.3", width)
    return drawn.linear(drawn.norm(h, "encoder.ln")[:, 0], "heads.head", n_outputs)


@pytest.mark.parametrize("older", [False, True])
def test_a_vit_with_torchvisions_names_is_read(older, tmp_path):
    drawn, x = Drawn(), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        due = vit_twin(x, drawn, 2, 8)
        if older:
            drawn.held = {n.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): t
                          for n, t in drawn.held.items()}  # fmt: skip
        near(loaded(drawn, tmp_path, pn.model("vit_ti", n_layers=2, patch_size=8), 32)(x), due)
    with pytest.raises(pn.SettingError, match="pooling='class', stem='patches'"):
        loaded(drawn, tmp_path, pn.model("vit_ti", n_layers=2, patch_size=8, pooling="mean"), 32)
    with pytest.raises(pn.DataError, match="place is"):
        loaded(drawn, tmp_path, pn.model("vit_ti", n_layers=2, patch_size=8), 64)


VIT_OF_TIMM = [
    ("class_token", "cls_token"), ("encoder.pos_embedding", "pos_embed"), ("conv_proj", "patch_embed.proj"),
    (r"encoder\.layers\.encoder_layer_(\d+)", r"blocks.\1"), ("ln_1", "norm1"), ("ln_2", "norm2"),
    ("self_attention.in_proj_", "attn.qkv."), ("self_attention.out_proj", "attn.proj"),
    (r"mlp\.0", "mlp.fc1"), (r"mlp\.3", "mlp.fc2"), (r"encoder\.ln", "norm"), (r"heads\.head", "head"),
]  # fmt: skip


@pytest.mark.parametrize("name", ["vit_tiny_patch8_32", "deit_tiny_patch8_32"])
def test_a_vit_of_timm_is_read_by_its_folder(name, tmp_path):
    drawn, x = Drawn(), torch.randn(2, 3, 32, 32)
    config = {"architecture": f"{name}.augreg_in1k", "num_classes": 5, "pretrained_cfg": {"input_size": [3, 32, 32]}}
    with torch.no_grad():
        due = vit_twin(x, drawn, 12, 8)
        near(of_timm(drawn, tmp_path, VIT_OF_TIMM, config)(x), due)
    assert hub.spec_of(tmp_path) == pn.model("vit_ti", patch_size=8)


def test_means_in_place_of_a_class_vector_are_refused_by_the_name_of_their_norm(tmp_path):
    drawn = Drawn()
    with torch.no_grad():
        vit_twin(torch.randn(1, 3, 32, 32), drawn, 12, 8)
    places = [*VIT_OF_TIMM, (r"^norm\.", "fc_norm.")]  # as timm calls it with global_pool="avg"
    config = {"architecture": "vit_tiny_patch8_32", "num_classes": 5, "pretrained_cfg": {"input_size": [3, 32, 32]}}
    with pytest.raises(pn.DataError, match=r"without a place: fc_norm.bias, fc_norm.weight|missing: encoder.last"):
        of_timm(drawn, tmp_path, places, config)


def test_an_architecture_of_timm_that_is_not_here_is_refused_by_name(tmp_path):
    hub.write(tmp_path, {"architecture": "resnet50d.ra2_in1k"}, {"conv1.0.weight": torch.zeros(1)})
    with pytest.raises(pn.DataError, match="'resnet50d', which is no model here"):
        hub.load(tmp_path)
    assert hub.spec_of(tmp_path) is None
