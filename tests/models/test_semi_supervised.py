"""A VAE whose code has a class: its bounds by enumeration, rows without labels that help, what is refused."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.models.generative.semi_supervised import vae_m2

pytestmark = pytest.mark.usefixtures("draws")


def made(n_outputs=3, **options):
    given = {"in_features": 4, "n_outputs": n_outputs, "unit_vectors": None, "hidden": (6,), "n_latent": 2}
    return vae_m2(**given | options).double()


@pytest.mark.slow
def test_a_labelled_bound_is_below_the_joint_density_of_row_and_class():
    """ln p(x, y) by many draws of z from the prior, against the mean of L(x, y)."""
    net, x = made(), torch.randn(3, 4).double()
    y = torch.tensor([0, 1, 2])
    with torch.no_grad():
        bound = torch.stack([net.labelled(x, y) for _ in range(3000)]).mean(0)
        z = torch.randn(60_000, 2).double()
        for i in range(3):
            told = torch.nn.functional.one_hot(y[i : i + 1], 3).double().expand(len(z), -1)
            mean = net.decoder(torch.cat([z, told], 1))
            normal = torch.distributions.Normal(mean, (0.5 * net.spread).exp())
            exact = normal.log_prob(x[i]).sum(1).logsumexp(0) - math.log(len(z)) - math.log(3)
            assert bound[i] < exact + 0.02


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_an_unlabelled_bound_takes_every_class_in_turn(n_outputs):
    net, x = made(n_outputs), torch.randn(5, 4).double()
    with torch.no_grad():
        torch.manual_seed(3)
        found = net.unlabelled(x)
        torch.manual_seed(3)
        each = [net.labelled(x, torch.full((5,), k)) for k in range(net.n_classes)]
        logits = net.namer(x)
        q = torch.cat([1 - logits.sigmoid(), logits.sigmoid()], 1) if n_outputs == 1 else logits.softmax(1)
        due = sum(q[:, k] * (each[k] - q[:, k].log()) for k in range(net.n_classes))
    torch.testing.assert_close(found, due)


def test_the_loss_adds_the_three_parts_and_rows_without_labels_count_in_training_alone():
    net, x, y = made(alpha=7.0), torch.randn(5, 4).double(), torch.tensor([0, 1, 2, 0, 1])
    batch, more = {"x": x, "y": y}, torch.randn(9, 4).double()

    def seeded(run):
        torch.manual_seed(1)
        return run()

    with torch.no_grad():
        alone = seeded(lambda: net.loss(batch))
        due = seeded(lambda: -net.labelled(x, y).mean()) + 7 * torch.nn.functional.cross_entropy(net.namer(x), y)
        torch.testing.assert_close(alone, due)
        net.take_unlabelled(more)
        net.eval()
        torch.testing.assert_close(seeded(lambda: net.loss(batch)), alone)
        net.train()

        def whole():
            first = -net.labelled(x, y).mean()
            rows = torch.randint(9, (5,))
            return first - net.unlabelled(more[rows]).mean()

        rest = 7 * torch.nn.functional.cross_entropy(net.namer(x), y)
        torch.testing.assert_close(seeded(lambda: net.loss(batch)), seeded(whole) + rest)


def digits(n_each=5):
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order] / 16, y[order]
    few = np.concatenate([np.flatnonzero(y[:1400] == c)[:n_each] for c in range(10)])
    return X, y, few


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:columns")
def test_rows_without_labels_help_where_there_are_five_labels_a_class(tmp_path):
    X, y, few = digits()
    spec = pn.model("vae_m2", likelihood="bernoulli")
    settings = {"codec": pn.Table(scaling="none"), "epochs": 200, "lr": 0.003}
    with_rows = pn.Classifier(spec, **settings).fit(X[few], y[few], unlabelled=X[:1400])
    plain = pn.Classifier("mlp", epochs=100).fit(X[few], y[few])
    score = with_rows.score(X[1400:], y[1400:])
    assert score > 0.86
    assert score > plain.score(X[1400:], y[1400:]) + 0.03
    classes = torch.arange(10).repeat(20)
    drawn = with_rows.objective_.drawn(classes, torch.Generator().manual_seed(0)).detach()
    said = with_rows.objective_.namer(drawn).argmax(1)
    assert float((said == classes).float().mean()) > 0.7
    with_rows.save(tmp_path / "m2.parnassus")
    assert (pn.load(tmp_path / "m2.parnassus").predict(X[1400:1450]) == with_rows.predict(X[1400:1450])).all()


def test_categories_have_a_law_of_their_own():
    model = made(1, in_features=6, unit_vectors=(3, 2), likelihood="categorical")
    x = torch.tensor([[0.3, 0, 1, 0, 1, 0], [-2.0, 1, 0, 0, 0, 1]]).double()
    torch.manual_seed(0)
    found = model.labelled(x, torch.tensor([0, 1]))
    torch.manual_seed(0)
    told = torch.eye(2).double()
    mean, log_variance = model.encoder(torch.cat([x, told], 1)).chunk(2, 1)
    z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
    said = model.decoder(torch.cat([z, told], 1))
    fit = torch.distributions.Normal(said[:, 0], 1.0).log_prob(x[:, 0])
    for part, at in ((said[:, 1:4], x[:, 1:4]), (said[:, 4:], x[:, 4:])):
        fit = fit + torch.distributions.OneHotCategorical(logits=part).log_prob(at)
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    divergence = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(found, fit + math.log(0.5) - divergence)
    drawn = model.drawn(torch.tensor([0, 1, 1]), torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn[:, 1:4].sum(1), torch.ones(3).double())


def test_tables_with_categories_are_learned_and_saved(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=60)
    kinds = np.where(y ^ (rng.random(60) < 0.08), "a", rng.choice(["b", "c"], 60))
    table = pd.DataFrame({"kind": kinds, "n": rng.normal(size=60)})
    spec = pn.model("vae_m2", likelihood="categorical", hidden=(8,), n_latent=2)
    clf = pn.Classifier(spec, epochs=30, lr=0.02, progress=False).fit(table[:30], y[:30], unlabelled=table[30:])
    assert clf.score(table[30:], y[30:]) > 0.75
    clf.save(tmp_path / "m.parnassus")
    np.testing.assert_array_equal(pn.load(tmp_path / "m.parnassus").predict(table), clf.predict(table))
    with pytest.raises(SettingError, match="columns of categories"):
        pn.Classifier(spec, epochs=1).fit(table[["n"]], y)


def test_what_cannot_be_learned_is_refused():
    X, y = np.random.default_rng(0).random((20, 4)), np.arange(20) % 2
    with pytest.raises(SettingError, match="'mlp' learns from labelled rows alone"):
        pn.Classifier("mlp", epochs=1).fit(X, y, unlabelled=X)
    with pytest.raises(DataError, match="at least one row"):
        pn.Classifier("vae_m2", epochs=1).fit(X, y, unlabelled=X[:0])
    with pytest.raises(DataError, match="0 to 1"):
        pn.Classifier(pn.model("vae_m2", likelihood="bernoulli"), epochs=1).fit(X, y)
    for options in ({"alpha": -1.0}, {"n_latent": 0}, {"likelihood": "poisson"}):
        with pytest.raises(SettingError):
            made(**options)
    clf = pn.Classifier("vae_m2", epochs=1)
    with pytest.raises(DataError):
        clf.fit(X, y, unlabelled=np.full((3, 9), 1.0))
    assert not hasattr(clf, "objective_")
