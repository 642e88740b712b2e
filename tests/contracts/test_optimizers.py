"""Every optimizer and every schedule by name: it learns, it resumes bit for bit, it leaves random states alone."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus import store
from parnassus.data.rows import Dense
from parnassus.objectives.supervised import Supervised
from parnassus.train.plan import Plan
from parnassus.train.trainer import Trainer

OPTIONS = {  # where the defaults are for larger problems or longer trainings
    "adadelta": {"eps": 1e-3},
    "adagrad": {"lr": 0.1},
    "adam": {"lr": 0.02},
    "adam_then_sgd": {"lr": 0.02, "sgd_lr": 0.1},
    "adamax": {"lr": 0.02},
    "adamw": {"lr": 0.02},
    "alternating": {"damping": 1.0},
    "annealing": {"lr": 0.05, "temperature": 1e-3, "n_moves": 20},
    "delta_bar_delta": {"lr": 0.1},
    "gauss_newton": {"damping": 0.1},
    "nadam": {"lr": 0.02},
    "nesterov": {"lr": 0.1},
    "newton": {"damping": 1.0, "lr": 0.5},
    "per_coordinate": {"rates": (0.3,)},
    "rmsprop": {"lr": 0.02},
    "sgd": {"lr": 0.1, "momentum": 0.9},
    "svrg": {"lr": 0.3},
}
FULL = {"lbfgs", "bfgs", "conjugate_gradient", "hessian_free", "newton", "gauss_newton", "rprop", "alternating"}
NAMES = pn.optimizer.names()


class Killed(Exception):
    pass


def rows():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(90, 4, generator=g)
    return Dense(x=x, y=((x[:, 0] * x[:, 1] > 0).long() + (x[:, 2] > 1).long()))


def trainer_for(name, *, dropout=0.0, epochs=4, seed=0, schedule=None):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Dropout(dropout), nn.Linear(6, 3))
    objective = Supervised(module, pn.loss("cross_entropy").make(task="labels"), kind="labels")
    return Trainer(
        objective,
        lambda batch, *, training=False: batch,
        plan=Plan(epochs=epochs, batch_size=90 if name in FULL else 30),
        optimizer=pn.optimizer(name, **OPTIONS.get(name, {})),
        schedule=schedule or pn.schedule("constant"),
        n_rows=90,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_lowers_the_loss_of_any_estimator(name):
    data = rows().tensors
    clf = pn.Classifier(
        pn.model("mlp", hidden=(6,), activation="tanh"),
        optimizer=pn.optimizer(name, **OPTIONS.get(name, {})),
        epochs=30,
        batch_size=90 if name in FULL else 30,
    ).fit(data["x"].numpy(), data["y"].numpy())
    losses = [h["loss"] for h in clf.history_]
    assert np.isfinite(losses).all()
    assert min(losses) == pytest.approx(losses[-1], abs=0.15)
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_every_optimizer_killed_and_resumed_is_the_uninterrupted_run(name, dropout, tmp_path):
    data, path = rows(), tmp_path / "state"
    whole = trainer_for(name, dropout=dropout).fit(data)
    for at in {2, whole.steps - 1}:

        def dies(trainer, at=at):
            if trainer.step == at:
                store.save(path, trainer.state_dict())
                raise Killed

        with pytest.raises(Killed):
            trainer_for(name, dropout=dropout).fit(data, after_step=dies)
        resumed = trainer_for(name, dropout=dropout, seed=1)
        resumed.load_state_dict(store.load(path))
        resumed.fit(data)
        ended = resumed.objective.state_dict()
        assert all(torch.equal(v, ended[k]) for k, v in whole.objective.state_dict().items())
        assert resumed.history == whole.history


@pytest.mark.parametrize("name", NAMES)
def test_a_rate_of_zero_moves_nothing(name):
    if "lr" not in pn.optimizer(name).defaults() or name in ("lbfgs", "bfgs", "conjugate_gradient"):
        pytest.skip("it has no rate of its own")
    trainer = trainer_for(name)
    trainer.optimizers["fit"] = pn.optimizer(name, lr=0.0).make(trainer.blocks["fit"])
    if name in ("rprop", "newton"):
        pytest.skip("its least step is above 0, or its matrix is singular here")
    before = {k: v.clone() for k, v in trainer.objective.state_dict().items()}
    if name == "adam_then_sgd":
        trainer.optimizers["fit"].rates = (0.0, 0.0)
    after = trainer.fit(rows()).objective.state_dict()
    assert all(torch.equal(v, after[k]) for k, v in before.items())


@pytest.mark.parametrize("name", pn.schedule.names())
def test_every_schedule_gives_factors_and_resumes(name, tmp_path):
    data, path = rows(), tmp_path / "state"
    spec = pn.schedule(name, **({"patience": 0, "threshold": 0.5} if name == "plateau" else {}))
    whole = trainer_for("sgd", schedule=spec, epochs=6).fit(data)
    rates = [h["rate"] / whole.optimizers["fit"].lr for h in whole.history]
    assert all(0 <= rate <= 1 for rate in rates)

    def dies(trainer):
        if trainer.step == 7:
            store.save(path, trainer.state_dict())
            raise Killed

    with pytest.raises(Killed):
        trainer_for("sgd", schedule=spec, epochs=6).fit(data, after_step=dies)
    resumed = trainer_for("sgd", schedule=spec, epochs=6, seed=1)
    resumed.load_state_dict(store.load(path))
    resumed.fit(data)
    assert resumed.history == whole.history


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["gauss_newton", "alternating"])
def test_a_step_by_a_quadratic_model_does_not_raise_the_loss_it_was_made_from(name, seed):
    g = np.random.default_rng(0)
    X = g.normal(size=(300, 4))
    y = np.where(X[:, 0] + 0.5 * g.normal(size=300) > 0.8, "p", "n")
    model = pn.model("mlp", hidden=(4,))
    fitted = pn.Classifier(model, optimizer=name, epochs=6, seed=seed, batch_size=300).fit(X, y)
    losses = [record["loss"] for record in fitted.history_]
    assert all(after <= before + 1e-6 for before, after in pairwise(losses))
