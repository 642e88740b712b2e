"""Curvature products against whole matrices, one function a step, gradients over all rows, and regularizers' hooks."""

import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.data.rows import Dense
from parnassus.errors import SettingError
from parnassus.objectives.supervised import Supervised
from parnassus.train.closure import PhaseClosure
from parnassus.train.phase import Objective, Phase
from parnassus.train.plan import Plan
from parnassus.train.trainer import Trainer

KINDS = {"cross_entropy": "labels", "squared_error": "numbers", "huber": "numbers"}


def module(seed=0, dropout=0.0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(dropout), nn.Linear(4, 2)).double()


def data(loss="cross_entropy", n=12):
    g = torch.Generator().manual_seed(1)
    x = torch.randn(n, 3, generator=g, dtype=torch.float64)
    y = torch.randint(0, 2, (n,), generator=g) if loss == "cross_entropy" else torch.randn(n, 2, generator=g).double()
    return {"x": x, "y": y}


def trainer_for(loss="cross_entropy", *, n=12, dropout=0.0, optimizer=None, regularizers=(), **plan):
    objective = Supervised(module(dropout=dropout), pn.loss(loss).make(task=KINDS[loss]), kind=KINDS[loss])
    return Trainer(
        objective,
        lambda batch, *, training=False: batch,
        plan=Plan(**{"epochs": 1, "batch_size": n} | plan),
        optimizer=optimizer or pn.optimizer("sgd"),
        schedule=pn.schedule("constant"),
        n_rows=n,
        regularizers=regularizers,
    )


def closure_of(trainer, *batches):
    trainer.objective.train()
    n = sum(len(b["x"]) for b in batches)
    shares = [1.0] if len(batches) == 1 else [len(b["x"]) / n for b in batches]
    return PhaseClosure(trainer, trainer.phases[0], list(batches), shares, repeats=True)


def by_parameters(trainer):
    """A flat vector as the module's named parameters, in the order of the block."""
    (block,) = trainer.distinct
    names = {id(p): k for k, p in trainer.objective.model.named_parameters()}
    return lambda flat: {names[id(p)]: part for p, part in zip(block.params, block.parts(flat), strict=True)}


def dense(trainer, batch, kind):
    """The whole matrix from torch.func over a flat vector of weights."""
    model, loss, named = trainer.objective.model, trainer.objective.loss, by_parameters(trainer)
    flat = trainer.distinct[0].values.clone()

    def outputs(w):
        return torch.func.functional_call(model, named(w), (batch["x"],))

    if kind == "hessian":
        return torch.autograd.functional.hessian(lambda w: loss(outputs(w), batch["y"]), flat)
    jacobian = torch.autograd.functional.jacobian(outputs, flat).reshape(-1, len(flat))
    z = outputs(flat).detach()
    bend = torch.autograd.functional.hessian(lambda z: loss(z, batch["y"]), z).reshape(z.numel(), z.numel())
    return jacobian.T @ bend @ jacobian


@pytest.mark.parametrize("kind", ["hessian", "gauss_newton"])
@pytest.mark.parametrize("loss", sorted(KINDS))
def test_products_are_the_whole_matrix_times_a_vector(loss, kind):
    """Against torch.autograd.functional.hessian and jacobian."""
    trainer, batch = trainer_for(loss), data(loss)
    matrix = dense(trainer, batch, kind)
    product = closure_of(trainer, batch).curvature(kind)
    v = torch.randn(len(matrix), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert torch.allclose(product([v])[0], matrix @ v, atol=1e-10)
    assert torch.allclose(product([2 * v])[0], 2 * (matrix @ v), atol=1e-10), "a product can be asked for twice"


@pytest.mark.parametrize("kind", ["hessian", "gauss_newton"])
def test_cuts_change_no_product(kind):
    trainer, batch = trainer_for(), data()
    v = [torch.ones_like(trainer.distinct[0].values)]
    whole = closure_of(trainer, batch).curvature(kind)(v)[0]
    cuts = [{k: t[:5] for k, t in batch.items()}, {k: t[5:] for k, t in batch.items()}]
    assert torch.allclose(closure_of(trainer, *cuts).curvature(kind)(v)[0], whole, atol=1e-12)
    assert closure_of(trainer, *cuts).loss() == pytest.approx(float(closure_of(trainer, batch).loss()), abs=1e-12)


def test_asked_again_it_is_the_same_function_under_dropout():
    trainer, batch = trainer_for(dropout=0.5), data()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        closure = closure_of(trainer, batch)
        first, slopes = closure(), trainer.distinct[0].gradients.clone()
        torch.rand(7)
        assert closure.loss() == first == closure()
        assert torch.equal(slopes, trainer.distinct[0].gradients)


def test_the_full_gradient_is_the_mean_over_all_rows():
    trainer, batch = trainer_for(n=3000), data(n=3000)
    trainer.rows = Dense(**batch)
    closure = closure_of(trainer, {k: t[:10] for k, t in batch.items()})
    closure.full_gradient()
    found = trainer.distinct[0].gradients.clone()
    closure_of(trainer, batch)()
    assert torch.allclose(found, trainer.distinct[0].gradients, atol=1e-12)


def test_svrg_is_its_equation_step_by_step():
    """functional.optimization.svrg on rows of two epochs, the snapshot at each start."""
    from parnassus.functional.optimization import svrg

    trainer = trainer_for(optimizer=pn.optimizer("svrg", lr=0.1), batch_size=4, epochs=2)
    twin, batch = trainer_for(), data()
    (block,), w = twin.distinct, twin.distinct[0].values.clone()

    def slope(at, index):
        block.values.copy_(at)
        closure_of(twin, {k: t[index] for k, t in batch.items()})()
        return block.gradients.clone()

    for epoch in range(2):
        snapshot, full = w.clone(), slope(w, torch.arange(12))
        for index in trainer.order(epoch).split(4):
            w = svrg(w, slope(w, index), slope(snapshot, index), full, lr=0.1)
    trainer.fit(Dense(**batch))
    assert torch.allclose(torch.cat([p.detach().flatten() for p in trainer.distinct[0].params]), w, atol=1e-12)


@pytest.mark.usefixtures("draws")
def test_gauss_newton_solves_a_linear_model_in_one_step():
    """Closed form: least squares by torch.linalg.lstsq."""
    batch = data("squared_error")
    objective = Supervised(nn.Linear(3, 2).double(), pn.loss("squared_error").make(task="numbers"), kind="numbers")
    trainer = Trainer(
        objective,
        lambda batch, *, training=False: batch,
        plan=Plan(epochs=1, batch_size=12),
        optimizer=pn.optimizer("gauss_newton", damping=0.0),
        schedule=pn.schedule("constant"),
        n_rows=12,
    )
    trainer.fit(Dense(**batch))
    design = torch.cat([batch["x"], torch.ones(12, 1).double()], 1)
    solved = torch.linalg.lstsq(design, batch["y"]).solution
    assert torch.allclose(objective.model.weight, solved[:3].T, atol=1e-10)
    assert torch.allclose(objective.model.bias, solved[3], atol=1e-10)


def test_alternating_least_squares_factors_a_matrix():
    """Eckart and Young: the best product of rank 2 leaves the lesser singular values of torch.linalg.svdvals."""

    class Factors(Objective):
        def __init__(self):
            super().__init__()
            g = torch.Generator().manual_seed(0)
            self.left = nn.Parameter(torch.randn(6, 2, generator=g, dtype=torch.float64))
            self.right = nn.Parameter(torch.randn(5, 2, generator=g, dtype=torch.float64))
            self.matrix = torch.randn(6, 5, generator=g, dtype=torch.float64)

        def phases(self):
            def loss(batch):
                return (self.left @ self.right.T - self.matrix).square().sum()

            return [Phase("factor", loss, [self.left, self.right])]

    objective = Factors()
    trainer = Trainer(
        objective,
        lambda batch, *, training=False: batch,
        plan=Plan(epochs=200, batch_size=1),
        optimizer=pn.optimizer("alternating"),
        schedule=pn.schedule("constant"),
        n_rows=1,
    )
    trainer.fit(Dense(x=torch.zeros(1, 1)))
    rest = torch.linalg.svdvals(objective.matrix)[2:].square().sum()
    assert trainer.history[-1]["loss"] == pytest.approx(float(rest), rel=1e-6)


def test_gauss_newton_without_outputs_is_refused_by_name():
    class Bare(Objective):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(2))

        def phases(self):
            return [Phase("bare", lambda batch: (self.w**2).sum(), [self.w])]

    trainer = Trainer(
        Bare(),
        lambda batch, *, training=False: batch,
        plan=Plan(epochs=1, batch_size=2),
        optimizer=pn.optimizer("hessian_free"),
        schedule=pn.schedule("constant"),
        n_rows=2,
    )
    with pytest.raises(SettingError, match="phase 'bare' of Bare has none; choose curvature='hessian'"):
        trainer.fit(Dense(x=torch.zeros(2, 1)))


# --- regularizers ---------------------------------------------------------------------------------


class Watching:
    """Every hook, doing what can be checked."""

    progress = -1.0

    def __init__(self, penalty=None):
        self.calls, self.scale = [], penalty

    def __repr__(self):
        return f"Watching({self.scale})"

    def attach(self, objective):
        self.module = objective.model

    def batch(self, batch):
        self.calls.append(("batch", self.progress))
        return batch | {"x": batch["x"] + 1}

    def before(self, blocks):
        self.calls.append("before")
        for block in blocks:
            block.values.add_(0.5)

    def gradient(self, blocks):
        self.calls.append("gradient")
        for block in blocks:
            block.values.sub_(0.5)
            block.gradients.add_(0.25)

    def after(self, blocks):
        self.calls.append("after")
        for block in blocks:
            block.values.clamp_(-0.3, 0.3)

    def penalty(self):
        if self.scale is None:
            return None
        return self.scale * sum(p.square().sum() for p in self.module.parameters())


@pytest.mark.parametrize("penalty", [None, 0.1])
@pytest.mark.parametrize("micro", [None, 5])
def test_the_hooks_of_a_regularizer_are_called_in_order(penalty, micro):
    watching, batch = Watching(penalty), data()
    trainer = trainer_for(regularizers=[watching], epochs=2, micro_batch_size=micro)
    watching.attach(trainer.objective)
    twin = module()
    trainer.fit(Dense(**batch))
    cuts = 1 if micro is None else 3
    one = ["before", "gradient", "after"]
    assert watching.calls == [("batch", 0.0)] * cuts + one + [("batch", 0.5)] * cuts + one
    for _ in range(2):  # the same by hand
        with torch.no_grad():
            for p in twin.parameters():
                p.add_(0.5)
        loss = nn.functional.cross_entropy(twin(batch["x"] + 1), batch["y"])
        if penalty:
            loss = loss + penalty * sum(p.square().sum() for p in twin.parameters())
        slopes = torch.autograd.grad(loss, list(twin.parameters()))
        with torch.no_grad():
            for p, g in zip(twin.parameters(), slopes, strict=True):
                p.sub_(0.5).sub_(0.01 * (g + 0.25)).clamp_(-0.3, 0.3)
    for p, q in zip(trainer.objective.model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-12)


@pytest.mark.parametrize("kind", ["hessian", "gauss_newton"])
def test_a_penalty_bends_the_curvature(kind):
    """0.1 |w|^2 adds 0.2 to the diagonal."""
    watching, batch = Watching(0.1), data()
    trainer, plain = trainer_for(regularizers=[watching]), trainer_for()
    watching.attach(trainer.objective)
    v = torch.ones_like(trainer.distinct[0].values)
    bent, flat = (closure_of(t, batch).curvature(kind)([v])[0] for t in (trainer, plain))
    assert torch.allclose(bent, flat + 0.2 * v, atol=1e-10)


def test_another_regularizer_is_another_training():
    state = trainer_for(regularizers=[Watching(0.1)]).state_dict()
    for other in (trainer_for(), trainer_for(regularizers=[Watching(0.2)])):
        with pytest.raises(ValueError, match="regularizers was"):
            other.load_state_dict(state)
