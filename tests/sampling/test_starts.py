"""Densities that cannot be sampled: no number at the start, no finite integral, no gradient; by parameter."""

import math

import pytest
import torch

import parnassus as pn
from parnassus.errors import DataError
from parnassus.sampling.density import Density
from parnassus.sampling.starts import check_start

CHAINS = ("nuts", "hmc", "mala", "mh", "hessian_mh", "elliptical_slice", "tempering")


def flat(t):
    return 0 * t.sum(-1)


def no_prior_of_the_second(t):
    return -0.5 * t[:, 0].square() + 0 * t[:, 1]


def rising(t):
    return t[:, 1] - t[:, 0].square()


@pytest.mark.parametrize("method", [*CHAINS, "svgd", "smc"])
@pytest.mark.parametrize(("density", "words"), [
    (flat, r"'theta\[0\]' grows, up to 1e\+100 \(and so of 1 more\)"),
    (no_prior_of_the_second, r"'theta\[1\]' grows.*its integral is infinite"),
    (rising, r"'theta\[1\]' grows"),
])  # fmt: skip
def test_a_density_that_does_not_fall_is_refused_by_parameter(method, density, words):
    with pytest.raises(DataError, match=words):
        pn.sample(density, torch.zeros(2), method=method, n_draws=20, n_warmup=20)


@pytest.mark.parametrize("family", ["mean_field", "full_rank", "low_rank", "flow"])
def test_a_fit_of_a_density_that_does_not_fall_is_refused(family):
    with pytest.raises(DataError, match="'b' grows"):
        pn.fit_variational(
            lambda p: 0 * p["b"] - p["a"].square().sum(-1), {"a": torch.zeros(2), "b": torch.tensor(1.0)},
            family=family, n_steps=5,
        )  # fmt: skip


SEEN = torch.tensor([1.0, 1.2, 0.8, 1.1, 0.9]).double()


def with_outliers_from_anywhere(t):  # a mixture whose second part does not depend on the mean
    return torch.log(0.0005 + 0.95 * torch.exp(-((SEEN - t) ** 2) / 0.02) / math.sqrt(0.02 * math.pi)).sum(1)


def a_well(t):
    return -50 * torch.tanh(t.square().sum(-1))


@pytest.mark.parametrize("method", ["nuts", "mh", "smc", "svgd", None])
@pytest.mark.parametrize(("density", "words"), [
    (with_outliers_from_anywhere, r"-38 at a distance of 1e\+06, and nowhere less as 'theta\[0\]' grows"),
    (a_well, r"-50 at a distance.*its integral is infinite"),
])  # fmt: skip
def test_a_density_with_a_floor_is_refused_though_it_is_less_than_at_the_start(method, density, words):
    draw = pn.fit_variational if method is None else pn.sample
    short = {"n_steps": 5} if method is None else {"method": method, "n_draws": 20, "n_warmup": 20}
    with pytest.raises(DataError, match=words):
        draw(density, torch.ones(1), **short)


@pytest.mark.parametrize("start", [0.0, 5e13, 1e14, 2e14])
@pytest.mark.parametrize("tail", [lambda z: -z.square() / 2, lambda z: -z.square().log1p()])
def test_a_spread_far_beyond_the_start_is_not_refused(start, tail):
    first = torch.full((2,), start, dtype=torch.float64)
    for density in (
        lambda t: tail((t - 1e14) / 1e13).sum(-1),
        lambda t: tail((t - 1e14) / 1e13).sum(-1) - 3e8,  # of many rows, say
        lambda t: tail(((t - 1e14) / 1e13).float()).sum(-1),
    ):
        pn.sample(density, first, method="mh", n_draws=4, n_warmup=0)


def test_a_transformed_parameter_without_its_jacobian_is_refused():
    with pytest.raises(DataError, match=r"'logit' falls.*Jacobian"):
        pn.sample(lambda p: -3 * torch.sigmoid(p["logit"]), {"logit": torch.tensor(0.0)}, n_draws=20)


@pytest.mark.parametrize("start", [0.0, -500.0, 3e6])
@pytest.mark.parametrize("density", [
    lambda t: -0.5 * ((t - 7) / 1e4).square().sum(-1),
    lambda t: -t.square().log1p().sum(-1),  # Cauchy: the heaviest of tails that have a mean of nothing
    lambda t: -1.05 * t.abs().clamp(min=1).log().sum(-1) - t.abs().clamp(max=1).sum(-1),
    lambda t: torch.logaddexp(-(t[:, 0] - 6).square(), -(t[:, 0] + 6).square()) - t[:, 1].square(),
])  # fmt: skip
def test_proper_densities_are_not_refused_wherever_they_start(density, start):
    pn.sample(density, torch.full((2,), start, dtype=torch.float64), method="mh", n_draws=4, n_warmup=0)


@pytest.mark.slow
def test_a_density_of_a_box_or_of_checked_distributions_is_not_refused():
    box = pn.sample(
        lambda t: torch.where((t > 0) & (t < 1), 0.0, -math.inf).sum(-1).double(), torch.full((2,), 0.5),
        method="mh", n_draws=4, n_warmup=0,
    )  # fmt: skip
    assert box["theta"].shape == (16, 2)

    def checked(p):  # refuses a scale of 0 and of infinity by a ValueError
        scale = torch.distributions.Normal(0.0, 1.0).log_prob(p["log_scale"])
        return scale + torch.distributions.Normal(0.0, p["log_scale"].exp()).log_prob(p["x"])

    pn.sample(checked, {"log_scale": torch.tensor(0.0), "x": torch.tensor(0.0)}, n_draws=4, n_warmup=0, step=0.01)


def test_what_gibbs_is_told_beside_its_conditionals_may_be_anything():
    draw = {"a": lambda sites, g: torch.randn(sites["a"].shape, generator=g)}
    found = pn.sample(lambda p: 0 * p["a"], {"a": torch.tensor(0.0)}, method="gibbs", conditionals=draw, n_draws=4)
    assert found["a"].shape == (16,)


@pytest.mark.parametrize("method", ["mh", "elliptical_slice", "gibbs", "nuts"])
def test_no_number_at_the_start_names_the_parameters_and_the_chain(method):
    options = {"conditionals": {"rate": None, "mean": None}} if method == "gibbs" else {}
    start = {"rate": torch.tensor(-3.0), "mean": torch.zeros(5)}
    with pytest.raises(DataError, match=r"nan at the start of chain 0 \(rate=-[23]\.\d+, mean=\[.*, \.\.\.\]\).*all 4"):
        pn.sample(lambda p: p["rate"].log() - p["mean"].square().sum(-1), start, method=method, n_draws=4, **options)
    second = torch.tensor([[1.0], [-1.0]])
    with pytest.raises(DataError, match=r"-inf at the start of chain 1 \(theta=\[-1"):
        check_start(Density(lambda t: t[:, 0].clamp(min=0).log(), second[0]), second, gradient=False)


def test_a_density_of_0_everywhere_is_said_to_be_that():
    with pytest.raises(DataError, match="-inf and does not depend on its parameters"):
        pn.sample(lambda t: torch.full((len(t),), -math.inf), torch.zeros(2), n_draws=4)
    with pytest.raises(DataError, match=r"-inf at the start of chain 0.*all 4"):
        pn.sample(lambda t: torch.full((len(t),), -math.inf), torch.zeros(2), method="mh", n_draws=4)


def test_a_gradient_of_0_where_the_density_changes_is_refused_and_one_of_a_plateau_is_not():
    def rounded(t):
        return -t[:, 0].round().square() - t[:, 1].square()

    with pytest.raises(DataError, match=r"gradient for 'theta\[0\]' is 0 at every start.*method='mh'"):
        pn.sample(rounded, torch.zeros(2), method="hmc", n_draws=4)
    pn.sample(rounded, torch.zeros(2), method="mh", n_draws=4, n_warmup=0)
    pn.sample(lambda t: -(t.abs() - 10).relu().sum(-1), torch.zeros(2), method="hmc", n_draws=4, n_warmup=0, step=0.1)
    pn.fit_variational(lambda t: -t.square().sum(-1), torch.zeros(2), n_steps=3)  # at the mode every gradient is 0


def test_a_gradient_that_is_no_number_is_told_by_its_entry():
    with pytest.raises(DataError, match=r"gradient for 'b\[1\]' is nan"):
        pn.sample(
            lambda p: -p["a"].square() - (p["b"][:, 1] * 0).sqrt() - p["b"].square().sum(-1),
            {"a": torch.tensor(1.0), "b": torch.ones(2)}, n_draws=4,
        )  # fmt: skip
