"""Classifiers of whole series: closed forms, loops, neighbours by brute force, waves told apart."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.dtw import dtw
from parnassus.layers.steps import SameConv1d, StepNorm, inside_of
from parnassus.models.sequence.series_classifiers import InceptionTime, SeriesResNet
from parnassus.objectives.rules import as_given
from parnassus.objectives.sequence.nearest import NearestSeries
from parnassus.objectives.sequence.random_convolutions import RandomConvolutions

pytestmark = pytest.mark.usefixtures("draws")


def n_parameters(net):
    return sum(p.numel() for p in net.parameters())


def test_a_residual_net_has_the_published_layers():
    """Blocks of 64, 128, 128 channels, kernels 8, 5, 3, a norm behind each and around: the sum written out."""
    due, n_in = 0, 1
    for n_out in (64, 128, 128):
        due += sum(n * n_out * k + n_out for n, k in ((n_in, 8), (n_out, 5), (n_out, 3))) + 4 * 2 * n_out
        due += (n_in * n_out + n_out) if n_in != n_out else 0
        n_in = n_out
    assert n_parameters(SeriesResNet(1, 3, 64)) == due + 128 * 3 + 3


def test_inceptiontime_has_the_published_layers():
    """Six modules of bottleneck 32 and kernels 40, 20, 10 beside a pooled 1; ways around after the third and sixth."""
    due, n_in = 0, 1
    for _ in range(6):
        narrow = 32 if n_in > 1 else 1
        due += (n_in * 32 if n_in > 1 else 0) + narrow * 32 * 70 + n_in * 32 + 2 * 128
        n_in = 128
    due += (1 * 128 + 256) + (128 * 128 + 256) + 128 * 2 + 2
    assert n_parameters(InceptionTime(1, 2, 32, 6)) == due


def test_a_same_convolution_is_torchs():
    x = torch.randn(2, 3, 17)
    for k in (3, 8):
        ours, theirs = SameConv1d(3, 4, k), torch.nn.Conv1d(3, 4, k, padding="same")
        theirs.load_state_dict(ours.state_dict())
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch says of even kernels that it copies
            torch.testing.assert_close(ours(x), theirs(x))


def test_statistics_are_of_the_rows_own_steps_alone():
    norm, h = StepNorm(2), torch.randn(3, 2, 6)
    lengths = torch.tensor([6, 2, 4])
    inside = inside_of(h.mT, lengths)
    made = norm(h * inside, inside)
    own = torch.cat([h[i, :, :n] for i, n in enumerate(lengths)], 1)
    expected = (own - own.mean(1, keepdim=True)) / (own.var(1, keepdim=True, correction=0) + norm.eps).sqrt()
    torch.testing.assert_close(torch.cat([made[i, :, :n] for i, n in enumerate(lengths)], 1), expected)
    assert not made[1, :, 2:].any()
    torch.testing.assert_close(norm.running_mean, 0.1 * own.mean(1))


def written_out(net, x):
    """The features of one series (time, columns), a kernel and a place at a time."""
    largest, shares = [], []
    for kernel, bias, (length, dilation, padded) in zip(net.kernels, net.biases, net.kinds.tolist(), strict=True):
        span = (length - 1) * dilation + 1
        around = span // 2 if padded else -(-max(0, span - len(x)) // 2)
        row = np.pad(x, ((around, around), (0, 0)))
        weight = kernel[:, :length].double().numpy()
        found = [
            sum(float(weight[:, k] @ row[at + k * dilation]) for k in range(length)) + float(bias)
            for at in range(len(row) - span + 1)
        ]
        largest.append(max(found))
        shares.append(np.mean(np.array(found) > 0))
    return np.array([*largest, *shares])


@pytest.mark.parametrize(("columns", "lengths"), [(1, (30, 30)), (2, (30, 5))])
def test_rocket_features_are_those_written_out(columns, lengths):
    net = RandomConvolutions(columns, 1, 30, n_kernels=40, l2=0.1, targets=as_given)
    x = torch.randn(2, 30, columns)
    made = net.inputs({"x": x, "lengths": torch.tensor(lengths)})
    for i, n in enumerate(lengths):
        np.testing.assert_allclose(made[i], written_out(net, x[i, :n].double().numpy()), atol=1e-5)


def test_rocket_kernels_are_drawn_as_published():
    net = RandomConvolutions(1, 1, 100, n_kernels=3000, l2=0.1, targets=as_given)
    length, dilation, padded = net.kinds.double().T
    assert set(length.tolist()) == {7, 9, 11}
    assert ((length - 1) * dilation < 100).all()
    assert float(padded.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(torch.log2(dilation)[length == 9].mean()) < np.log2(99 / 8) / 2  # rounded down
    assert float(net.kernels.sum(2).abs().max()) < 1e-4
    assert -1 <= float(net.biases.min()) < -0.99 < 0.99 < float(net.biases.max()) <= 1


def test_rockets_weights_are_ridge_regressions_on_standardised_features():
    net = RandomConvolutions(1, 1, 25, n_kernels=20, l2=0.01, targets=as_given)
    batch = {"x": torch.randn(60, 25, 1), "y": torch.randn(60, 1)}
    net.add(batch)
    net.solve()
    z = net.inputs(batch).double().numpy()
    z = (z - z.mean(0)) / np.where(z.std(0) > 1e-6, z.std(0), np.inf)
    theirs = Ridge(alpha=0.01 * 60 * 20).fit(z, batch["y"].numpy())
    np.testing.assert_allclose(net.outputs(batch), theirs.predict(z).reshape(-1, 1), atol=1e-4)


def test_neighbours_are_those_of_brute_force():
    rows = [torch.randn(int(n), 2).double() for n in torch.randint(5, 12, (14,))]
    net = NearestSeries(2, 3, n_neighbors=3, band=None).double()
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths, y = torch.tensor([len(r) for r in rows]), torch.arange(14) % 3
    net.store({"x": padded[:10], "lengths": lengths[:10], "y": y[:10]})
    said = net.outputs({"x": padded[10:], "lengths": lengths[10:]})
    for i, row in enumerate(rows[10:]):
        near = np.argsort([dtw(row, other, squared=True).total for other in rows[:10]])[:3]
        np.testing.assert_allclose(said[i], np.bincount(y[:10].numpy()[near], minlength=3) / 3)


def test_numbers_of_neighbours_are_means_over_those_of_brute_force(tmp_path):
    rng = np.random.default_rng(0)
    X, y = [rng.normal(size=(int(n), 2)) for n in rng.integers(5, 12, 14)], rng.normal(50, 9, 14)
    reg = pn.Regressor(pn.model("dtw_neighbors", n_neighbors=3, band=None)).fit(X[:10], y[:10])
    scale = np.concatenate(X[:10])
    rows = [torch.from_numpy((x - scale.mean(0)) / scale.std(0)) for x in X]
    for row, said in zip(rows[10:], reg.predict(X[10:]), strict=True):
        near = np.argsort([dtw(row, other, squared=True).total for other in rows[:10]])[:3]
        assert said == pytest.approx(y[near].mean(), rel=1e-5)
    two = pn.Regressor("dtw_neighbors").fit(X, np.stack([y, -y], 1))
    np.testing.assert_allclose(two.predict(X[:3]), np.stack([y, -y], 1)[:3], rtol=1e-5)
    two.save(tmp_path / "r.parnassus")
    np.testing.assert_array_equal(pn.load(tmp_path / "r.parnassus").predict(X), two.predict(X))


def waves(n, seed=0):
    rng, rows, names = np.random.default_rng(seed), [], []
    for i in range(n):
        at = 3 * np.linspace(0, 1, int(rng.integers(50, 70))) + rng.uniform()
        shape = [np.sin(2 * np.pi * at), np.sign(np.sin(2 * np.pi * at)), 2 * (at % 1) - 1][i % 3]
        rows.append((shape + rng.normal(scale=0.3, size=len(at)))[:, None])
        names.append(("sine", "square", "saw")[i % 3])
    return rows, np.array(names)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings", "least"), [
    ("rocket", {}, 0.95),
    ("dtw_neighbors", {}, 0.8),
    (pn.model("resnet1d", hidden=8), {"epochs": 10, "lr": 0.01}, 0.9),
    (pn.model("inceptiontime", hidden=4, depth=3), {"epochs": 12, "lr": 0.01}, 0.9),
])  # fmt: skip
def test_waves_of_three_shapes_are_told_apart(name, settings, least, tmp_path):
    X, y = waves(90)
    clf = pn.Classifier(name, **settings).fit(X, y)
    new, truth = waves(60, seed=1)
    assert clf.score(new, truth) >= least
    clf.save(tmp_path / "c.parnassus")
    assert (pn.load(tmp_path / "c.parnassus").predict(new) == clf.predict(new)).all()


@pytest.mark.slow
def test_two_classes_and_numbers_are_served_too():
    X, y = waves(60)
    two = y != "saw"
    X2 = [x for x, own in zip(X, two, strict=True) if own]
    for name in ("rocket", "dtw_neighbors"):
        assert pn.Classifier(name).fit(X2, y[two]).score(X2, y[two]) > 0.9
    spread = np.array([float(x.std()) for x in X])
    assert pn.Regressor("rocket").fit(X[:45], spread[:45]).score(X[45:], spread[45:]) > 0.7


@pytest.mark.slow
def test_a_seed_gives_the_same_kernels_again():
    X, y = waves(30)
    first, again, other = (pn.Classifier("rocket", seed=s).fit(X, y).objective_.kernels for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("spec", [
    pn.model("rocket", n_kernels=0), pn.model("rocket", l2=0.0), pn.model("dtw_neighbors", n_neighbors=0),
    pn.model("dtw_neighbors", band=1.5), pn.model("resnet1d", hidden=0), pn.model("inceptiontime", depth=0),
])  # fmt: skip
def test_settings_without_meaning_are_refused(spec):
    X, y = waves(6)
    with pytest.raises(SettingError, match=spec.name):
        pn.Classifier(spec).fit(X, y)


@pytest.mark.slow
def test_one_series_is_not_taken_for_many():
    X, y = waves(12)
    for name in ("rocket", "dtw_neighbors"):
        clf = pn.Classifier(name).fit(X, y)
        assert clf.predict([X[0]]).shape == (1,)
        with pytest.raises(pn.DataError, match=r"such as \[X\]"):
            clf.predict(X[0])
    with pytest.raises(SettingError, match="at most the 12"):
        pn.Classifier(pn.model("dtw_neighbors", n_neighbors=13)).fit(X, y)
