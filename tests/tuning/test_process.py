"""Trials drawn by a Gaussian process."""

import math

import numpy as np
import pytest

import parnassus as pn
from parnassus.errors import SettingError

optuna = pytest.importorskip("optuna", reason="the extra tune is not installed")

from parnassus.tuning.process import _inside, _outside, process_sampler  # noqa: E402

FLOAT, INT = optuna.distributions.FloatDistribution, optuna.distributions.IntDistribution


def asked(sampler, n=22):
    def cost(trial):
        lr, width = trial.suggest_float("lr", 1e-5, 1.0, log=True), trial.suggest_int("width", 1, 64)
        kind = trial.suggest_categorical("kind", ["a", "b"])
        return (math.log10(lr) + 2.3) ** 2 + ((width - 40) / 20) ** 2 + 0.1 * (kind == "b")

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler)
    study.optimize(cost, n_trials=n)
    optuna.logging.set_verbosity(level)
    return study


@pytest.mark.slow
def test_a_process_comes_nearer_than_draws_at_random():
    ours = [asked(process_sampler(seed)).best_value for seed in range(2)]
    random = [asked(optuna.samplers.RandomSampler(seed=seed)).best_value for seed in range(2)]
    assert max(ours) < 0.15
    assert np.mean(ours) < np.mean(random)
    assert asked(process_sampler(0)).best_params == asked(process_sampler(0)).best_params


@pytest.mark.parametrize("d", [FLOAT(1e-4, 1.0, log=True), FLOAT(-1, 3), FLOAT(0, 1, step=0.25), INT(2, 9),
                               INT(1, 1000, log=True)])  # fmt: skip
def test_settings_come_back_from_their_place(d):
    value = {True: d.low, False: d.high}
    for one in value.values():
        assert _outside(_inside(one, d), d) == pytest.approx(one)
    assert d.low <= _outside(0.37, d) <= d.high
    assert isinstance(_outside(0.37, d), type(d.low))


def test_a_search_by_a_process_runs_and_several_metrics_are_refused():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = (X[:, 0] > 0).astype(int)
    net = pn.Classifier("mlp", epochs=2, batch_size=16)
    found = pn.tune(net, X, y, space={"lr": (1e-4, 1e-1, "log")}, trials=10, sampler="process", refit=False)
    assert len(found.trials) == 10
    with pytest.raises(SettingError, match="one metric"):
        pn.tune(net, X, y, space={"lr": (1e-4, 1e-1, "log")}, trials=10, sampler="process", refit=False,
                metric=("log_loss", "accuracy"), pruner="none")  # fmt: skip
