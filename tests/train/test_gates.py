"""L0 gates: attached, trained, folded into plain weights."""

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.regularization import open_probability
from parnassus.models.tables.mlp import MLP
from parnassus.objectives.supervised import Supervised

pytestmark = pytest.mark.usefixtures("draws")


def supervised(module):
    return Supervised(module, pn.loss("squared_error").make(task="numbers"), kind="numbers", n_outputs=1)


def test_gates_come_and_go_and_leave_the_keys_as_they_were():
    net = MLP((3, 4, 1))
    keys, kinds = list(net.state_dict()), [type(m) for m in net]
    objective, gates = supervised(net), pn.regularizer("l0").make()
    gates.attach(objective)
    assert len(list(objective.parameters())) == 6
    assert objective.phases()[0].gradient is None, "a closed form knows nothing of gates"
    gates.detach(objective)
    assert list(net.state_dict()) == keys
    assert [type(m) for m in net] == kinds
    assert objective.phases()[0].gradient is not None


def test_the_penalty_is_the_expected_number_of_weights():
    objective, gates = supervised(MLP((3, 4, 1))), pn.regularizer("l0", strength=0.5).make()
    gates.attach(objective)
    fresh = open_probability(torch.tensor(2.0)).item()
    assert gates.penalty().item() == pytest.approx(0.5 * 16 * fresh, rel=1e-6)


@pytest.mark.slow
def test_gates_shut_on_columns_that_say_nothing():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6))
    y = 2 * X[:, 0] - X[:, 1] + 0.05 * rng.normal(size=200)
    held = pn.regularizer("l0", strength=0.02)
    reg = pn.Regressor(
        pn.model("linear", solver="gradient"), epochs=150, batch_size=50, lr=0.03, regularizers=held, progress=False
    )
    reg.fit(X, y)
    w = reg.objective_.model[0].weight[0]
    assert (w[:2] != 0).all()
    assert (w[2:] == 0).all()
    assert reg.score(X, y) > 0.98


def test_a_model_without_weights_to_gate_is_refused():
    with pytest.raises(SettingError, match="dense and convolutional"):
        pn.regularizer("l0").make().attach(supervised(nn.Embedding(3, 1)))
