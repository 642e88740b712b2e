"""The loop against torch's own, resume bit for bit, and what stops it."""

import contextlib
import os
import signal

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus import checks, store
from parnassus.data.rows import Dense
from parnassus.errors import DataError, Diverged, SettingError
from parnassus.models.tables.mlp import MLP
from parnassus.objectives.supervised import Supervised
from parnassus.train.checkpoint import Checkpoint
from parnassus.train.diagnosis import warn_of_growth
from parnassus.train.interrupt import deferred_interrupt
from parnassus.train.phase import Objective, Phase
from parnassus.train.plan import Plan
from parnassus.train.randomness import seed_of, step_seed
from parnassus.train.record import Losses
from parnassus.train.trainer import Trainer


def toy(n=512, *, classes=2):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(n, 10, generator=g)
    return x, (x[:, 0] * x[:, 1] > 0).long() if classes == 2 else torch.randint(0, classes, (n,), generator=g)


def net(*widths, seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MLP(widths, **options)


def supervised(module):
    return Supervised(module, pn.loss("cross_entropy").make(task="labels"), kind="labels")


def identity(batch, *, training=False):
    return batch


def trainer_for(objective, n, *, plan=None, optimizer=None, schedule=None, prepare=identity):
    return Trainer(
        objective,
        prepare,
        plan=plan or Plan(epochs=2, batch_size=64),
        n_rows=n,
        optimizer=optimizer or pn.optimizer("adam"),
        schedule=schedule or pn.schedule("constant"),
    )


def gap(one, other):
    return max(checks.gap(p, q) for p, q in zip(one.parameters(), other.parameters(), strict=True))


def by_hand(module, optimizer, x, y, orders, factor=lambda step: 1.0):
    """The loop anybody would write; autograd, torch.optim."""
    base, step = [g["lr"] for g in optimizer.param_groups], 0
    for order in orders:
        for index in order.split(64):
            for group, lr in zip(optimizer.param_groups, base, strict=True):
                group["lr"] = lr * factor(step)
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(x[index]), y[index]).backward()
            optimizer.step()
            step += 1
    return module


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (pn.optimizer("adam"), lambda ps: torch.optim.Adam(ps)),
        (pn.optimizer("adam", weight_decay=0.1), lambda ps: torch.optim.AdamW(ps, weight_decay=0.1)),
        (pn.optimizer("sgd", lr=0.1), lambda ps: torch.optim.SGD(ps, lr=0.1)),
        (
            pn.optimizer("sgd", lr=0.1, momentum=0.9, nesterov=True),
            lambda ps: torch.optim.SGD(ps, lr=0.1, momentum=0.9, nesterov=True),
        ),
        (pn.optimizer("adagrad"), lambda ps: torch.optim.Adagrad(ps)),
        (pn.optimizer("rmsprop"), lambda ps: torch.optim.RMSprop(ps, lr=1e-3)),
    ],
    ids=lambda v: repr(v) if hasattr(v, "registry") else "",
)
def test_every_optimizer_moves_as_torchs_own(ours, theirs):
    x, y = toy(300)
    mine, twin = net(10, 32, 2), net(10, 32, 2)
    trainer = trainer_for(supervised(mine), 300, optimizer=ours)
    # decay is for matrices: torch needs that as two groups
    decayed = [p for p in twin.parameters() if p.ndim > 1]
    optimizer = theirs(
        [{"params": decayed}, {"params": [p for p in twin.parameters() if p.ndim < 2], "weight_decay": 0.0}]
    )
    by_hand(twin, optimizer, x, y, [trainer.order(e) for e in range(2)])
    trainer.fit(Dense(x=x, y=y))
    assert gap(mine, twin) < 2e-6


def test_lbfgs_runs_through_the_same_closure():
    x, _ = toy(200)
    target = x @ torch.ones(10, 1)
    objective = Supervised(net(10, 1), pn.loss("squared_error").make(task="numbers"), kind="numbers")
    trainer = trainer_for(objective, 200, plan=Plan(epochs=3, batch_size=200), optimizer=pn.optimizer("lbfgs"))
    rows = Dense(x=x, y=target)
    assert trainer.fit(rows).evaluate(rows)["loss"] < 1e-6


@pytest.mark.parametrize("name", ["constant", "cosine", "linear", "step", "exponential"])
def test_schedules_are_factors_of_progress(name):
    x, y = toy(256)
    mine, twin = net(10, 2), net(10, 2)
    schedule = pn.schedule(name, warmup=0.25)
    trainer = trainer_for(supervised(mine), 256, optimizer=pn.optimizer("sgd", lr=0.5), schedule=schedule)
    factor = schedule.make()
    assert factor(0.0) == 0.0
    assert factor(0.25) == 1.0
    assert factor(0.125) == 0.5
    by_hand(
        twin,
        torch.optim.SGD(twin.parameters(), lr=0.5),
        x,
        y,
        [trainer.order(e) for e in range(2)],
        lambda step: factor(step / 8),
    )
    trainer.fit(Dense(x=x, y=y))
    assert gap(mine, twin) < 1e-6


def test_schedule_values_are_the_closed_forms():
    at = {name: pn.schedule(name).make() for name in ("cosine", "linear", "step", "exponential")}
    assert at["cosine"](0.5) == pytest.approx(0.5)
    assert at["cosine"](1 / 3) == pytest.approx(0.75)  # (1 + cos(pi / 3)) / 2
    assert at["linear"](0.25) == pytest.approx(0.75)
    assert [at["step"](p) for p in (0.29, 0.31, 0.61)] == pytest.approx([1.0, 0.1, 0.01])
    assert at["exponential"](0.5) == pytest.approx(0.1)


@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.05}, {"clip_value": 0.01}])
def test_micro_batches_change_nothing_on_ragged_last_windows_too(clip):
    x, y = toy(500)
    nets = []
    for micro in (None, 48):
        nets.append(net(10, 32, 2))
        plan = Plan(epochs=3, batch_size=128, micro_batch_size=micro, **clip)
        trainer_for(supervised(nets[-1]), 500, plan=plan, optimizer=pn.optimizer("sgd", lr=0.5)).fit(Dense(x=x, y=y))
    assert gap(*nets) < 1e-6


def test_clipping_by_norm_and_by_value_is_torchs():
    x, y = toy(64)
    for option, clip in (
        ({"clip_norm": 0.05}, lambda ps: nn.utils.clip_grad_norm_(ps, 0.05)),
        ({"clip_value": 0.002}, lambda ps: nn.utils.clip_grad_value_(ps, 0.002)),
    ):
        mine, twin = net(10, 8, 2), net(10, 8, 2)
        trainer_for(
            supervised(mine), 64, plan=Plan(epochs=1, batch_size=64, **option), optimizer=pn.optimizer("sgd", lr=1.0)
        ).fit(Dense(x=x, y=y))
        nn.functional.cross_entropy(twin(x), y).backward()
        clip(list(twin.parameters()))
        with torch.no_grad():
            for p in twin.parameters():
                p -= p.grad
        assert gap(mine, twin) < 1e-6


def test_the_moving_average_is_what_is_kept():
    x, y = toy(64)
    mine, twin = net(10, 2), net(10, 2)
    trainer_for(
        supervised(mine), 64, plan=Plan(epochs=3, batch_size=64, average=0.5), optimizer=pn.optimizer("sgd", lr=0.5)
    ).fit(Dense(x=x, y=y))
    mean = [p.detach().clone() for p in twin.parameters()]
    for _ in range(3):
        by_hand(twin, torch.optim.SGD(twin.parameters(), lr=0.5), x, y, [torch.arange(64)])
        for m, p in zip(mean, twin.parameters(), strict=True):
            m.mul_(0.5).add_(p.detach(), alpha=0.5)
    assert max(checks.gap(m, p) for m, p in zip(mean, mine.parameters(), strict=True)) < 1e-6


def test_the_mean_of_the_last_epochs_is_that_of_shorter_trainings():
    x, y = toy(96)

    def trained(**plan):
        mine = net(10, 2)
        plan = Plan(batch_size=32, **plan)
        trainer_for(supervised(mine), 96, plan=plan, optimizer=pn.optimizer("sgd", lr=0.5)).fit(Dense(x=x, y=y))
        return [p.detach().double() for p in mine.parameters()]

    ends = zip(*[trained(epochs=n) for n in (3, 4, 5)], strict=True)
    for kept, last in zip(trained(epochs=5, average=3), ends, strict=True):
        assert checks.gap(kept, sum(last) / 3) < 1e-6
        assert checks.gap(kept, last[-1]) > 1e-4


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"average": 2.5}, "such as 0.999, or a number of last epochs"),
        ({"average": 6, "epochs": 5}, "there are 5; give more epochs"),
        ({"average": 2, "patience": 1}, "patience ends at one unknown"),
    ],
)
def test_a_mean_of_epochs_that_may_not_be_run_is_refused(settings, words):
    with pytest.raises(SettingError, match=words):
        Plan(**settings)


def test_bfloat16_learns_and_keeps_float32_weights():
    x, y = toy()
    objective = supervised(net(10, 32, 2))
    plan = Plan(epochs=15, batch_size=32, precision="bfloat16")
    trainer = trainer_for(objective, 512, plan=plan, optimizer=pn.optimizer("adam", lr=0.01))
    trainer.fit(Dense(x=x, y=y))
    assert trainer.history[-1]["loss"] < 0.5 * trainer.history[0]["loss"]
    assert all(p.dtype == torch.float32 for p in objective.parameters())


# --- several players ------------------------------------------------------------------------------


class Players(Objective):
    """Two nets, one of which moves every second step; it remembers whether a move touched what is not its own."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.leaks, self.moves = net(10, 4, 1), net(10, 4, 1, seed=1), 0, []

    def phases(self):
        def watched(module, other, name):
            def loss(batch):
                self.before = [(p.detach().clone(), p.grad.clone()) for p in other.parameters()]
                return (module(batch["x"]) * other(batch["x"])).square().mean()

            def after():
                kept = zip(other.parameters(), self.before, strict=True)
                self.leaks += sum(not (torch.equal(p, v) and torch.equal(p.grad, g)) for p, (v, g) in kept)
                self.moves.append(name)

            return loss, after

        first, after_first = watched(self.one, self.two, "one")
        second, after_second = watched(self.two, self.one, "two")
        return [
            Phase("one", first, self.one.parameters(), after=after_first, optimizer={"lr": 0.5}),
            Phase("two", second, self.two.parameters(), after=after_second, every=2),
        ]


def test_players_move_in_turn_and_their_gradients_do_not_leak():
    x, _ = toy(256)
    game = Players()
    trainer = trainer_for(game, 256, plan=Plan(epochs=1, batch_size=64))
    trainer.fit(Dense(x=x))
    assert game.moves == ["one", "one", "two", "one", "one", "two"]
    assert game.leaks == 0
    assert trainer.optimizers["one"].lr == 0.5
    assert trainer.optimizers["two"].lr == 1e-3


def test_what_the_user_fixed_beats_the_phases_own_options():
    assert trainer_for(Players(), 64, optimizer=pn.optimizer("adam", lr=0.02)).optimizers["one"].lr == 0.02
    given = Trainer(
        Players(),
        identity,
        plan=Plan(),
        n_rows=64,
        optimizer=pn.optimizer("adam"),
        schedule=pn.schedule("constant"),
        by_phase={"two": pn.optimizer("sgd", lr=0.3)},
    )
    assert type(given.optimizers["two"]).__name__ == "SGD"
    assert given.optimizers["two"].lr == 0.3
    assert given.optimizers["one"].lr == 0.5


class Stretches(Objective):
    """Two phases over shared parameters, one after the other, with an optimizer each."""

    def __init__(self):
        super().__init__()
        self.model, self.seen = net(10, 16, 2), []

    def phases(self):
        def loss(batch):
            return nn.functional.cross_entropy(self.model(batch["x"]), batch["y"])

        return [
            Phase("head", loss, self.model[2].parameters(), during=(0.0, 0.5), after=lambda: self.seen.append("head")),
            Phase(
                "all",
                loss,
                self.model.parameters(),
                during=(0.5, 1.0),
                optimizer={"name": "sgd", "lr": 0.1},
                after=lambda: self.seen.append("all"),
            ),
        ]


def test_stretches_of_training_share_parameters_with_an_optimizer_each():
    x, y = toy()
    objective = Stretches()
    first, frozen = objective.model[0].weight.detach().clone(), []
    trainer_for(objective, 512).fit(
        Dense(x=x, y=y), after_step=lambda t: frozen.append(torch.equal(first, objective.model[0].weight))
    )
    assert objective.seen == ["head"] * 8 + ["all"] * 8
    assert frozen == [True] * 8 + [False] * 8


class Counts(Objective):
    """A rule without parameters over all rows: the mean of x, added up over cuts."""

    full_batch = True
    epochs = 1

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(10))
        self.sum, self.n = 0.0, 0

    def phases(self):
        return [Phase("count", self.add, after=self.finish)]

    def add(self, batch):
        self.sum, self.n = self.sum + batch["x"].sum(0), self.n + len(batch["x"])
        return torch.zeros(())

    def finish(self):
        self.mean.copy_(self.sum / self.n)
        self.sum, self.n = 0.0, 0


@pytest.mark.parametrize("micro", [None, 7])
def test_a_full_batch_rule_sees_all_rows_in_cuts(micro):
    x, _ = toy(100)
    objective = Counts()
    trainer_for(objective, 100, plan=Plan(epochs=1, batch_size=16, micro_batch_size=micro)).fit(Dense(x=x))
    assert torch.allclose(objective.mean, x.mean(0), atol=1e-6)


def test_a_full_batch_rule_has_its_rows_taken_once_and_a_fresh_batch_each_step():
    x, _ = toy(50)
    objective, seen, taken = Counts(), [], []
    rows = Dense(x=x)
    take = rows.take
    rows.take = lambda index: taken.append(len(index)) or take(index)
    add = objective.add
    objective.add = lambda batch: (seen.append(batch.pop("extra", None)), add(batch), batch.update(extra=1))[1]
    trainer = trainer_for(objective, 50, plan=Plan(epochs=4, batch_size=16))
    trainer.fit(rows)
    assert (taken, seen) == ([50], [None] * 4)
    assert trainer._held is None


def test_a_rule_that_has_finished_ends_the_training():
    x, _ = toy(100)
    objective = Counts()
    objective.finish = lambda: setattr(objective, "finished", len(trainer.history) >= 2)
    trainer = trainer_for(objective, 100, plan=Plan(epochs=9, batch_size=16))
    trainer.fit(Dense(x=x))
    assert len(trainer.history) == 3
    assert trainer.stopped


# --- resume ---------------------------------------------------------------------------------------


class Killed(Exception):
    pass


def everything(seed):
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(10, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.3), nn.Linear(24, 2))
    return trainer_for(
        supervised(module),
        330,
        schedule=pn.schedule("cosine", warmup=0.1),
        optimizer=pn.optimizer("adam", lr=0.03, weight_decay=0.01),
        plan=Plan(epochs=60, batch_size=64, micro_batch_size=24, clip_norm=0.5, average=0.9, patience=2),
    )


def plain(seed):
    return trainer_for(supervised(net(10, 16, 2, seed=seed)), 330, plan=Plan(epochs=6, batch_size=64))


def stretched(seed):
    return trainer_for(
        Stretches(), 330, plan=Plan(epochs=6, batch_size=64), optimizer=pn.optimizer("sgd", momentum=0.9)
    )


def second_order(seed):
    return trainer_for(
        supervised(net(10, 2, seed=seed)),
        330,
        plan=Plan(epochs=4, batch_size=200),
        optimizer=pn.optimizer("lbfgs", max_iter=3),
    )


class Taken:
    """Rows that remember which were asked for."""

    def __init__(self, rows):
        self.rows, self.asked = rows, []

    def __len__(self):
        return len(self.rows)

    def take(self, index):
        self.asked.append(index.tolist())
        return self.rows.take(index)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setup", "kills"),
    [(everything, (1, 5, 6, 7, 17)), (plain, (1, 6, 13)), (stretched, (4, 17, 18, 19)), (second_order, (1, 2, 5))],
)
def test_killed_and_resumed_is_the_uninterrupted_run_bit_for_bit(setup, kills, tmp_path):
    x, y = toy(330)
    rows, path = Dense(x=x, y=y), tmp_path / "checkpoint"
    with torch.random.fork_rng():
        whole = setup(0).fit(rows, validation=rows)
        for kill_at in kills:

            def dies(trainer, kill_at=kill_at):
                if trainer.step == kill_at:
                    store.save(path, trainer.state_dict())
                    raise Killed

            with contextlib.suppress(Killed):
                setup(0).fit(rows, validation=rows, after_step=dies)
            torch.rand(1000)
            trainer, taken = setup(1), Taken(rows)
            trainer.load_state_dict(store.load(path))
            trainer.fit(taken, validation=rows)
            ended = trainer.objective.state_dict()
            assert all(torch.equal(v, ended[k]) for k, v in whole.objective.state_dict().items())
            assert trainer.history == whole.history
            per_epoch = trainer.steps_per_epoch
            first = trainer.order(kill_at // per_epoch)[kill_at % per_epoch * trainer.window :][: len(taken.asked[0])]
            assert taken.asked[0] == first.tolist(), "skipped rows were read again"


def test_resume_refuses_another_plan_optimizer_or_number_of_rows():
    state = plain(0).state_dict()
    longer = trainer_for(supervised(net(10, 16, 2)), 330, plan=Plan(epochs=7, batch_size=64))
    more = trainer_for(supervised(net(10, 16, 2)), 331, plan=Plan(epochs=6, batch_size=64))
    for other, word in ((longer, "epochs was 6 and is now 7"), (stretched(0), "optimizer"), (more, "n_rows")):
        with pytest.raises(DataError, match=word):
            other.load_state_dict(state)


# --- what stops it --------------------------------------------------------------------------------


def test_patience_stops_and_the_best_weights_come_back():
    x, y = toy(300, classes=3)
    train, held = Dense(x=x[:200], y=y[:200]), Dense(x=x[200:], y=y[200:])
    objective = supervised(net(10, 64, 3))
    trainer = trainer_for(
        objective, 200, plan=Plan(epochs=200, batch_size=20, patience=5), optimizer=pn.optimizer("adam", lr=0.01)
    )
    trainer.fit(train, validation=held)
    losses = [h["validation_loss"] for h in trainer.history]
    assert len(losses) == losses.index(min(losses)) + 6 < 200
    assert trainer.evaluate(held)["loss"] == pytest.approx(min(losses), abs=1e-6)


def test_monitor_may_be_a_measure_where_more_is_better():
    x, y = toy(300, classes=3)
    trainer = trainer_for(
        supervised(net(10, 64, 3)), 200, plan=Plan(epochs=60, batch_size=20, patience=4, monitor="accuracy")
    )
    trainer.fit(Dense(x=x[:200], y=y[:200]), validation=Dense(x=x[200:], y=y[200:]))
    scores = [h["validation_accuracy"] for h in trainer.history]
    assert trainer.best["epoch"] == int(np.argmax(scores))
    with pytest.raises(SettingError, match="monitor 'f1' is not measured"):
        trainer_for(supervised(net(10, 3)), 200, plan=Plan(epochs=2, monitor="f1", patience=1)).fit(
            Dense(x=x[:200], y=y[:200])
        )


def test_a_loss_that_is_not_finite_names_phase_step_layer_and_rows():
    x, y = toy(512)
    x[77] = 1e25
    trainer = trainer_for(
        supervised(net(10, 32, 2)), 512, plan=Plan(epochs=3, batch_size=64), optimizer=pn.optimizer("sgd", lr=1.0)
    )
    where = int((trainer.order(0) == 77).nonzero()) // 64
    with pytest.raises(Diverged) as caught:
        trainer.fit(Dense(x=x, y=y))
    message = str(caught.value)
    assert "phase 'fit'" in message
    assert f"step {where}" in message or f"step {where + 1}" in message
    assert "77" in message
    assert "(Linear)" in message
    assert "lower lr" in message


def test_an_input_that_is_not_finite_is_named_by_its_row():
    x, y = toy(128)
    x[5, 3] = float("nan")
    with pytest.raises(Diverged, match="x holds values that are not finite in rows 5;"):
        trainer_for(supervised(net(10, 8, 2)), 128).fit(Dense(x=x, y=y))


@pytest.mark.parametrize(("rate", "words"), [(1e4, "the training diverged"), (0.01, None)])
def test_a_loss_that_runs_away_within_the_finite_numbers_is_told_of(rate, words):
    x, y = toy(128)
    trainer = trainer_for(supervised(net(10, 32, 2)), 128, plan=Plan(epochs=3), optimizer=pn.optimizer("adam", lr=rate))
    trainer.fit(Dense(x=x, y=y))
    assert (trainer.history[-1]["loss"] > 1000) == bool(words)
    with pytest.warns(UserWarning, match=words) if words else contextlib.nullcontext():
        warn_of_growth(trainer)


def test_the_first_loss_is_known_to_a_training_that_goes_on_and_absent_from_the_first_files():
    losses = Losses()
    for value in (2.0, 7.0):
        losses.add(torch.tensor(value), [1])
        losses.fold()
    again, old = Losses(), Losses()
    again.load_state_dict(losses.state_dict())
    assert (again.first, again.mean()) == (2.0, 4.5)
    old.load_state_dict({k: v for k, v in losses.state_dict().items() if k != "first"})
    old.add(torch.tensor(3.0), [1])
    old.fold()
    assert (old.first, old.mean()) == (3.0, 4.0)


def test_interrupt_between_steps_keeps_the_best_and_the_random_state(heard):
    x, y = toy(256)
    trainer = trainer_for(supervised(net(10, 8, 2)), 256, plan=Plan(epochs=50, batch_size=64))
    before = torch.get_rng_state()

    def interrupt(trainer):
        if trainer.step == 9:
            os.kill(os.getpid(), signal.SIGINT)

    trainer.fit(Dense(x=x, y=y), validation=Dense(x=x, y=y), after_step=interrupt)
    assert trainer.interrupted
    assert trainer.step == 9 or trainer.step == 10
    assert len(trainer.history) == 2
    assert torch.equal(before, torch.get_rng_state())


def test_what_is_interrupted_within_an_epoch_is_written_as_it_stands_and_goes_on_to_the_same_weights(heard):
    x, y = toy(256)
    rows, kept = Dense(x=x, y=y), {}

    def made():
        return trainer_for(supervised(net(10, 8, 2)), 256, plan=Plan(epochs=3, batch_size=64))

    def interrupt(trainer):
        if trainer.step == 6:
            signal.raise_signal(signal.SIGINT)

    def write(trainer):
        kept["state"] = trainer.state_dict()

    cut = made().fit(rows, record=Checkpoint(write), after_step=interrupt)
    assert cut.step == kept["state"]["step"] == 6
    resumed = made()
    resumed.load_state_dict(kept["state"])
    resumed.fit(rows)
    whole = made().fit(rows)
    assert resumed.history == whole.history
    ends = zip(resumed.objective.parameters(), whole.objective.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in ends)


def test_a_handler_of_ones_own_stays_in_place(heard):
    own = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        handler = signal.getsignal(signal.SIGTERM)
        with deferred_interrupt():
            assert signal.getsignal(signal.SIGTERM) is handler
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        with deferred_interrupt(ending=False):
            assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, own)


def test_the_second_interrupt_is_an_ordinary_one(heard):
    def twice():
        with deferred_interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGINT)
            assert interrupt.asked
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_random_state_comes_back_after_an_error():
    before = torch.get_rng_state()
    x, y = toy(128)
    x[0, 0] = float("inf")
    with pytest.raises(Diverged):
        trainer_for(supervised(net(10, 8, 2, dropout=0.5)), 128).fit(Dense(x=x, y=y))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0},
        {"batch_size": -1},
        {"epochs": 2.5},
        {"clip_norm": 0},
        {"average": 1.0},
        {"precision": "half"},
        {"patience": 0},
        {"micro_batch_size": True},
    ],
)
def test_a_plan_refuses_values_out_of_range_by_name(settings):
    with pytest.raises(SettingError, match=next(iter(settings))):
        Plan(**settings)


def test_views_are_released_so_that_parameters_own_their_memory():
    x, y = toy(64)
    module = net(10, 8, 2)
    trainer_for(supervised(module), 64).fit(Dense(x=x, y=y))
    assert all(p.untyped_storage().nbytes() == p.numel() * 4 for p in module.parameters())


def test_seeds_are_spread():
    assert len({step_seed(s, t) for s in range(30) for t in range(1000)}) == 30_000
    assert 0 <= step_seed(2**40, 10**9) < 2**32
    assert seed_of(0, "order", 1) != seed_of(0, "order", 2)
