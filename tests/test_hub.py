"""Weights in other people's names, and folders in other people's layout."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import parnassus as pn
from parnassus import hub
from parnassus.models.tables.mlp import MLP
from parnassus.models.vision.cnn import KEYS, LeNet5

SEQUENTIAL = KEYS["lenet"][0]


def sequential_lenet() -> nn.Module:
    """LeNet-5 as it is widely written: two nn.Sequential, which name their parts by number."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)
            )
            self.classifier = nn.Sequential(
                nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)
            )

        def forward(self, x):
            return self.classifier(self.features(x))

    return Net()


def pictures() -> torch.Tensor:
    return torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(1))


LENET = {"model_type": "lenet", "num_labels": 10, "num_channels": 1, "image_size": 32}


@pytest.mark.usefixtures("draws")
def test_a_lenet_in_sequential_names_gives_its_own_outputs_after_translation(tmp_path):
    theirs = sequential_lenet().eval()
    hub.write(tmp_path, LENET, theirs.state_dict())
    ours = hub.load(tmp_path)
    assert isinstance(ours, LeNet5)
    with torch.no_grad():
        torch.testing.assert_close(ours(pictures()), theirs(pictures()), rtol=1e-6, atol=1e-6)


@pytest.mark.usefixtures("draws")
def test_a_lenet_of_ours_loads_into_theirs():
    ours, theirs = LeNet5(in_channels=1, n_outputs=10).eval(), sequential_lenet().eval()
    theirs.load_state_dict(hub.translate(ours.state_dict(), SEQUENTIAL, to="theirs"))
    with torch.no_grad():
        torch.testing.assert_close(ours(pictures()), theirs(pictures()), rtol=1e-6, atol=1e-6)


@pytest.mark.usefixtures("draws")
def test_names_that_are_ours_already_need_no_table(tmp_path):
    ours = LeNet5(in_channels=1, n_outputs=4)
    hub.write(
        tmp_path, {"model_type": "lenet", "in_channels": 1, "image_size": [32, 32], "n_outputs": 4}, ours.state_dict()
    )
    loaded = hub.load(tmp_path).state_dict()
    assert all(torch.equal(t, loaded[k]) for k, t in ours.state_dict().items())


@pytest.mark.usefixtures("draws")
def test_a_plain_sequential_is_an_mlp(tmp_path):
    theirs = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    hub.write(tmp_path, {}, theirs.state_dict())
    ours = hub.load(tmp_path, pn.model("mlp", hidden=(7,)), in_features=5, n_outputs=3)
    assert isinstance(ours, MLP)
    x = torch.randn(4, 5)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


@pytest.mark.usefixtures("draws")
def test_options_and_labels_are_read_from_the_configuration(tmp_path):
    net = MLP((4, 9, 3), activation="tanh")
    hub.write(
        tmp_path,
        {
            "model_type": "mlp",
            "hidden": [9],
            "activation": "tanh",
            "in_features": 4,
            "id2label": {"0": "a", "1": "b", "2": "c"},
        },
        net.state_dict(),
    )
    assert isinstance(hub.load(tmp_path)[1], nn.Tanh)


@pytest.mark.usefixtures("draws")
def test_loading_leaves_the_random_state_and_training_mode_alone(tmp_path):
    hub.write(tmp_path, LENET, sequential_lenet().state_dict())
    before = torch.get_rng_state()
    assert not hub.load(tmp_path).training
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.usefixtures("draws")
def test_shards_are_read_through_their_index(tmp_path):
    tensors = sequential_lenet().state_dict()
    names = sorted(tensors)
    files = {"a.safetensors": names[:4], "b.safetensors": names[4:]}
    for file, held in files.items():
        save_file({n: tensors[n] for n in held}, tmp_path / file)
    index = {"weight_map": {n: file for file, held in files.items() for n in held}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "config.json").write_text(json.dumps(LENET))
    _, found = hub.read(tmp_path)
    assert found.keys() == tensors.keys()


def test_an_index_cannot_point_outside_its_folder(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"w": "../elsewhere.safetensors"}}')
    with pytest.raises(pn.FileError, match="elsewhere"):
        hub.read(tmp_path)


def test_tied_and_transposed_tensors_are_written_whole(tmp_path):
    w = torch.arange(6.0).reshape(2, 3)
    hub.write(tmp_path, {}, {"a": w, "b": w, "c": w.T})
    _, found = hub.read(tmp_path)
    assert torch.equal(found["a"], w)
    assert torch.equal(found["b"], w)
    assert torch.equal(found["c"], w.T)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "lenet.pt", "last.ckpt"])
def test_a_pickle_is_refused_with_the_remedy_and_never_opened(tmp_path, name):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'touch opened'\ntR.")
    with pytest.raises(pn.FileError, match=r"pickle.*save_file"):
        hub.read(tmp_path)


def test_names_left_over_and_names_missing_are_shown_from_both_sides():
    given = {"features.0.weight": torch.zeros(1), "features.9.weight": torch.zeros(1)}
    with pytest.raises(pn.DataError) as refusal:
        hub.translate(given, SEQUENTIAL, expected=["conv1.weight", "conv1.bias"])
    words = str(refusal.value)
    assert "without a place: features.9.weight" in words
    assert "missing: conv1.bias" in words
    assert "features.3.* -> conv2.*" in words


def test_two_names_that_turn_into_one_are_refused():
    with pytest.raises(pn.DataError, match=r"b\.w \(a second x\.w\)"):
        hub.translate({"a.w": torch.zeros(1), "b.w": torch.zeros(1)}, [("a.*", "x.*"), ("b.*", "x.*")])


@pytest.mark.usefixtures("draws")
def test_a_shape_that_does_not_fit_is_named(tmp_path):
    hub.write(tmp_path, LENET | {"num_labels": 3}, sequential_lenet().state_dict())
    with pytest.raises(pn.DataError, match=r"fc3\.\w+ is \(10"):
        hub.load(tmp_path)


@pytest.mark.usefixtures("draws")
def test_a_missing_fact_is_asked_for(tmp_path):
    hub.write(tmp_path, {"model_type": "lenet"}, sequential_lenet().state_dict())
    with pytest.raises(pn.SettingError, match="image_size, in_channels, n_outputs"):
        hub.load(tmp_path)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "config.json: there is no such file"),
        ({"config.json": "{"}, "cannot be read as JSON"),
        ({"config.json": "[]"}, "expected a JSON object"),
        ({"config.json": "{}"}, "holds no model.safetensors"),
        ({"config.json": "{}", "model.safetensors": "cut short"}, "not a whole safetensors file"),
    ],
)
def test_a_folder_that_is_no_model_is_refused_in_words(tmp_path, files, words):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(pn.FileError, match=words):
        hub.read(tmp_path)


def test_an_unknown_model_type_is_refused(tmp_path):
    hub.write(tmp_path, {"model_type": "zebra"}, {"w": torch.zeros(1)})
    with pytest.raises(pn.DataError, match="zebra"):
        hub.load(tmp_path)


def test_a_pair_whose_stars_differ_is_refused():
    with pytest.raises(pn.SettingError, match="different numbers"):
        hub.translate({}, [("a.*.*", "b.*")])


def test_a_configuration_without_sizes_is_refused_by_what_it_lacks(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(pn.errors.FileError, match="'hidden_size'"):
        hub.spec_of(tmp_path)


@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_name_and_count(tmp_path, bad):
    spec = pn.model("lenet")
    facts = {"in_channels": 1, "image_size": (28, 28), "n_outputs": 10}
    weights = spec.builders("classifier")[0].make(**facts, **spec.get_params(task="classifier")).state_dict()
    name = next(n for n, t in weights.items() if t.ndim == 4)
    weights[name][0, 0, :2, 0] = bad
    pn.hub.write(tmp_path, {"model_type": "lenet", **facts}, weights)
    with pytest.raises(pn.DataError, match=rf"NaN or infinite \(2 of {weights[name].numel()} in {name}\)"):
        pn.hub.load(tmp_path)


def test_what_is_infinite_in_the_net_itself_may_be_so_in_its_weights():
    from parnassus.layouts import check_fit, refuse_unfinite

    bound = torch.tensor([0.0, float("inf")])
    check_fit("there", {"bound": bound, "w": torch.ones(1)}, {"bound": bound, "w": torch.zeros(1)}, "this net")
    with pytest.raises(pn.DataError, match=r"there: weights are NaN or infinite .1 of 2 in bound"):
        refuse_unfinite("there", {"bound": bound, "n": torch.tensor([3])})


def test_the_name_of_a_published_model_is_told_that_nothing_is_fetched():
    with pytest.raises(pn.FileError, match=r"no such folder; .*config\.json.*pn\.hub\.fetch"):
        pn.hub.load("microsoft/resnet-18")
