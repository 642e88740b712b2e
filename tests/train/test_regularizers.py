"""Each regulariser's hooks by themselves, then in training against closed forms and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import ElasticNet, Lasso, Ridge
from torch import nn

import parnassus as pn
from parnassus.data.rows import Dense
from parnassus.errors import SettingError
from parnassus.models.tables.mlp import MLP
from parnassus.objectives.supervised import Supervised
from parnassus.train.blocks import Block
from parnassus.train.perturbations import in_order
from parnassus.train.plan import Plan
from parnassus.train.regularizers import Regularizer
from parnassus.train.trainer import Trainer

pytestmark = pytest.mark.usefixtures("draws")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 5))
Y = X @ [3.0, 0.0, -1.0, 0.02, 0.5] + 0.1 * RNG.normal(size=64)
XC, YC = X - X.mean(0), Y - Y.mean()


def supervised(module, kind="numbers", **more):
    name = "squared_error" if kind == "numbers" else "cross_entropy"
    return Supervised(module, pn.loss(name).make(task=kind), kind=kind, **more)


def made(name, **options) -> Regularizer:
    return pn.regularizer(name, **options).make()


def trained(objective, regularizers, *, x=XC, y=YC, epochs=300, lr=0.2, optimizer="sgd", batch_size=64, **plan):
    rows = Dense(x=torch.from_numpy(x).double(), y=torch.from_numpy(np.asarray(y)).double()[:, None])
    for r in regularizers:
        r.attach(objective)
    trainer = Trainer(
        objective, lambda b, training=False: b, plan=Plan(epochs=epochs, batch_size=batch_size, **plan),
        optimizer=pn.optimizer(optimizer, lr=lr), schedule=pn.schedule("constant"), n_rows=len(x),
        regularizers=in_order(regularizers),
    ).fit(rows)  # fmt: skip
    for r in regularizers:
        r.detach(objective)
    return trainer


def fitted_linear(*regularizers, **how):
    net = MLP((5, 1)).double()
    trained(supervised(net), list(regularizers), **how)
    return net[0].weight[0].detach().numpy(), net[0].bias.item()


# --- against scikit-learn --------------------------------------------------------------------------------------------


def test_l1_is_scikit_learns_lasso_with_its_exact_zeros():
    """Lasso minimises squared error / (2 n) + alpha |w|_1, so a mean squared error takes strength 2 alpha."""
    w, bias = fitted_linear(made("l1", strength=0.2))
    expected = Lasso(alpha=0.1, tol=1e-12, random_state=0).fit(XC, YC)
    assert w == pytest.approx(expected.coef_, abs=1e-6)
    assert ((w == 0) == (expected.coef_ == 0)).all()
    assert (w == 0).sum() == 2
    assert bias == pytest.approx(expected.intercept_, abs=1e-6)


@pytest.mark.slow
def test_l1_keeps_its_zeros_under_adam():
    w, _ = fitted_linear(made("l1", strength=0.2), optimizer="adam", lr=0.02, epochs=1000)
    expected = Lasso(alpha=0.1, tol=1e-12, random_state=0).fit(XC, YC)
    assert w == pytest.approx(expected.coef_, abs=2e-3)
    assert ((w == 0) == (expected.coef_ == 0)).all()


@pytest.mark.parametrize(("convention", "alpha"), [("half", 0.25), ("whole", 0.5)])
def test_l2_is_scikit_learns_ridge_and_spares_the_bias(convention, alpha):
    """Ridge minimises squared error + alpha |w|^2: n strength, or half of it."""
    w, bias = fitted_linear(made("l2", strength=0.5, convention=convention), y=YC + 4)
    expected = Ridge(alpha=64 * alpha).fit(XC, YC + 4)
    assert w == pytest.approx(expected.coef_, abs=1e-6)
    assert bias == pytest.approx(4, abs=1e-6)
    _, shrunk = fitted_linear(made("l2", strength=0.5, on="all"), y=YC + 4)
    assert shrunk == pytest.approx(4 / (1 + 0.25), abs=1e-6)


def test_elastic_is_scikit_learns():
    w, _ = fitted_linear(made("elastic", strength=0.4, share=0.3))
    expected = ElasticNet(alpha=0.2, l1_ratio=0.3, tol=1e-12, random_state=0).fit(XC, YC)
    assert w == pytest.approx(expected.coef_, abs=1e-6)


def test_a_penalty_in_the_loss_gives_what_its_closed_form_gives():
    as_loss = made("l2", strength=0.5)
    as_loss.as_loss = True
    assert fitted_linear(as_loss)[0] == pytest.approx(fitted_linear(made("l2", strength=0.5))[0], abs=1e-9)
    lbfgs = made("l2", strength=0.5)
    lbfgs.as_loss = True
    w, _ = fitted_linear(lbfgs, optimizer="lbfgs", lr=1.0, epochs=60)
    assert w == pytest.approx(Ridge(alpha=16).fit(XC, YC).coef_, abs=1e-4)


# --- noise -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_input_noise_is_ridge_for_a_linear_unit():
    """Rows repeated many times with noise are one step's mean: gradient descent goes to n s^2 ridge."""
    x, y = np.repeat(XC, 400, axis=0), np.repeat(YC, 400)
    w, _ = fitted_linear(made("input_noise", scale=0.5), x=x, y=y, batch_size=len(x), epochs=120, lr=0.1, average=0.95)
    ridge, plain = Ridge(alpha=64 * 0.25).fit(XC, YC).coef_, Ridge(alpha=0).fit(XC, YC).coef_
    assert w == pytest.approx(ridge, abs=0.03)
    assert abs(w - plain).max() > 0.3


def test_weight_noise_puts_weights_back_exactly_and_moves_the_gradient():
    net = nn.Linear(3, 2).double()
    block = Block(list(net.parameters()), True)
    was, noise = block.values.clone(), made("weight_noise", scale=0.5)
    noise.before([block])
    assert not torch.equal(net.weight, was[:6].view(2, 3))
    assert torch.equal(net.bias, was[6:])  # vectors are left alone
    noise.gradient([block])
    assert torch.equal(block.values, was)


def test_several_perturbations_leave_no_trace_in_any_order():
    net = nn.Linear(3, 2).double()
    block = Block(list(net.parameters()), True)
    was = block.values.clone()
    parts = in_order([made("l2"), made("weight_noise"), made("dropconnect"), made("weight_noise", scale=1.0)])
    assert len(parts) == 2
    for part in parts:
        part.before([block])
    for part in parts:
        part.gradient([block])
    assert torch.equal(block.values, was)


def test_dropconnects_gradient_is_that_of_the_masked_weights():
    net, x = nn.Linear(40, 30, bias=False).double(), torch.randn(7, 40, dtype=torch.float64)
    block, drop = Block(list(net.parameters()), True), made("dropconnect", rate=0.4)
    w = net.weight.detach().clone()
    drop.before([block])
    mask = net.weight.detach() / w
    (x @ net.weight.T).sum().backward()
    drop.gradient([block])
    leaf = w.clone().requires_grad_()
    (x @ (leaf * mask).T).sum().backward()
    torch.testing.assert_close(net.weight.grad, leaf.grad)
    assert (mask == 0).double().mean().item() == pytest.approx(0.4, abs=0.06)
    torch.testing.assert_close(mask[mask != 0], torch.full_like(mask[mask != 0], 1 / 0.6))


def test_gradient_noise_anneals():
    block, noise = Block([nn.Parameter(torch.zeros(20_000))], False), made("gradient_noise", scale=0.3)
    spreads = []
    for progress in (0.0, 0.1, 1.0):
        block.gradients.zero_()
        noise.progress = progress
        noise.gradient([block])
        spreads.append(block.gradients.std().item())
    assert spreads == pytest.approx([0.3 / (1 + 1000 * t) ** 0.275 for t in (0.0, 0.1, 1.0)], rel=0.03)


# --- bounds and activities -------------------------------------------------------------------------------------------


def test_max_norm_holds_after_every_step():
    net, seen = MLP((5, 8, 1)).double(), []
    objective, bound = supervised(net), made("max_norm", limit=0.5)
    trained(objective, [bound], epochs=30, lr=0.5)
    seen += [m.weight.norm(dim=1).max().item() for m in net if isinstance(m, nn.Linear)]
    assert max(seen) <= 0.5 + 1e-12
    assert max(seen) > 0.49


def test_the_activity_penalty_is_the_mean_size_of_hidden_units_and_its_hooks_go():
    net, x = MLP((5, 8, 6, 1), activation="tanh").double(), torch.randn(9, 5, dtype=torch.float64)
    objective, held = supervised(net), made("activity_l1", strength=0.3)
    held.attach(objective)
    net(x)
    held.penalty()
    h1 = net[1](net[0](x))
    expected = 0.3 * (h1.abs().sum(1) + net[3](net[2](h1)).abs().sum(1)).mean()
    held.penalty()  # what was seen so far is forgotten
    net(x)
    torch.testing.assert_close(held.penalty(), expected)
    net.eval()(x)
    assert held.penalty() == 0
    held.detach(objective)
    assert objective.phases()[0].gradient is not None, "the closed form is back"


def test_the_activity_penalty_makes_activities_small():
    sizes = []
    for regularizers in ([], [made("activity_l1", strength=0.2)]):
        torch.default_generator.manual_seed(1)
        net = MLP((5, 16, 1)).double()
        trained(supervised(net), regularizers, epochs=300, lr=0.02)
        sizes.append(net[1](net[0](torch.from_numpy(XC))).abs().sum(1).mean().item())
    assert sizes[1] < 0.7 * sizes[0]


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [("l1", {"strength": 0.0}), ("l2", {"strength": -1.0}), ("l2", {"convention": "third"}), ("l1", {"on": "biases"}),
     ("elastic", {"share": 1.5}), ("max_norm", {"limit": 0.0}), ("activity_l1", {"strength": float("nan")}),
     ("weight_noise", {"scale": 0.0}), ("gradient_noise", {"decay": -1.0}), ("dropconnect", {"rate": 1.0}),
     ("input_noise", {"scale": float("inf")}), ("label_noise", {"rate": 0.0}), ("mixup", {"alpha": 0.0}),
     ("cutmix", {"alpha": -1.0}), ("cutout", {"size": 0}),
     ("l0", {"strength": 0.0}), ("output_noise", {"scale": -1.0})],
)  # fmt: skip
def test_options_without_effect_or_meaning_are_refused_by_name(name, options):
    with pytest.raises(SettingError, match=f"'{name}'"):
        made(name, **options)


@pytest.mark.parametrize("name", pn.regularizer.names())
def test_every_one_says_what_it_is_with_its_options(name):
    assert "=" in repr(made(name))
    assert repr(made(name)) == repr(made(name))


def test_the_base_does_nothing():
    base, batch = Regularizer(), {"x": torch.ones(1)}
    assert base.batch(batch) is batch
    assert base.penalty() is None
