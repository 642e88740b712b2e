"""Chains that go on are those of one longer call, from memory and from a file."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import DataError, FileError, SettingError
from parnassus.sampling import Chains, resume

START = {"mu": torch.tensor([0.5, -0.5]), "log_sigma": torch.tensor(0.1)}
OPTIONS = {
    "mh": {}, "hessian_mh": {"scale": 0.8}, "mala": {}, "hmc": {"path": 1.5}, "nuts": {"max_depth": 4},
    "elliptical_slice": {"mean": START, "covariance": np.array([1.0, 2.0, 0.5])}, "tempering": {"n_powers": 3},
    "gibbs": {"conditionals": {
        "mu": lambda sites, g: torch.randn(sites["mu"].shape, generator=g, dtype=torch.float64),
        "log_sigma": lambda sites, g: 0.1 * torch.randn(sites["log_sigma"].shape, generator=g, dtype=torch.float64),
    }},
}  # fmt: skip


def density(sites):
    return -0.5 * (sites["mu"] ** 2).sum(-1) - sites["log_sigma"] ** 2 - 0.1 * sites["log_sigma"] ** 4


def drawn(method, n_draws, **more):
    given = {"n_warmup": 60, "n_chains": 2, "n_thin": 2, "seed": 3} | OPTIONS[method] | more
    return pn.sample(density, START, method=method, n_draws=n_draws, **given)


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["memory", "file"])
@pytest.mark.parametrize("method", OPTIONS)
def test_going_on_gives_the_draws_of_one_longer_call(method, kept, tmp_path):
    whole, first = drawn(method, 20), drawn(method, 8)
    if kept == "file":
        first = Chains.load(first.save(tmp_path / "chains") and tmp_path / "chains")
    again = OPTIONS[method] if method == "gibbs" else {}
    for _ in range(2):  # the chains that were given stay as they were
        later = resume(density, first, 12, **again)
        for name in START:
            np.testing.assert_array_equal(later.draws[name], whole.draws[name])
        for name in ("log_p", "acceptance", "energy", "divergent", "n_steps"):
            np.testing.assert_array_equal(getattr(later, name), getattr(whole, name), err_msg=name)
        assert later.settings == whole.settings
        assert first.log_p.shape == (2, 8)


def test_they_may_go_on_twice():
    thrice = resume(density, resume(density, drawn("hmc", 4), 4), 4)
    np.testing.assert_array_equal(thrice.draws["mu"], drawn("hmc", 12).draws["mu"])


def test_a_plain_start_goes_on_with_a_gradient_of_ones_own():
    def slope(x):
        return -0.5 * x.square().sum(-1), -x

    def sampled(n):
        return pn.sample(lambda x: -0.5 * x.square().sum(-1), torch.zeros(3), method="hmc", n_draws=n, gradient=slope)

    given = sampled(10)
    later = resume(lambda x: -0.5 * x.square().sum(-1), given, 5, gradient=slope)
    assert later.draws["theta"].shape == (4, 15, 3)
    np.testing.assert_array_equal(later.draws["theta"][:, :10], given.draws["theta"])


def test_another_density_is_refused():
    with pytest.raises(DataError, match="give the density that they were drawn from"):
        resume(lambda sites: density(sites) + 1, drawn("mh", 5), 5)


def test_what_cannot_go_on_is_refused(tmp_path):
    together = pn.sample(density, START, method="svgd", n_draws=8, n_chains=2)
    with pytest.raises(SettingError, match="moves points together"):
        resume(density, together, 5)
    assert Chains.load(together.save(tmp_path / "chains") and tmp_path / "chains").method == "svgd"
    with pytest.raises(SettingError, match="n_draws is a whole number"):
        resume(density, drawn("mh", 5), 0)
    drawn("gibbs", 5).save(tmp_path / "gibbs")
    with pytest.raises(SettingError, match="conditionals"):
        resume(density, Chains.load(tmp_path / "gibbs"), 5)
    model = pn.Classifier("linear", epochs=1).fit(np.eye(4), [0, 1, 0, 1])
    model.save(tmp_path / "model")
    with pytest.raises(FileError, match="holds no chains"):
        Chains.load(tmp_path / "model")


def test_a_walk_shaped_by_curvature_from_an_older_file_keeps_the_scale_it_had():
    """Before its scale was tuned it was 1, and files did not hold it."""
    whole = pn.sample(density, START, method="hessian_mh", n_draws=12, n_warmup=5, scale=1.0)
    older = pn.sample(density, START, method="hessian_mh", n_draws=8, n_warmup=5, scale=1.0)
    del older.state["transition"]["scale"]
    older.state["options"].clear()
    longer = resume(density, older, 4)
    assert longer.settings["scale"] == 1.0
    assert all((longer[name] == whole[name]).all() for name in whole.draws)
