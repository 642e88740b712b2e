"""Snapshots and averaged weights out of one training, against the same training cut short or averaged by hand."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from torch import nn

import parnassus as pn
from parnassus.ensembles.trajectory import refresh_norms

X, Y = load_wine(return_X_y=True)
HIDDEN = pn.model("mlp", hidden=(8,))


def weights(estimator):
    return [p.detach().clone() for p in estimator.objective_.parameters()]


def test_the_last_snapshot_is_what_the_training_ends_with():
    snap = pn.Snapshot(pn.Classifier(HIDDEN, epochs=6), n=3).fit(X, Y)
    whole = pn.Classifier(HIDDEN, epochs=6, schedule=pn.schedule("restarts", n_cycles=3, growth=1.0)).fit(X, Y)
    assert len(snap.members_) == 3
    for ours, theirs in zip(weights(snap.members_[-1]), weights(whole), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    np.testing.assert_allclose(
        snap.predict_proba(X), np.mean([m.predict_proba(X) for m in snap.members_], axis=0), atol=1e-12
    )


def test_the_first_snapshot_is_one_cosine_over_its_share_of_the_epochs():
    snap = pn.Snapshot(pn.Classifier(HIDDEN, epochs=6), n=3).fit(X, Y)
    first = pn.Classifier(HIDDEN, epochs=2, schedule="cosine").fit(X, Y)  # the order of rows follows from (seed, epoch)
    for ours, theirs in zip(weights(snap.members_[0]), weights(first), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_the_cycles_are_equation_2_of_the_paper():
    law, n_steps, n_cycles = pn.schedule("restarts", n_cycles=5, growth=1.0).make(), 100, 5
    for t in range(1, n_steps + 1):
        length = math.ceil(n_steps / n_cycles)
        wanted = (math.cos(math.pi * ((t - 1) % length) / length) + 1) / 2
        assert law((t - 1) / n_steps) == pytest.approx(wanted)


@pytest.mark.parametrize("n", [1, 3, 4])
def test_cycles_that_do_not_divide_the_steps_still_give_all_snapshots(n):
    snap = pn.Snapshot(pn.Classifier(HIDDEN, epochs=5, batch_size=100), n=n).fit(X, Y)  # ten steps
    assert len(snap.members_) == n
    assert n == 1 or not torch.equal(weights(snap.members_[0])[0], weights(snap.members_[1])[0])


def test_averaged_weights_are_the_mean_over_the_last_epochs():
    swa = pn.SWA(pn.Classifier(HIDDEN, epochs=4), start=0.5).fit(X, Y)
    shorter = [pn.Classifier(HIDDEN, epochs=n).fit(X, Y) for n in (2, 3, 4)]  # at a constant rate these are beginnings
    cut = [weights(one) for one in shorter]
    assert swa.n_averaged_ == 3
    for ours, *theirs in zip(weights(swa.members_[0]), *cut, strict=True):
        torch.testing.assert_close(ours, sum(theirs) / 3, rtol=1e-5, atol=1e-6)


def test_batch_norms_statistics_are_those_of_the_averaged_weights():
    spec = pn.model("mlp", hidden=(8,), norm="batch")
    net = pn.SWA(pn.Classifier(spec, epochs=6, lr=0.05)).fit(X, Y).members_[0]
    norm = next(m for m in net.objective_.modules() if isinstance(m, nn.BatchNorm1d))
    seen = []
    hook = norm.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    net.predict(X)
    hook.remove()
    torch.testing.assert_close(norm.running_mean, seen[0].mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, seen[0].var(0), rtol=1e-4, atol=1e-5)
    assert norm.momentum == 0.1
    assert not norm.training


def test_refreshing_leaves_a_net_without_batch_norm_alone():
    net = pn.Classifier(HIDDEN, epochs=1).fit(X, Y)
    before = net.predict_proba(X)
    refresh_norms(net, X)
    np.testing.assert_array_equal(net.predict_proba(X), before)


def test_the_rate_stays_and_the_estimator_given_is_unchanged():
    net = pn.Classifier(HIDDEN, epochs=2)
    pn.Snapshot(net, n=2).fit(X, Y)
    assert net.schedule == "constant"
    assert not hasattr(net, "objective_")


def test_penalties_are_kept():
    plain = pn.SWA(pn.Classifier(HIDDEN, epochs=3)).fit(X, Y).members_[0]
    held = pn.SWA(pn.Classifier(HIDDEN, epochs=3, regularizers={"l2": {"strength": 1.0}})).fit(X, Y).members_[0]
    assert weights(held)[0].norm() < weights(plain)[0].norm()
