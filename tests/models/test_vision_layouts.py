"""ResNet, ConvNeXt and BiT against transformers: random weights, saved, loaded, equal logits, saved back."""

import pytest
import torch
from safetensors.torch import save_file

import parnassus as pn
from parnassus import hub

transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install transformers")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
pytestmark = pytest.mark.usefixtures("draws")

SIZES = {
    "ResNet": {"hidden_sizes": [32, 64], "embedding_size": 8, "depths": [1, 2], "num_labels": 3},
    "ConvNext": {"hidden_sizes": [8, 12], "depths": [2, 1], "num_stages": 2, "num_labels": 3},
    "Bit": {"hidden_sizes": [32, 64], "embedding_size": 8, "depths": [1, 2], "num_labels": 3, "num_groups": 4},
}
BASIC = {"layer_type": "basic", "hidden_sizes": [8, 16]}


def peer(kind, **settings):
    """A net of theirs with weights, and statistics of norms, far from their first values."""
    config = getattr(transformers, f"{kind}Config")(**SIZES[kind] | settings)
    net = getattr(transformers, f"{kind}ForImageClassification")(config)
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.3)
    for name, buffer in net.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.3)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)
    return net.eval()


def near(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("ResNet", {}), ("ResNet", BASIC), ("ConvNext", {}), ("Bit", {}), ("ConvNext", {"num_channels": 1})],
)
def test_the_same_weights_give_the_same_logits_there_and_back(kind, settings, tmp_path):
    theirs = peer(kind, **settings)
    x = torch.randn(2, settings.get("num_channels", 3), 64, 48)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = hub.load(tmp_path / "theirs")
    with torch.no_grad():
        near(ours(x), theirs(x).logits)
        hub.save_pretrained(ours, tmp_path / "ours")
        again = type(theirs).from_pretrained(tmp_path / "ours").eval()
        near(again(x).logits, theirs(x).logits)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("ResNet", {"downsample_in_bottleneck": True}),
        ("ResNet", {"downsample_in_first_stage": True}),
        ("Bit", {"layer_type": "bottleneck"}),
        ("Bit", {"global_padding": "same"}),
    ],
)
def test_what_is_computed_otherwise_is_refused(kind, change, tmp_path):
    transformers.AutoModelForImageClassification.from_config(
        getattr(transformers, f"{kind}Config")(**SIZES[kind] | change)
    ).save_pretrained(tmp_path)
    with pytest.raises(pn.DataError, match=next(iter(change))):
        hub.load(tmp_path)


def torchvisions(name):
    """A name of transformers' ResNet as torchvision and timm have it."""
    parts = name.removeprefix("resnet.").split(".")
    if parts[0] == "embedder":
        return ".".join([{"convolution": "conv1", "normalization": "bn1"}[parts[2]], *parts[3:]])
    if parts[0] == "classifier":
        return f"fc.{parts[2]}"
    stage, block, rest = int(parts[2]) + 1, parts[4], parts[5:]
    if rest[0] == "shortcut":
        return f"layer{stage}.{block}.downsample.{'01'[rest[1] == 'normalization']}.{rest[2]}"
    return f"layer{stage}.{block}.{'bn' if rest[2] == 'normalization' else 'conv'}{int(rest[1]) + 1}.{rest[3]}"


def test_a_file_with_torchvisions_names_is_read(tmp_path):
    settings = {"hidden_sizes": [8, 16, 32, 64], "embedding_size": 8, "depths": [2, 2, 2, 2], "layer_type": "basic"}
    theirs = peer("ResNet", **settings, num_labels=5)
    tensors = {torchvisions(name): t.contiguous() for name, t in theirs.state_dict().items()}
    assert {"conv1.weight", "bn1.running_var", "layer2.0.downsample.1.bias", "layer4.1.conv2.weight"} <= tensors.keys()
    save_file(tensors, tmp_path / "resnet18.safetensors")
    spec, facts = pn.model("resnet18", width=1 / 8), {"in_channels": 3, "image_size": (64, 64), "n_outputs": 5}
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        near(hub.load(tmp_path / "resnet18.safetensors", spec, **facts)(x), theirs(x).logits)
    old = {name: t for name, t in tensors.items() if not name.endswith("num_batches_tracked")}
    save_file(old, tmp_path / "old.safetensors")
    with torch.no_grad():
        near(hub.load(tmp_path / "old.safetensors", spec, **facts)(x), theirs(x).logits)


def test_a_folder_of_timm_says_what_it_holds(tmp_path):
    settings = {"hidden_sizes": [64, 128, 256, 512], "depths": [2, 2, 2, 2], "layer_type": "basic"}
    theirs = peer("ResNet", **settings, embedding_size=64, num_labels=5)
    config = {"architecture": "resnet18", "num_classes": 5, "pretrained_cfg": {"input_size": [3, 64, 64]}}
    hub.write(tmp_path, config, {torchvisions(n): t for n, t in theirs.state_dict().items()})
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        near(hub.load(tmp_path)(x), theirs(x).logits)


def test_a_pickle_is_refused_with_the_conversion_to_run(tmp_path):
    (tmp_path / "resnet18.pth").write_bytes(b"\x80\x02.")
    with pytest.raises(pn.FileError, match=r"save_file\(torch\.load"):
        hub.load(tmp_path / "resnet18.pth", pn.model("resnet18"))


def test_a_file_alone_wants_a_model(tmp_path):
    save_file({"fc.weight": torch.zeros(2, 2)}, tmp_path / "net.safetensors")
    with pytest.raises(pn.SettingError, match="name the model"):
        hub.load(tmp_path / "net.safetensors")


def test_nets_with_stems_for_small_pictures_have_no_foreign_layout(tmp_path):
    for spec in (pn.model("resnet20"), pn.model("bit_resnet50"), pn.model("convnext_t", patch_size=4)):
        builder = spec.builders("classifier")[0]
        net = builder.make(in_channels=1, image_size=(8, 8), n_outputs=2, **spec.get_params(task="classifier"))
        with pytest.raises(pn.SettingError, match="no foreign layout"):
            hub.save_pretrained(net, tmp_path)


def test_weights_of_a_folder_start_a_training_with_a_new_head(tmp_path):
    settings = {"hidden_sizes": [64, 128, 256, 512], "depths": [2, 2, 2, 2], "layer_type": "basic", "num_channels": 1}
    theirs = peer("ResNet", **settings, embedding_size=64, num_labels=5)
    theirs.save_pretrained(tmp_path)
    pictures = torch.randint(0, 255, (12, 64, 64), dtype=torch.uint8).numpy()
    plan = {"epochs": 1, "freeze": "body", "batch_size": 6}
    clf = pn.Classifier("resnet18", start=str(tmp_path), **plan).fit(pictures, ["cat", "dog", "owl"] * 4)
    own = clf.objective_.model.state_dict()
    assert clf.start_["new"] == ["head.2.bias", "head.2.weight"]
    assert torch.equal(own["conv1.weight"], theirs.state_dict()["resnet.embedder.embedder.convolution.weight"])
