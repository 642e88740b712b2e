"""What every objective goes through: its loss falls, players keep to themselves, resume is exact, weights count.

The objectives are those that registered models make for a classifier and a regressor, and two toy games.
"""

import copy

import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus import store
from parnassus.data.rows import Dense
from parnassus.functional.criteria import Loss
from parnassus.models.tables.mlp import MLP
from parnassus.objectives.rules import LeastSquares, Perceptron
from parnassus.objectives.supervised import Supervised
from parnassus.train.phase import Objective, Phase
from parnassus.train.plan import Plan
from parnassus.train.trainer import Trainer

N = 36


class Duel(Objective):
    """Two players, one loss each: the first wants the difference of their answers small, the second large, and tame."""

    def __init__(self):
        super().__init__()
        self.chaser, self.runner = MLP([3, 6, 1]), MLP([3, 6, 1])

    def outputs(self, batch):
        return self.chaser(batch["x"])

    def weight(self, batch):
        return batch["weight"].sum() if "weight" in batch else len(batch["x"])

    def mean(self, values, batch):
        weight = batch.get("weight")
        values = values.flatten(1).mean(1)
        return values.mean() if weight is None else (values * weight).sum() / weight.sum()

    def chase(self, batch):
        return self.mean((self.chaser(batch["x"]) - self.runner(batch["x"])).square(), batch)

    def run(self, batch):
        away = self.runner(batch["x"])
        return self.mean(away.square() - (self.chaser(batch["x"]) - away).tanh(), batch)

    def phases(self):
        return [
            Phase("chase", self.chase, self.chaser.parameters(), optimizer={"lr": 0.02}),
            Phase("run", self.run, self.runner.parameters(), every=2, optimizer={"lr": 0.001}),
        ]


class Relay(Duel):
    """The same two over stretches of training, the second stretch moving both."""

    def phases(self):
        both = [*self.chaser.parameters(), *self.runner.parameters()]
        return [
            Phase("chase", self.chase, self.chaser.parameters(), during=(0.0, 0.5)),
            Phase("both", self.chase, both, during=(0.5, 1.0), optimizer={"name": "sgd", "lr": 0.05}),
        ]


def named(name, task, **options):
    """The objective that a registered model makes for (3 features, 3 outputs), steps of 3, or 8 x 8 pictures."""
    facts = {"in_features": 3, "n_outputs": 3, "in_channels": 1, "image_size": (8, 8), "cardinalities": (3,)}
    facts["step_features"] = 3
    spec = pn.model(name, **options)
    builder = max((b for b in spec.builders(task) if b.facts <= facts.keys()), key=lambda b: len(b.facts))
    made = builder.make(**{k: facts[k] for k in builder.facts}, **spec.get_params(task=task))
    if isinstance(made, Objective):
        return made
    kind, loss = {"classifier": ("labels", "cross_entropy"), "regressor": ("numbers", "squared_error")}[task]
    return Supervised(made, pn.loss(loss).make(task=kind), kind=kind)


def multilabel(loss):
    return Supervised(MLP([3, 5, 3]), pn.loss(loss).make(task="multilabel"), kind="multilabel")


OBJECTIVES = {
    "mlp classifier": ("labels", lambda: named("mlp", "classifier", hidden=(8,))),
    "mlp with dropout": ("labels", lambda: named("mlp", "classifier", hidden=(16,), dropout=0.2)),
    "mlp of labels": ("multilabel", lambda: multilabel("cross_entropy")),
    "mlp by hinge": ("multilabel", lambda: multilabel("hinge")),
    "mlp regressor": ("numbers", lambda: named("mlp", "regressor", hidden=(8,), activation="tanh")),
    "softmax": ("labels", lambda: named("softmax", "classifier")),
    "logistic": ("labels", lambda: named("logistic", "classifier")),
    "linear by gradient": ("numbers", lambda: named("linear", "regressor", solver="gradient")),
    "least squares": ("numbers", lambda: named("linear", "regressor")),
    "ridge": ("numbers", lambda: named("linear", "regressor", l2=1.0)),
    "MMSE classifier": ("labels", lambda: named("linear", "classifier")),
    "perceptron": ("labels", lambda: named("perceptron", "classifier")),
    "averaged perceptron": ("labels", lambda: named("perceptron", "classifier", variant="averaged")),
    "pocket, one against the rest": (
        "labels",
        lambda: named("perceptron", "classifier", variant="pocket", multiclass="one_vs_rest"),
    ),
    "adaline": ("labels", lambda: named("adaline", "classifier")),
    "lms": ("numbers", lambda: named("lms", "regressor")),
    "polynomial": ("numbers", lambda: named("polynomial", "regressor")),
    "relevance_vector_machine": ("numbers", lambda: named("relevance_vector_machine", "regressor", scale=2.0)),
    "relevance vectors of classes": ("labels", lambda: named("relevance_vector_machine", "classifier", scale=2.0)),
    "bayesian_linear": ("numbers", lambda: named("bayesian_linear", "regressor")),
    "bayesian_logistic": ("labels", lambda: named("bayesian_logistic", "classifier")),
    "gaussian_process classifier": ("labels", lambda: named("gaussian_process", "classifier", n_restarts=0)),
    "gaussian_process": ("numbers", lambda: named("gaussian_process", "regressor", n_restarts=0)),
    "resnet_mlp": ("labels", lambda: named("resnet_mlp", "classifier", width=8, hidden=8, dropout=0.0)),
    "entity_embedding": ("mixed", lambda: named("entity_embedding", "classifier", hidden=(8,))),
    "wide_deep": ("mixed", lambda: named("wide_deep", "classifier", hidden=(8,))),
    "ft_transformer": (
        "mixed",
        lambda: named("ft_transformer", "classifier", width=8, n_heads=2, attention_dropout=0.0, dropout=0.0),
    ),
    "cnn": ("pictures", lambda: named("cnn", "classifier", channels=(4,), hidden=8)),
    "lenet": ("pictures", lambda: named("lenet", "classifier")),
    "lenet1": ("pictures", lambda: named("lenet1", "classifier")),
    "resnet20": ("pictures", lambda: named("resnet20", "classifier", width=0.25)),
    "multinomial_nb": ("counts", lambda: named("multinomial_nb", "classifier")),
    "bernoulli_nb": ("labels", lambda: named("bernoulli_nb", "classifier")),
    "gaussian_nb": ("labels", lambda: named("gaussian_nb", "classifier")),
    "gmm_nb": ("labels", lambda: named("gmm_nb", "classifier", n_components=1, covariance_type="full")),
    "lda": ("labels", lambda: named("lda", "classifier")),
    "qda": ("labels", lambda: named("qda", "classifier")),
    "rnn": ("steps", lambda: named("rnn", "classifier", hidden=8)),
    "lstm": ("steps", lambda: named("lstm", "classifier", hidden=8, bidirectional=True)),
    "gru": ("steps", lambda: named("gru", "classifier", hidden=8)),
    "tdnn": (
        "steps",
        lambda: named("tdnn", "classifier", channels=(8,), kernels=(3,), dilations=(1,), hidden=(8,), dropout=0.0),
    ),
    "echo_state": ("steps", lambda: named("echo_state", "classifier", hidden=16)),
    "echo_state of numbers": ("steps_numbers", lambda: named("echo_state", "regressor", hidden=16)),
    "hmm": ("steps", lambda: named("hmm", "classifier")),
    "hmm by MMI": ("steps", lambda: named("hmm", "classifier", criterion="mmi", n_em_steps=1, n_states=2)),
    "hmm by MPE": ("steps", lambda: named("hmm", "classifier", criterion="mpe", n_em_steps=1, n_mixtures=2)),
    "hmm by MCE": ("steps", lambda: named("hmm", "classifier", criterion="mce", n_em_steps=1, scale=0.3)),
    "duel": ("numbers", Duel),
    "relay": ("numbers", Relay),
}
every = pytest.mark.parametrize(("kind", "make"), OBJECTIVES.values(), ids=OBJECTIVES)
# batch norm and dropout see the cuts of a window, and rules row by row end alike but for rounding: tested in test_rules
MEANS = {k: v for k, v in OBJECTIVES.items() if k not in ("mlp with dropout", "cnn", "resnet20")}
every_mean = pytest.mark.parametrize(("kind", "make"), MEANS.values(), ids=MEANS)


@pytest.fixture(autouse=True)
def seeded(draws):
    """Modules are made inside the tests, from one seed."""


def toy(kind, n=N, seed=0):
    """Rows that all of these can learn, with weights."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, generator=g)
    scores = x @ torch.tensor([[2.0, -1.0, 0.0], [0.0, 2.0, -2.0], [-1.0, 0.0, 2.0]]) + 0.3
    y = {"numbers": scores, "steps_numbers": scores, "multilabel": (scores > 0).float()}.get(kind, scores.argmax(1))
    if kind == "pictures":
        x = torch.zeros(n, 1, 8, 8).index_put((torch.arange(n), torch.zeros(n).long(), y * 2, y), torch.tensor(3.0))
        x += 0.1 * torch.randn(n, 1, 8, 8, generator=g)
    if kind.startswith("steps"):
        x = torch.stack([x, x.flip(1), 0.1 * torch.randn(n, 3, generator=g)], 1)
    if kind == "counts":
        x = (torch.eye(3)[y] * 4 + torch.rand(n, 3, generator=g)).round()
    batch = {"x": x, "y": y, "weight": torch.rand(n, generator=g) * 2 + 0.1}
    return batch | {"columns": torch.randint(3, (n, 1), generator=g)} if kind == "mixed" else batch


def trainer_of(objective, n=N, optimizer="adam", **plan):
    return Trainer(
        objective,
        lambda batch, training=False: batch,
        plan=Plan(**{"epochs": objective.epochs or 3, "batch_size": 9} | plan),
        n_rows=n,
        optimizer=pn.optimizer(optimizer) if isinstance(optimizer, str) else optimizer,
        schedule=pn.schedule("linear"),
    )


# plain supervised nets, as resnet20 is: what is theirs alone is tested in test_models.py
ZOO = {"xception", "alexnet", "zfnet", "googlenet", "mobilenet_v1", "mobilenet_v2"}
ZOO |= {"dbn"}  # contrastive steps draw for every row: weighted rows are other draws; see test_energy.py
ZOO |= {"cnn_lstm", "c3d", "r3d18", "nin", "highway", "conv1d", "resnet1d", "inceptiontime", "text_cnn", "bert"}
ZOO |= {"distilbert", "rocket", "dtw_neighbors", "vae_m2", "neocognitron"}  # the last four: see their own tests
ZOO |= {"transformer", "s4", "s4d", "s5", "mamba", "mamba2", "bimamba", "jamba"}


def test_every_model_of_these_tasks_is_here():
    here = {name.split()[-1] for name in OBJECTIVES} | {"linear", "mlp", "hmm"} | ZOO
    here |= {b.name for b in pn.model if hasattr(b.make, "__wrapped__")}  # sizes of one net
    known = {b.name for b in pn.model if {"classifier", "regressor"} & set(b.tasks)}
    assert known <= here | {"embedded"}, f"add {known - here} to OBJECTIVES"


@pytest.mark.slow
@every
def test_its_loss_falls_on_a_toy(kind, make):
    batch, objective = toy(kind), make()
    own = isinstance(objective, Duel)  # whose phases bring their rates
    trainer = trainer_of(
        objective, epochs=objective.epochs or 60, optimizer="adam" if own else pn.optimizer("adam", lr=0.01)
    )
    rows = Dense(**batch)
    before = trainer.evaluate(rows)["loss"]
    trainer.fit(rows)
    after = trainer.evaluate(rows)["loss"]
    assert after < 0.8 * before, (before, after)


@every
def test_a_phase_moves_its_own_parameters_and_no_others(kind, make):
    objective, batch = make(), toy(kind)
    trainer = trainer_of(objective)
    with torch.no_grad():
        trainer.start(Dense(**batch))
        for phase in trainer.phases:
            own = {id(p) for p in phase.params}
            values = {n: p.detach().clone() for n, p in objective.named_parameters()}
            slopes = {n: None if p.grad is None else p.grad.clone() for n, p in objective.named_parameters()}
            trainer._move(phase, [batch], [objective.weight(batch)], [])
            for name, p in objective.named_parameters():
                if id(p) not in own:
                    assert torch.equal(p, values[name]), f"{phase.name} moved {name}"
                    assert p.grad is slopes[name] or torch.equal(p.grad, slopes[name]), f"{phase.name} leaked to {name}"
            if own:
                moved = [n for n, p in objective.named_parameters() if id(p) in own and not torch.equal(p, values[n])]
                assert moved, f"{phase.name} moved nothing"


class Killed(Exception):
    pass


def states_of(trainer):
    return {k: v.clone() for k, v in trainer.objective.state_dict().items()}


@pytest.mark.slow
@every
def test_resume_is_exact_at_every_step(kind, make, tmp_path):
    rows, start = Dense(**toy(kind)), make()
    whole = trainer_of(copy.deepcopy(start), average=0.9, clip_norm=5.0)
    saved = []

    def keep(trainer):
        store.save(tmp_path / str(trainer.step), trainer.state_dict())
        saved.append(trainer.step)

    whole.fit(rows, after_step=keep)
    expected = states_of(whole)
    for step in saved:
        with torch.random.fork_rng():
            torch.rand(step)
            trainer = trainer_of(make(), average=0.9, clip_norm=5.0)
        trainer.load_state_dict(store.load(tmp_path / str(step)))
        trainer.fit(rows)
        ended = states_of(trainer)
        assert all(torch.equal(v, ended[k]) for k, v in expected.items()), f"resumed after step {step}"
        assert trainer.history == whole.history


@pytest.mark.parametrize("step", [511, 512, 513, 530])
def test_resume_keeps_the_losses_of_a_long_epoch(step, tmp_path):
    rows, start = Dense(**toy("labels", n=540)), named("softmax", "classifier")  # losses are added up each 512 steps

    def keep(trainer):
        if trainer.step == step:
            store.save(tmp_path / "kept", trainer.state_dict())

    whole = trainer_of(copy.deepcopy(start), n=540, epochs=1, batch_size=1).fit(rows, after_step=keep)
    resumed = trainer_of(start, n=540, epochs=1, batch_size=1)
    resumed.load_state_dict(store.load(tmp_path / "kept"))
    assert resumed.fit(rows).history == whole.history


@every_mean
@pytest.mark.parametrize("weighted", [False, True])
def test_weight_is_what_the_loss_is_a_mean_over(kind, make, weighted):
    objective, batch = make().double(), {k: v.double() if v.is_floating_point() else v for k, v in toy(kind).items()}
    if not weighted:
        del batch["weight"]
    objective.begin(batch)
    parts = [{k: v[at] for k, v in batch.items()} for at in torch.arange(N).split([1, 5, 13, 17])]
    for phase in objective.phases():
        if phase.params and not isinstance(objective, Perceptron | LeastSquares):
            weigh = phase.weight or objective.weight
            total = sum(phase.loss(part) * weigh(part) for part in parts) / sum(weigh(part) for part in parts)
            torch.testing.assert_close(total, phase.loss(batch), rtol=1e-6, atol=1e-7)
    measured = [objective.eval().evaluate(part) for part in parts]
    for name, value in objective.evaluate(batch).items():
        mean = sum(m[name] * objective.weight(p) for m, p in zip(measured, parts, strict=True))
        torch.testing.assert_close(mean / objective.weight(batch), value, rtol=1e-6, atol=1e-7)


@every_mean
def test_micro_batches_of_weighted_rows_change_nothing_but_rounding(kind, make):
    rows, start = Dense(**toy(kind)), make()
    ended = []
    for micro in (None, 2):
        trainer = trainer_of(copy.deepcopy(start), epochs=1, micro_batch_size=micro).fit(rows)
        ended.append(states_of(trainer))
    for name, tensor in ended[0].items():
        torch.testing.assert_close(tensor, ended[1][name], rtol=1e-4, atol=2e-5, msg=lambda m, n=name: f"{n}: {m}")


@every_mean
def test_a_row_of_weight_two_is_that_row_twice(kind, make):
    batch, objective = toy(kind), make()
    doubled = {k: torch.cat([v, v[:7]]) for k, v in batch.items() if k != "weight"}
    weight = torch.ones(N)
    weight[:7] = 2
    with torch.no_grad():
        objective.eval()
        once, twice = (objective.evaluate(b) for b in (batch | {"weight": weight}, doubled))
    for name in once:
        torch.testing.assert_close(once[name], twice[name], rtol=1e-5, atol=1e-6)


# --- closed forms ---------------------------------------------------------------------------------

NETS = {
    "linear": lambda: MLP([3, 3]),
    "relu": lambda: MLP([3, 7, 5, 3]),
    "tanh": lambda: MLP([3, 7, 3], activation="tanh"),
    "sigmoid": lambda: MLP([3, 7, 3], activation="sigmoid"),
    "one output": lambda: MLP([3, 4, 1]),
    "four outputs": lambda: MLP([3, 4, 4]),
}
PARAMETERS = {"quantiles": 3, "gaussians": 2}  # outputs for each number of y
LOSSES = [(b.name, task) for b in pn.loss for task in b.tasks]


def answers(task, n_outputs, g):
    return {
        "binary": lambda: torch.randint(0, 2, (N, n_outputs), generator=g).double(),
        "multilabel": lambda: torch.randint(0, 2, (N, n_outputs), generator=g).double(),
        "labels": lambda: torch.randint(0, n_outputs, (N,), generator=g),
        "numbers": lambda: torch.rand(N, n_outputs, generator=g, dtype=torch.float64) * 3,
        "quantiles": lambda: torch.rand(N, n_outputs // 3, generator=g, dtype=torch.float64) * 3,
        "gaussians": lambda: torch.rand(N, n_outputs // 2, generator=g, dtype=torch.float64) * 3,
        "ordinal": lambda: torch.randint(0, n_outputs + 1, (N,), generator=g),
    }[task]()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize(("loss", "task"), LOSSES, ids=[f"{n}-{t}" for n, t in LOSSES])
def test_the_closed_form_is_autograds(loss, task, net, weighted):
    g = torch.Generator().manual_seed(1)
    model = NETS[net]().double()
    criterion = pn.loss(loss).make(task=task)
    assert isinstance(criterion, Loss)
    objective = Supervised(model, criterion, kind=task)
    n_outputs = model[-1].out_features
    if n_outputs % PARAMETERS.get(task, 1) or (n_outputs == 1 and (task == "labels" or loss == "cosine")):
        return  # which are for several outputs
    batch = {"x": torch.randn(N, 3, generator=g, dtype=torch.float64), "y": answers(task, n_outputs, g)}
    if weighted:
        batch["weight"] = torch.rand(N, generator=g, dtype=torch.float64)
    (phase,) = objective.phases()
    assert phase.gradient is not None, "a plain dense stack has a closed form"
    value = objective.mean_loss(batch)
    expected = torch.autograd.grad(value, list(model.parameters()))
    for p in model.parameters():
        p.grad = torch.full_like(p, 7.0)  # what lies there is overwritten, not added to
    with torch.no_grad():
        closed = phase.gradient(batch)
    torch.testing.assert_close(closed, value.detach(), rtol=1e-9, atol=1e-12)
    for p, slope in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(p.grad, slope, rtol=1e-8, atol=1e-11)


def test_what_is_no_plain_stack_has_no_closed_form():
    for part in (nn.Dropout(0.1), nn.BatchNorm1d(4), nn.GELU()):
        model = nn.Sequential(nn.Linear(3, 4), part, nn.Linear(4, 3))
        objective = Supervised(model, pn.loss("cross_entropy").make(task="labels"), kind="labels")
        assert objective.phases()[0].gradient is None


def test_a_game_that_breaks_leaves_the_random_state_as_it_was():
    class Breaks(Duel):
        def run(self, batch):
            torch.rand(3)
            raise Killed

    trainer, rows = trainer_of(Breaks()), Dense(**toy("numbers"))
    before = torch.get_rng_state()
    with pytest.raises(Killed):
        trainer.fit(rows)
    assert torch.equal(before, torch.get_rng_state())
