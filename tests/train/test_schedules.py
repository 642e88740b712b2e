"""Schedules against closed forms, the books' tables and torch's schedulers; batches that grow."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.train.plan import Plan
from parnassus.train.timetable import Timetable


def by_step(spec, steps, *, per_epoch=1):
    """The factor at each step of a training of so many steps."""
    schedule = spec.make()
    schedule.begin(Timetable(per_epoch, steps // per_epoch, [(0, 1)]))
    return [schedule(k / steps) for k in range(steps)]


def torchs(make, steps, **options):
    """The rates that a torch scheduler sets, from a base of 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, rates = make(optimizer, **options), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_exponential_decay_by_steps_is_the_books_table():
    """4:B24, the rate of K51: 0.5 * 0.97**(t / 100)."""
    rates = [0.5 * f for f in by_step(pn.schedule("decay"), 10001)]
    at = {0: 0.5, 50: 0.492443, 100: 0.485, 500: 0.429367, 1000: 0.368712, 5000: 0.109033, 10000: 0.023776}
    assert [rates[t] for t in at] == pytest.approx(list(at.values()), abs=1e-6)


def test_halved_every_hundred_epochs_is_stackgans_table():
    """2c:B8.15: 2e-4 down to 6.25e-6 over six blocks of 100 epochs."""
    spec = pn.schedule("decay", gamma=0.5, every=100.0, unit="epochs", shape="stairs")
    rates = [2e-4 * f for f in by_step(spec, 1200, per_epoch=2)]
    assert rates[::200] == pytest.approx([2e-4, 1e-4, 5e-5, 2.5e-5, 1.25e-5, 6.25e-6])
    assert rates[199] == pytest.approx(2e-4)


def test_halved_every_half_epoch_after_the_fifth():
    """2b:A5.16 as the paper has it: 7.5 epochs, halved at 5.5, 6, 6.5 and 7."""
    spec = pn.schedule("decay", gamma=0.5, every=0.5, unit="epochs", shape="stairs", after=5.0)
    factors = by_step(spec, 32, per_epoch=4)
    assert factors[:22] == [1.0] * 22
    assert factors[22:30] == [0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625]


def test_a_decay_ends_at_its_floor():
    """2c: 0.1 divided by 1.00004 an update is at 1e-6 after 287,829 updates."""
    schedule = pn.schedule("decay", gamma=1 / 1.00004, every=1.0, floor=1e-5).make()
    schedule.begin(Timetable(400_000, 1, [(0, 1)]))
    assert schedule(287_828 / 400_000) > 1e-5
    assert schedule(287_830 / 400_000) == 1e-5


def test_noam_gives_the_transformers_rates_at_a_rate_of_one():
    assert by_step(pn.schedule("noam", width=1, warmup=1), 3) == pytest.approx([1, 2**-0.5, 3**-0.5])
    rates = by_step(pn.schedule("noam", width=16, warmup=10), 50)
    assert rates == pytest.approx([16**-0.5 * min(t**-0.5, t * 10**-1.5) for t in range(1, 51)])
    assert max(rates) == pytest.approx(rates[9]) == pytest.approx((16 * 10) ** -0.5)


def test_inverse_root_is_the_transformers():
    """Vaswani et al. 2017: d^-0.5 min(t^-0.5, t w^-1.5), t from 1."""
    d, w = 64, 40
    rates = [(d * w) ** -0.5 * f for f in by_step(pn.schedule("inverse_root", warmup=w), 200)]
    assert rates == pytest.approx([d**-0.5 * min(t**-0.5, t * w**-1.5) for t in range(1, 201)])


def test_inverse_time():
    assert by_step(pn.schedule("inverse_time", decay=0.5), 4) == pytest.approx([1, 1 / 1.5, 1 / 2, 1 / 2.5])


def test_one_cycle_is_torchs():
    """torch.optim.lr_scheduler.OneCycleLR, which ends its run one step before the last."""
    theirs = torchs(
        torch.optim.lr_scheduler.OneCycleLR, 100, max_lr=1.0, total_steps=101, pct_start=31 / 101,
        cycle_momentum=False, div_factor=25, final_div_factor=10_000,
    )  # fmt: skip
    ours = by_step(pn.schedule("one_cycle", rise=0.3, start=0.04, end=4e-6), 100)
    assert np.allclose(ours, theirs, atol=1e-9)
    assert ours[30] == 1.0


def test_restarts_are_torchs():
    """torch.optim.lr_scheduler.CosineAnnealingWarmRestarts: cycles of 10, 20 and 40 steps."""
    theirs = torchs(torch.optim.lr_scheduler.CosineAnnealingWarmRestarts, 70, T_0=10, T_mult=2)
    assert np.allclose(by_step(pn.schedule("restarts"), 70), theirs, atol=1e-9)


def test_half_a_cosine_and_a_line_are_torchs():
    kinds = torch.optim.lr_scheduler
    theirs = torchs(kinds.CosineAnnealingLR, 40, T_max=40, eta_min=0.1)
    assert by_step(pn.schedule("cosine", floor=0.1), 40) == pytest.approx(theirs)
    theirs = torchs(kinds.LinearLR, 40, start_factor=1.0, end_factor=0.2, total_iters=40)
    assert by_step(pn.schedule("linear", floor=0.2), 40) == pytest.approx(theirs)


WARMED = "constant", "cosine", "restarts", "linear", "late_linear", "polynomial", "step", "exponential"


@pytest.mark.parametrize("name", WARMED)
def test_a_warm_up_is_a_line_to_1_and_the_law_over_what_is_left(name):
    warm, plain = (pn.schedule(name, **options).make() for options in ({"warmup": 0.2}, {}))
    assert [warm(p) for p in (0.0, 0.05, 0.15)] == pytest.approx([0, 0.25, 0.75])
    for p in (0.0, 0.1, 0.35, 0.7, 0.95):
        assert warm(0.2 + 0.8 * p) == pytest.approx(plain(p))
    assert plain(0.0) == 1


def test_polynomial_is_torchs():
    theirs = torchs(torch.optim.lr_scheduler.PolynomialLR, 50, total_iters=50, power=2.0)
    assert np.allclose(by_step(pn.schedule("polynomial"), 50), theirs)


@pytest.mark.parametrize(("monitor", "mode"), [("loss", "min"), ("accuracy", "max")])
@pytest.mark.parametrize(("patience", "threshold"), [(0, 1e-4), (2, 1e-4), (1, 0.2)])
def test_plateau_is_torchs_epoch_by_epoch(monitor, mode, patience, threshold):
    """torch.optim.lr_scheduler.ReduceLROnPlateau, of measures above 0: below, it takes a little worse for better."""
    rng = np.random.default_rng(0)
    measures = np.round(0.2 + np.exp(-np.arange(40) / 8) + rng.normal(0, 0.05, 40), 3)
    measures = measures if mode == "min" else 2 - measures
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    given = {"patience": patience, "threshold": threshold}
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode=mode, factor=0.5, eps=0.0, **given)
    ours = pn.schedule("plateau", gamma=0.5, monitor=monitor, **given).make()
    for k, value in enumerate(measures):
        theirs.step(value)
        ours.observe([{f"validation_{monitor}": float(v)} for v in measures[: k + 1]])
        assert ours(0.3) == pytest.approx(optimizer.param_groups[0]["lr"])
    assert ours(0.3) < 1


def test_plateau_lowers_the_rate_of_an_estimator():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), rng.integers(0, 2, 60)
    clf = pn.Classifier("mlp", epochs=40, lr=0.05, schedule=pn.schedule("plateau", gamma=0.5, patience=1))
    history = clf.fit(X, y, validation=0.3).history_
    rates = [h["rate"] for h in history]
    assert rates[0] == 0.05
    assert rates[-1] < 0.02
    assert all(a / b in (1.0, 2.0) for a, b in pairwise(rates))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("decay", {"every": 0.0}, "every and gamma are above 0"),
        ("decay", {"unit": "rows"}, "'steps' or 'epochs'"),
        ("plateau", {"gamma": 2.0}, "gamma is a number in"),
        ("one_cycle", {"rise": 1.0}, "rise is a fraction"),
        ("inverse_root", {"warmup": 0}, "a number of steps"),
        ("noam", {"warmup": 0}, "at least 1"),
        ("noam", {"width": 0}, "at least 1"),
        ("restarts", {"n_cycles": 0}, "n_cycles is at least 1"),
    ],
)
def test_schedules_refuse_what_makes_no_sense(name, options, words):
    with pytest.raises(SettingError, match=words):
        pn.schedule(name, **options).make()


def test_a_measure_that_is_not_there_is_named():
    with pytest.raises(SettingError, match="watches 'f1', which is not measured; measured are loss"):
        pn.schedule("plateau", monitor="f1").make().observe([{"loss": 1.0}])


# --- batches that grow ----------------------------------------------------------------------------


def test_a_timetable_counts_steps_of_windows_that_grow():
    table = Timetable(11, 5, [(0, 3), (2, 5), (4, 100)])
    assert table.windows == [3, 3, 5, 5, 11]
    assert table.starts == [0, 4, 8, 10, 12, 13]
    assert [table.place(s) for s in (0, 3, 4, 8, 12)] == [(0, 0), (0, 3), (1, 0), (2, 0), (4, 0)]
    assert [s for s in range(14) if table.ends_epoch(s)] == [4, 8, 10, 12, 13]
    assert table.epoch_at(6) == 1.5
    assert table.window(13) == 11


def test_the_batch_grows_at_stated_epochs_and_resume_is_exact(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(64, 3)), rng.integers(0, 2, 64)
    settings = {"epochs": 4, "batch_size": {0: 8, 1: 16, 3: 32}, "out": str(tmp_path / "run")}
    whole = pn.Classifier("mlp", **settings | {"out": None}).fit(X, y)
    assert whole.n_steps_ == 8 + 4 + 4 + 2
    pn.Classifier("mlp", **settings).fit(X, y)
    again = pn.Classifier("mlp", **settings, resume=True).fit(X, y)
    assert again.history_ == whole.history_
    with pytest.raises(pn.DataError, match="batch_size was"):
        pn.Classifier("mlp", **settings | {"batch_size": {0: 8, 1: 16}}, resume=True).fit(X, y)


@pytest.mark.parametrize("sizes", [((1, 8),), ((0, 8), (0, 16)), ((0, 0),), (), ((0, 8), (2.5, 16))])
def test_sizes_by_epoch_that_make_no_sense_are_refused(sizes):
    with pytest.raises(SettingError, match="batch_size by epoch"):
        Plan(batch_size=sizes)


def test_a_schedule_by_epochs_keeps_to_epochs_while_the_batch_grows():
    schedule = pn.schedule("decay", gamma=0.5, every=1.0, unit="epochs", shape="stairs").make()
    table = Timetable(8, 3, [(0, 2), (1, 8)])
    schedule.begin(table)
    assert [schedule(s / table.steps) for s in range(6)] == [1, 1, 1, 1, 0.5, 0.25]
    assert math.isclose(table.epoch_at(4), 1.0)


def test_a_last_row_alone_joins_the_window_before_it_so_that_a_batch_norm_can_learn():
    X, y = np.random.default_rng(0).normal(size=(33, 3)), np.arange(33) % 2
    fitted = pn.Classifier(pn.model("mlp", hidden=(4,), norm="batch"), epochs=3, batch_size=16).fit(X, y)
    assert fitted.n_steps_ == 3 * 2


@pytest.mark.parametrize("settings", [{"batch_size": 1}, {"batch_size": 16, "micro_batch_size": 1}])
def test_a_batch_norm_is_refused_batches_of_one_row(settings):
    X, y = np.random.default_rng(0).normal(size=(33, 3)), np.arange(33) % 2
    with pytest.raises(pn.SettingError, match="batch norm finds the spread"):
        pn.Classifier(pn.model("mlp", norm="batch"), epochs=1, **settings).fit(X, y)


def test_a_late_line_keeps_the_rate_for_a_hundred_epochs_and_ends_after_a_hundred_more():
    """CycleGAN's: 2e-4 for 100 epochs, then a straight line to 0 over 100."""
    rates = [2e-4 * f for f in by_step(pn.schedule("late_linear"), 200)]
    assert rates[:101] == pytest.approx([2e-4] * 101)
    assert rates[150] == pytest.approx(1e-4)
    assert rates[199] == pytest.approx(2e-6)
