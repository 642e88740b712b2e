"""Folders of transformers whose configuration says which of the published nets they hold, and which no net here."""

import json

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus import hub

RESNET = {"model_type": "resnet", "embedding_size": 64}
BIT = {"model_type": "bit", "embedding_size": 64, "hidden_sizes": [256, 512, 1024, 2048]}
WIDE, THIN = [256, 512, 1024, 2048], [64, 128, 256, 512]
VIT = {"model_type": "vit", "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
VIT |= {"intermediate_size": 3072, "patch_size": 32, "image_size": 384}
CONVNEXT = {"model_type": "convnext", "hidden_sizes": [128, 256, 512, 1024], "depths": [3, 3, 27, 3]}


@pytest.mark.parametrize(
    ("config", "spec"),
    [
        # as microsoft/resnet-18, -34 and -50, google/bit-50, facebook/convnext-base-224 and google/vit-base-patch32-384
        (RESNET | {"layer_type": "basic", "hidden_sizes": THIN, "depths": [2, 2, 2, 2]}, ("resnet18", {})),
        (RESNET | {"layer_type": "basic", "hidden_sizes": THIN, "depths": [3, 4, 6, 3]}, ("resnet34", {})),
        (RESNET | {"hidden_sizes": WIDE, "depths": [3, 4, 6, 3]}, ("resnet50", {})),
        (BIT | {"depths": [3, 4, 6, 3]}, ("bit_resnet50", {})),
        (CONVNEXT, ("convnext_b", {"patch_size": 4, "drop_path": 0.0})),
        (VIT, ("vit_b", {"patch_size": 32})),
    ],
)
def test_a_published_net_is_known_by_its_configuration(config, spec, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config))
    name, options = spec
    options = options or {"stem": "paper"}
    assert hub.spec_of(tmp_path) == pn.model(name, **options)


@pytest.mark.parametrize(
    "config",
    [
        RESNET | {"hidden_sizes": WIDE, "depths": [2, 2, 2, 2]},
        RESNET | {"hidden_sizes": THIN, "depths": [3, 4, 6, 3]},
        RESNET | {"hidden_sizes": WIDE, "depths": [3, 4, 6, 3], "embedding_size": 32},
        BIT | {"depths": [2, 2, 2, 2]},
        BIT | {"depths": [3, 4, 6, 3], "num_groups": 16},
        CONVNEXT | {"depths": [3, 3, 9, 3]},
        VIT | {"num_attention_heads": 8},
        VIT | {"hidden_act": "relu"},
        VIT | {"qkv_bias": False},
    ],
)
def test_a_net_of_other_sizes_has_no_name(config, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert hub.spec_of(tmp_path) is None


@pytest.mark.usefixtures("draws")
def test_a_training_from_a_folder_needs_no_model(tmp_path):
    spec = pn.model("resnet18", stem="paper")
    facts = {"in_channels": 1, "image_size": (32, 32), "n_outputs": 5}
    net = spec.builders("classifier")[0].make(**facts, **spec.get_params(task="classifier"))
    hub.save_pretrained(net, tmp_path)
    pictures = np.random.default_rng(0).integers(0, 255, (6, 32, 32), dtype=np.uint8)
    clf = pn.Classifier(start=tmp_path, freeze="body", epochs=1, progress=False).fit(
        pictures, ["cat", "dog", "owl"] * 2
    )
    own = clf.objective_.model.state_dict()
    assert clf.start_["new"] == ["head.2.bias", "head.2.weight"]
    assert all(torch.equal(own[name], held) for name, held in net.state_dict().items() if not name.startswith("head"))


def test_a_file_of_weights_alone_is_refused_as_a_start_with_what_reads_it(tmp_path):
    hub.write(tmp_path, {}, {"fc.weight": torch.zeros(2, 2)})
    pictures = np.zeros((4, 32, 32), dtype=np.uint8)
    with pytest.raises(pn.FileError, match=r"read by pn\.hub\.load, and the net that it gives may start a training"):
        pn.Classifier("resnet18", start=tmp_path / "model.safetensors").fit(pictures, [0, 1, 0, 1])
