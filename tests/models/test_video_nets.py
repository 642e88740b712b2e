"""C3D, R3D-18 and CNN-LSTM: published counts, sizes, movement that no single frame shows."""

import numpy as np
import pytest
import torch

import parnassus as pn

pytestmark = pytest.mark.usefixtures("draws")


def made(name, *, n_outputs=400, frames=16, size=112, in_channels=3, **options):
    spec = pn.model(name, **options)
    settings = spec.get_params(task="classifier")
    facts = {"in_channels": in_channels, "frames": frames, "image_size": (size, size), "n_outputs": n_outputs}
    return spec.builders("classifier")[0].make(**facts, **settings)


@pytest.mark.parametrize(
    ("name", "n_outputs", "published"),
    [("r3d18", 400, 33_371_472), ("c3d", 101, 78_409_573)],  # torchvision; PyTorch Video and mmaction: 78.41M
)
def test_parameters_are_as_many_as_published(name, n_outputs, published):
    with torch.device("meta"):
        assert sum(p.numel() for p in made(name, n_outputs=n_outputs).parameters()) == published


@pytest.mark.parametrize(("frames", "size"), [(1, 8), (5, 16), (16, 70)])
@pytest.mark.parametrize(("name", "options"), [("r3d18", {"width": 0.05}), ("c3d", {"width": 0.05, "head": 8}),
                                               ("cnn_lstm", {"hidden": 4})])  # fmt: skip
def test_clips_of_every_size_are_answered(name, options, frames, size):
    net = made(name, n_outputs=3, frames=frames, size=size, in_channels=1, **options).eval()
    with torch.no_grad():
        assert net(torch.zeros(2, 1, frames, size, size)).shape == (2, 3)


@pytest.mark.parametrize(("name", "options"), [("r3d18", {"width": 0.05}), ("c3d", {"width": 0.05, "head": 8})])
def test_maps_of_clips_keep_their_channels_last_and_their_values(name, options):
    net = made(name, n_outputs=3, frames=4, size=12, in_channels=2, **options).eval()
    seen = []
    net[0].register_forward_hook(lambda part, given, out: seen.append(out.stride(1)))
    x = torch.rand(2, 2, 4, 12, 12)
    with torch.no_grad():
        torch.testing.assert_close(net(x), torch.nn.Sequential(*net)(x), rtol=1e-4, atol=1e-5)
    assert seen[0] == 1


def moving(n, rng):
    """Bars that go to the right or to the left, one column a frame."""
    X = np.zeros((n, 6, 10, 10), np.uint8)
    for i in range(n):
        at, row = rng.integers(0, 10), rng.integers(0, 6)
        for t in range(6):
            X[i, t, row : row + 4, (at + (t if i % 2 else -t)) % 10] = 200
    return X[..., None], np.arange(n) % 2


@pytest.mark.slow
def test_the_direction_of_a_movement_is_learned():
    rng = np.random.default_rng(0)
    (X, y), (T, truth) = moving(60, rng), moving(40, rng)
    plan = {"epochs": 10, "lr": 0.005, "batch_size": 12, "codec": pn.Video(n_frames=6)}
    clf = pn.Classifier(pn.model("r3d18", width=0.0625), **plan).fit(X, y)
    assert clf.score(T, truth) > 0.75


def test_nets_for_pictures_are_refused_with_the_names_of_those_for_clips():
    with pytest.raises(pn.DataError, match="'r3d18', 'c3d' or 'cnn_lstm'"):
        pn.Classifier("resnet20", epochs=1).fit(np.zeros((4, 3, 8, 8, 1), np.uint8), [0, 1, 0, 1])


@pytest.mark.parametrize(("name", "options"), [("c3d", {"dropout": 1.0}), ("r3d18", {"width": 0.0}),
                                               ("cnn_lstm", {"channels": ()})])  # fmt: skip
def test_settings_without_meaning_are_refused(name, options):
    with pytest.raises(pn.SettingError):
        made(name, **options)
