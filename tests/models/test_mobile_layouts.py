"""MobileNet and EfficientNet against transformers, DenseNet and MobileNet v2 by torchvision's names: equal logits."""

import math

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import parnassus as pn
from parnassus import hub

pytestmark = pytest.mark.usefixtures("draws")

SIZES = {
    "MobileNetV1": {"depth_multiplier": 0.25, "num_labels": 3},
    "MobileNetV2": {"depth_multiplier": 0.5, "num_labels": 3},
    "EfficientNet": {"width_coefficient": 0.5, "depth_coefficient": 0.3, "hidden_dim": 640, "num_labels": 3},
}
EVEN, ODD = {"image_size": 64}, {"image_size": 80, "depthwise_padding": [5]}


def drawn(tensors):
    """Weights that keep the size of what passes, and statistics of norms far from their first values."""
    for name, t in tensors.items():
        if name.endswith("running_var"):
            t.uniform_(0.5, 2.0)
        elif t.ndim > 1:
            t.normal_(std=math.sqrt(2 / t[0].numel()))
        elif name.endswith("weight"):
            t.uniform_(0.5, 1.5)
        elif t.is_floating_point():
            t.normal_(std=0.3)
    return tensors


def peer(kind, **settings):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    config = getattr(transformers, f"{kind}Config")(**SIZES[kind] | settings)
    net = getattr(transformers, f"{kind}ForImageClassification")(config).eval()
    with torch.no_grad():
        drawn(net.state_dict())
    return net


def near(ours, theirs):
    assert theirs.std() > 1e-3
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize(("kind", "settings", "size"), [
    ("MobileNetV1", {}, (64, 48)), ("MobileNetV1", {"hidden_act": "relu", "tf_padding": False}, (64, 48)),
    ("MobileNetV1", {"num_channels": 1, "layer_norm_eps": 0.1}, (75, 33)),
    ("MobileNetV2", {}, (64, 48)), ("MobileNetV2", {}, (75, 33)), ("MobileNetV2", {"tf_padding": False}, (75, 33)),
    ("EfficientNet", EVEN, (64, 64)), ("EfficientNet", ODD, (80, 80)),
    ("EfficientNet", EVEN | {"depth_coefficient": 0.6, "num_channels": 1}, (64, 64)),
])  # fmt: skip
def test_the_same_weights_give_the_same_logits_there_and_back(kind, settings, size, tmp_path):
    theirs = peer(kind, **settings)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = hub.load(tmp_path / "theirs")
    x = torch.randn(2, settings.get("num_channels", 3), *size)
    with torch.no_grad():
        near(ours(x), theirs(x).logits)
        hub.save_pretrained(ours, tmp_path / "ours")
        again = type(theirs).from_pretrained(tmp_path / "ours").eval()
        near(again(x).logits, theirs(x).logits)


@pytest.mark.parametrize(("kind", "change"), [
    ("MobileNetV2", {"output_stride": 16}), ("MobileNetV2", {"expand_ratio": 4.0}),
    ("MobileNetV2", {"finegrained_output": False}), ("MobileNetV1", {"min_depth": 16}),
    ("EfficientNet", {"depthwise_padding": [5], "image_size": 64}), ("EfficientNet", {"pooling_type": "max"}),
    ("EfficientNet", {"squeeze_expansion_ratio": 0.5}),
    ("EfficientNet", {"width_coefficient": 0.25, "hidden_dim": 320}), ("MobileNetV2", {"depth_multiplier": 0.25}),
])  # fmt: skip
def test_what_is_computed_otherwise_is_refused(kind, change, tmp_path):
    peer(kind, **EVEN | change).save_pretrained(tmp_path)
    words = next(iter(change))
    with pytest.raises(pn.DataError, match="a width of 0.25" if change[words] == 0.25 else words):
        hub.load(tmp_path)


def test_weights_of_a_folder_start_a_training_in_their_own_convention(tmp_path):
    theirs = peer("MobileNetV2")
    theirs.save_pretrained(tmp_path)
    pictures = torch.randint(0, 255, (12, 64, 64, 3), dtype=torch.uint8).numpy()
    clf = pn.Classifier(start=str(tmp_path), epochs=1, freeze="features", batch_size=6).fit(
        pictures, ["cat", "dog", "owl", "fox"] * 3
    )
    own = clf.objective_.model
    assert clf.start_["new"] == ["head.2.bias", "head.2.weight"]
    assert own.features[0][1].eps == 1e-3
    held = theirs.state_dict()["mobilenet_v2.layer.3.conv_3x3.convolution.weight"]
    assert torch.equal(own.state_dict()["features.5.body.1.0.weight"], held)


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "efficientnet_b0"])
def test_an_unknown_origin_is_refused(name):
    builder = pn.model(name).builders("classifier")[0]
    facts = {"in_channels": 1, "image_size": (8, 8), "n_outputs": 2}
    with pytest.raises(pn.SettingError, match="origin='keras'"):
        builder.make(**facts, **pn.model(name, origin="keras").get_params(task="classifier"))


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "efficientnet_b0"])
def test_nets_of_another_stem_or_padding_have_no_foreign_layout(name, tmp_path):
    spec = pn.model(name, width=0.25)
    size = (8, 8) if name != "efficientnet_b0" else (64, 64)  # even padding is not theirs
    net = spec.builders("classifier")[0].make(
        in_channels=1, image_size=size, n_outputs=2, **spec.get_params(task="classifier")
    )
    with pytest.raises(pn.SettingError, match="no foreign layout"):
        hub.save_pretrained(net, tmp_path)


# --- torchvision's names --------------------------------------------------------------------------


def norm_of(name, n):
    parts = {"weight": (n,), "bias": (n,), "running_mean": (n,), "running_var": (n,)}
    return {f"{name}.{k}": torch.zeros(s) for k, s in parts.items()} | {f"{name}.num_batches_tracked": torch.tensor(0)}


def normed(x, held, name, *, eps=1e-5):
    mean, var = held[f"{name}.running_mean"], held[f"{name}.running_var"]
    return F.batch_norm(x, mean, var, held[f"{name}.weight"], held[f"{name}.bias"], eps=eps)


def densenet_tensors(layout, growth, n_outputs):
    n = 2 * growth
    held = {"features.conv0.weight": torch.zeros(n, 3, 7, 7)} | norm_of("features.norm0", n)
    for b, n_layers in enumerate(layout, 1):
        for layer in range(1, n_layers + 1):
            name = f"features.denseblock{b}.denselayer{layer}"
            held |= norm_of(f"{name}.norm1", n) | norm_of(f"{name}.norm2", 4 * growth)
            held[f"{name}.conv1.weight"] = torch.zeros(4 * growth, n, 1, 1)
            held[f"{name}.conv2.weight"] = torch.zeros(growth, 4 * growth, 3, 3)
            n += growth
        if b < len(layout):
            held |= norm_of(f"features.transition{b}.norm", n)
            held[f"features.transition{b}.conv.weight"] = torch.zeros(n // 2, n, 1, 1)
            n //= 2
    held |= norm_of("features.norm5", n)
    return drawn(held | {"classifier.weight": torch.zeros(n_outputs, n), "classifier.bias": torch.zeros(n_outputs)})


def densenet_twin(x, held, layout):
    """The net by its names, a line a step."""
    h = F.conv2d(x, held["features.conv0.weight"], stride=2, padding=3)
    h = F.max_pool2d(F.relu(normed(h, held, "features.norm0")), 3, 2, 1)
    for b, n_layers in enumerate(layout, 1):
        for layer in range(1, n_layers + 1):
            name = f"features.denseblock{b}.denselayer{layer}"
            thin = F.conv2d(F.relu(normed(h, held, f"{name}.norm1")), held[f"{name}.conv1.weight"])
            new = F.conv2d(F.relu(normed(thin, held, f"{name}.norm2")), held[f"{name}.conv2.weight"], padding=1)
            h = torch.cat([h, new], 1)
        if b < len(layout):
            name = f"features.transition{b}"
            h = F.avg_pool2d(F.conv2d(F.relu(normed(h, held, f"{name}.norm")), held[f"{name}.conv.weight"]), 2)
    h = F.relu(normed(h, held, "features.norm5")).mean((2, 3))
    return F.linear(h, held["classifier.weight"], held["classifier.bias"])


@pytest.mark.parametrize("old", [False, True])
def test_a_densenet_with_torchvisions_names_is_read(old, tmp_path):
    layout = (6, 12, 24, 16)
    held = densenet_tensors(layout, 4, 5)
    x = torch.randn(2, 3, 64, 64)
    due = densenet_twin(x, held, layout)
    if old:  # files of the first years write norm.1 for norm1, and count no batches
        held = {
            name.replace("norm1", "norm.1").replace("conv2", "conv.2"): t
            for name, t in held.items()
            if not name.endswith("num_batches_tracked")
        }
    save_file(held, tmp_path / "net.safetensors")
    facts = {"in_channels": 3, "image_size": (64, 64), "n_outputs": 5}
    ours = hub.load(tmp_path / "net.safetensors", pn.model("densenet121", growth=4), **facts)
    with torch.no_grad():
        near(ours(x), due)


BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def mobilenet_twin(x, *, n_outputs):
    """MobileNet v2 by torchvision's names at half width, which draws its weights as it goes: (logits, weights)."""
    held = {}

    def step(h, name, norm, n_out, *, kernel=1, stride=1, groups=1):
        made = {f"{name}.weight": torch.zeros(n_out, h.shape[1] // groups, kernel, kernel)} | norm_of(norm, n_out)
        held.update(drawn(made))
        h = F.conv2d(h, held[f"{name}.weight"], stride=stride, padding=kernel // 2, groups=groups)
        return normed(h, held, norm)

    h, i = F.relu6(step(x, "features.0.0", "features.0.1", 16, kernel=3, stride=2)), 1
    for (expansion, _, n_blocks, stride), n_out in zip(BLOCKS, (8, 16, 16, 32, 48, 80, 160), strict=True):
        for k in range(n_blocks):
            name, inner, place = f"features.{i}.conv", h, 0
            if expansion > 1:
                inner, place = F.relu6(step(h, f"{name}.0.0", f"{name}.0.1", expansion * h.shape[1])), 1
            wide = {"kernel": 3, "stride": stride if not k else 1, "groups": inner.shape[1]}
            inner = F.relu6(step(inner, f"{name}.{place}.0", f"{name}.{place}.1", inner.shape[1], **wide))
            inner = step(inner, f"{name}.{place + 1}", f"{name}.{place + 2}", n_out)
            h, i = h + inner if inner.shape == h.shape else inner, i + 1
    h = F.relu6(step(h, "features.18.0", "features.18.1", 1280)).mean((2, 3))
    held |= drawn({"classifier.1.weight": torch.zeros(n_outputs, 1280), "classifier.1.bias": torch.zeros(n_outputs)})
    return F.linear(h, held["classifier.1.weight"], held["classifier.1.bias"]), held


def test_a_mobilenet_with_torchvisions_names_is_read_and_ours_still_is(tmp_path):
    x = torch.randn(2, 3, 64, 64)
    due, held = mobilenet_twin(x, n_outputs=5)
    save_file(held, tmp_path / "net.safetensors")
    facts = {"in_channels": 3, "image_size": (64, 64), "n_outputs": 5}
    ours = hub.load(tmp_path / "net.safetensors", pn.model("mobilenet_v2", width=0.5), **facts)
    with torch.no_grad():
        near(ours(x), due)
        hub.write(tmp_path / "ours", {"model_type": "mobilenet"}, ours.state_dict())
        again = hub.load(tmp_path / "ours" / "model.safetensors", pn.model("mobilenet_v2", width=0.5), **facts)
        assert torch.equal(again(x), ours(x))


def efficientnet_twin(x, *, n_outputs, depth=1.0, eps=1e-5):
    """EfficientNet-B0 by torchvision's names at half width, which draws its weights as it goes: (logits, weights).

    Deeper ones have `depth` times its blocks.
    """
    held = {}

    def step(h, name, n_out, *, kernel=1, stride=1, groups=1):
        made = {f"{name}.0.weight": torch.zeros(n_out, h.shape[1] // groups, kernel, kernel)}
        held.update(drawn(made | norm_of(f"{name}.1", n_out)))
        h = F.conv2d(h, held[f"{name}.0.weight"], stride=stride, padding=kernel // 2, groups=groups)
        return normed(h, held, f"{name}.1", eps=eps)

    def gated(h, name, n_thin):
        for layer, (n_in, n_out) in {"fc1": (h.shape[1], n_thin), "fc2": (n_thin, h.shape[1])}.items():
            made = {
                f"{name}.{layer}.weight": torch.zeros(n_out, n_in, 1, 1),
                f"{name}.{layer}.bias": torch.zeros(n_out),
            }
            held.update(drawn(made))
        thin = F.silu(F.conv2d(h.mean((2, 3), keepdim=True), held[f"{name}.fc1.weight"], held[f"{name}.fc1.bias"]))
        return h * F.conv2d(thin, held[f"{name}.fc2.weight"], held[f"{name}.fc2.bias"]).sigmoid()

    stages = ((1, 3, 1, 8, 1), (6, 3, 2, 16, 2), (6, 5, 2, 24, 2), (6, 3, 2, 40, 3), (6, 5, 1, 56, 3), (6, 5, 2, 96, 4),
              (6, 3, 1, 160, 1))  # fmt: skip
    h = F.silu(step(x, "features.0", 16, kernel=3, stride=2))
    for s, (expansion, kernel, stride, n_out, n_blocks) in enumerate(stages, 1):
        for b in range(math.ceil(depth * n_blocks)):
            name, inner, k = f"features.{s}.{b}.block", h, 0
            if expansion > 1:
                inner, k = F.silu(step(h, f"{name}.0", expansion * h.shape[1])), 1
            wide = {"kernel": kernel, "stride": stride if not b else 1, "groups": inner.shape[1]}
            inner = F.silu(step(inner, f"{name}.{k}", inner.shape[1], **wide))
            inner = step(gated(inner, f"{name}.{k + 1}", h.shape[1] // 4), f"{name}.{k + 2}", n_out)
            h = h + inner if b else inner
    h = F.silu(step(h, "features.8", 640)).mean((2, 3))
    held |= drawn({"classifier.1.weight": torch.zeros(n_outputs, 640), "classifier.1.bias": torch.zeros(n_outputs)})
    return F.linear(h, held["classifier.1.weight"], held["classifier.1.bias"]), held


def test_an_efficientnet_with_torchvisions_names_is_read(tmp_path):
    x = torch.randn(2, 3, 64, 64)
    due, held = efficientnet_twin(x, n_outputs=5)
    save_file(held, tmp_path / "net.safetensors")
    facts = {"in_channels": 3, "image_size": (64, 64), "n_outputs": 5}
    ours = hub.load(tmp_path / "net.safetensors", pn.model("efficientnet_b0", width=0.5), **facts)
    with torch.no_grad():
        near(ours(x), due)
    with pytest.raises(pn.SettingError, match="origin='torchvision'"):
        hub.load(tmp_path / "net.safetensors", pn.model("efficientnet_b0", origin="torchvision"), **facts)


@pytest.mark.slow
def test_a_large_efficientnet_with_torchvisions_names_has_its_eps(tmp_path):
    x = torch.randn(1, 3, 64, 64)
    due, held = efficientnet_twin(x, n_outputs=5, depth=2.2, eps=1e-3)
    save_file(held, tmp_path / "net.safetensors")
    facts = {"in_channels": 3, "image_size": (64, 64), "n_outputs": 5}
    half = {"width": 0.5 / 1.6}
    ours = hub.load(tmp_path / "net.safetensors", pn.model("efficientnet_b5", origin="torchvision", **half), **facts)
    with torch.no_grad():
        near(ours(x), due)
    with pytest.raises(pn.SettingError, match=r"give pn\.model\('efficientnet_b5', origin='torchvision'\)"):
        hub.load(tmp_path / "net.safetensors", pn.model("efficientnet_b5", **half), **facts)


PARTS = {True: ("conv_dw", "conv_pw"), False: ("conv_pw", "conv_dw", "conv_pwl")}  # of a first stage, and of others
STEMS = {"0": ("conv_stem", "bn1"), "8": ("conv_head", "bn2"), "18": ("conv_head", "bn2")}


def mobilenet_of_timm(name):
    """A name of torchvision's MobileNet v2 as timm has it: blocks by stage, convolutions by what they do."""
    first, _, rest = name.removeprefix("features.").partition(".")
    if first in ("0", "18"):
        return f"{STEMS[first][int(rest[0])]}{rest[1:]}"
    if name.startswith("classifier"):
        return name.replace("classifier.1", "classifier")
    stages = [s for s, (_, _, n, _) in enumerate(BLOCKS) for _ in range(n)]
    stage = stages[int(first) - 1]
    where, parts = f"blocks.{stage}.{int(first) - 1 - stages.index(stage)}", PARTS[stage == 0]
    *place, kind = rest.removeprefix("conv.").split(".")
    k = int(place[0])
    if len(place) == 1:  # the last convolution and its norm stand side by side
        return f"{where}.{parts[-1]}.{kind}" if k == len(parts) - 1 else f"{where}.bn{len(parts)}.{kind}"
    return f"{where}.{parts[k]}.{kind}" if place[1] == "0" else f"{where}.bn{k + 1}.{kind}"


def efficientnet_of_timm(name):
    """A name of torchvision's EfficientNet-B0 as timm has it."""
    first, _, rest = name.removeprefix("features.").partition(".")
    if first in ("0", "8"):
        return f"{STEMS[first][int(rest[0])]}{rest[1:]}"
    if name.startswith("classifier"):
        return name.replace("classifier.1", "classifier")
    block, k, inner, kind = rest.replace(".block.", ".").split(".")
    where, parts = f"blocks.{int(first) - 1}.{block}", PARTS[first == "1"]
    if inner in ("fc1", "fc2"):
        return f"{where}.se.{'conv_reduce' if inner == 'fc1' else 'conv_expand'}.{kind}"
    at = min(int(k), len(parts) - 1)  # the gates stand before the last
    return f"{where}.{parts[at]}.{kind}" if inner == "0" else f"{where}.bn{at + 1}.{kind}"


@pytest.mark.parametrize(("twin", "renamed", "name"), [
    (mobilenet_twin, mobilenet_of_timm, "mobilenet_v2"), (efficientnet_twin, efficientnet_of_timm, "efficientnet_b0"),
], ids=["mobilenet", "efficientnet"])  # fmt: skip
def test_inverted_residuals_of_timm_are_read(twin, renamed, name, tmp_path):
    x = torch.randn(2, 3, 64, 64)
    due, held = twin(x, n_outputs=5)
    named = {renamed(name): t for name, t in held.items()}
    assert {"conv_stem.weight", "blocks.0.0.conv_pw.weight", "blocks.2.1.bn3.running_var", "bn2.bias"} <= named.keys()
    save_file(named, tmp_path / "net.safetensors")
    facts = {"in_channels": 3, "image_size": (64, 64), "n_outputs": 5}
    with torch.no_grad():
        near(hub.load(tmp_path / "net.safetensors", pn.model(name, width=0.5), **facts)(x), due)


def test_a_folder_of_timm_says_the_width_of_a_mobilenet_and_the_origin_of_an_efficientnet(tmp_path):
    x = torch.randn(1, 3, 64, 64)
    due, held = mobilenet_twin(x, n_outputs=5)
    told = {"num_classes": 5, "pretrained_cfg": {"input_size": [3, 64, 64]}}
    renamed = {mobilenet_of_timm(name): t for name, t in held.items()}
    hub.write(tmp_path / "m", told | {"architecture": "mobilenetv2_050.lamb_in1k"}, renamed)
    with torch.no_grad():
        near(hub.load(tmp_path / "m")(x), due)
    for name, origin in (("tf_efficientnet_b1.ns_jft_in1k", "tensorflow"), ("efficientnet_b1.ft_in1k", "torch")):
        hub.write(tmp_path / "e", {"architecture": name}, {"x": torch.zeros(1)})
        assert hub.spec_of(tmp_path / "e") == pn.model("efficientnet_b1", origin=origin)


def plain_twin(x, steps, places, *, head, n_outputs):
    """A stack by torchvision's names: (channels, kernel, stride, padding) or (kernel, stride) of a pool, then three
    dense layers whose places are named.
    """
    held, h = {}, x
    for i, step in steps:
        if len(step) == 2:
            h = F.max_pool2d(h, *step)
            continue
        n_out, kernel, stride, padding = step
        made = {
            f"features.{i}.weight": torch.zeros(n_out, h.shape[1], kernel, kernel),
            f"features.{i}.bias": torch.zeros(n_out),
        }
        held |= drawn(made)
        h = F.relu(F.conv2d(h, *made.values(), stride=stride, padding=padding))
    side, names = places
    h = F.adaptive_avg_pool2d(h, side).flatten(1)
    for k, (name, n_out) in enumerate(zip(names, (head, head, n_outputs), strict=True)):
        made = drawn(
            {f"classifier.{name}.weight": torch.zeros(n_out, h.shape[1]), f"classifier.{name}.bias": torch.zeros(n_out)}
        )
        held |= made
        h = F.linear(h, *made.values())
        h = F.relu(h) if k < 2 else h
    return h, held


VGG11 = ((0, (8, 3, 1, 1)), (2, (2, 2)), (3, (16, 3, 1, 1)), (5, (2, 2)), (6, (32, 3, 1, 1)), (8, (32, 3, 1, 1)),
         (10, (2, 2)), (11, (64, 3, 1, 1)), (13, (64, 3, 1, 1)), (15, (2, 2)), (16, (64, 3, 1, 1)), (18, (64, 3, 1, 1)),
         (20, (2, 2)))  # fmt: skip
ALEXNET = ((0, (8, 11, 4, 2)), (2, (3, 2)), (3, (24, 5, 1, 2)), (5, (3, 2)), (6, (48, 3, 1, 1)), (8, (32, 3, 1, 1)),
           (10, (32, 3, 1, 1)), (12, (3, 2)))  # fmt: skip


@pytest.mark.parametrize(("name", "steps", "places", "size"), [
    ("vgg11", VGG11, (7, (0, 3, 6)), 64), ("alexnet", ALEXNET, (6, (1, 4, 6)), 96),
])  # fmt: skip
def test_vgg_and_alexnet_have_torchvisions_names(name, steps, places, size, tmp_path):
    x = torch.randn(2, 3, size, size)
    due, held = plain_twin(x, steps, places, head=12, n_outputs=5)
    save_file(held, tmp_path / "net.safetensors")
    facts = {"in_channels": 3, "image_size": (size, size), "n_outputs": 5}
    ours = hub.load(tmp_path / "net.safetensors", pn.model(name, width=0.125, head=12), **facts)
    with torch.no_grad():
        near(ours(x), due)
