"""A convolutional net along time: by hand, padding, texts and series, what is refused."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.models.sequence.conv1d import Conv1dStack

pytestmark = pytest.mark.usefixtures("draws")


def test_two_layers_by_hand():
    """Kernels of width 1 with weight 1: ReLU, pools of two, then the largest value through a head of ones."""
    options = {"channels": (1, 1), "kernel": 1, "hidden": 1, "dropout": 0.0}
    for pooling, due in (("max", 5.0), ("mean", (3 + 5 + 2) / 3)):
        net = Conv1dStack(1, 1, **options, pooling=pooling)
        with torch.no_grad():
            for p in net.parameters():
                p.fill_(1.0 if p.ndim > 1 else 0.0)
            x = torch.tensor([[[3.0], [-4.0], [1.0], [5.0], [2.0]]])
            assert float(net(x)) == pytest.approx(due)


def test_counts_are_those_of_the_closed_form():
    net = Conv1dStack(3, 4, channels=(8, 16), kernel=5, hidden=10, pooling="max", dropout=0.0)
    due = (3 * 5 * 8 + 8) + (8 * 5 * 16 + 16) + (16 * 10 + 10) + (10 * 4 + 4)
    assert sum(p.numel() for p in net.parameters()) == due


@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_a_shift_by_a_pool_changes_nothing_inside(pooling):
    net = Conv1dStack(1, 2, channels=(4, 4), kernel=3, hidden=8, pooling=pooling, dropout=0.0).eval()
    x = torch.zeros(1, 40, 1)
    x[:, 12:16] = torch.randn(1, 4, 1)
    with torch.no_grad():
        torch.testing.assert_close(net(x), net(x.roll(6, 1)))


@pytest.mark.slow
def test_it_finds_a_bump_wherever_it_is():
    rng = np.random.default_rng(0)
    X, y = rng.normal(0, 0.3, (300, 40)), np.arange(300) % 2
    for row in np.flatnonzero(y):
        at = rng.integers(0, 35)
        X[row, at : at + 5] += [1, 2, 3, 2, 1]
    clf = pn.Classifier("conv1d", epochs=8, lr=0.005, batch_size=32).fit(list(X[:200, :, None]), y[:200])
    assert clf.score(list(X[200:, :, None]), y[200:]) > 0.95


@pytest.mark.slow
def test_it_reads_texts():
    texts = ["a fine day", "fine it is", "a foul day", "foul it is"] * 10
    clf = pn.Classifier("conv1d", epochs=20, lr=0.01, batch_size=8).fit(texts, ["good", "good", "bad", "bad"] * 10)
    assert clf.score(["a fine day", "foul it is"], ["good", "bad"]) == 1.0


@pytest.mark.parametrize(
    ("options", "words"),
    [({"kernel": 4}, "kernel is odd"), ({"channels": ()}, "at least 1"), ({"pooling": "sum"}, "pooling is 'max'")],
)
def test_settings_without_meaning_are_refused(options, words):
    rows = list(np.zeros((4, 5, 2)))
    with pytest.raises(pn.SettingError, match=words):
        pn.Classifier(pn.model("conv1d", **options), epochs=1).fit(rows, [0, 1, 0, 1])
