"""How far back answers depend on inputs: exact for a linear system, and refused where it means nothing."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.timeseries.sequences import SequenceList
from parnassus.functional import statespace as ss
from parnassus.insight.reach import Reach, input_slopes, reach


def test_slopes_of_a_linear_system_are_its_kernel():
    k = torch.tensor([0.5, -0.25, 2.0, 0.1], dtype=torch.float64)
    x = torch.randn(3, 4, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = input_slopes(lambda x: ss.fft_convolution(x[..., 0], k)[:, -1:], x)
    torch.testing.assert_close(found, k.abs().expand(3, 4))


def test_outputs_are_joined_by_the_root_of_squares():
    x = torch.zeros(1, 2, 1, dtype=torch.float64)
    found = input_slopes(lambda x: torch.cat([3 * x[:, 0], 4 * x[:, 0] + x[:, 1]], 1), x)
    assert found.tolist() == [[1.0, 5.0]]


def test_the_steps_that_hold_most_of_the_slope():
    seen = Reach(np.array([[8.0, 1.0, 1.0, 0.0]]))
    assert [seen.steps(s) for s in (0.5, 0.9, 1.0)] == [1, 2, 3]
    assert seen.plot().axes[0].get_xlabel() == "steps before the last"
    with pytest.raises(pn.SettingError, match="share"):
        seen.steps(0)


@pytest.mark.parametrize("name", ["mamba", "lstm"])
def test_fitted_nets_of_vectors_and_of_ids_are_looked_at(name):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 7, 2)), np.arange(20) % 2
    clf = pn.Classifier(pn.model(name, hidden=8), epochs=1).fit(X, y)
    assert reach(clf, X, n_rows=5).slopes.shape == (5, 7)
    ids = SequenceList(list(rng.integers(0, 4, (20, 6))))
    reader = pn.Classifier(pn.model(name, hidden=8), epochs=1).fit(ids, y)
    assert reach(reader, ids).slopes.shape == (16, 6)
    assert (reach(reader, ids).slopes > 0).all()


def test_what_reads_no_sequences_or_rows_of_several_lengths_is_refused():
    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    with pytest.raises(pn.SettingError, match="fitted estimator of sequences"):
        reach(pn.Classifier("mlp", epochs=1).fit(X, y), X)
    with pytest.raises(pn.SettingError, match="fitted estimator of sequences"):
        reach(pn.Classifier("mamba"), X)
    rows = [np.zeros((n, 2)) for n in (3, 4)] * 10
    with pytest.raises(pn.SettingError, match="rows of one length"):
        reach(pn.Classifier(pn.model("mamba", hidden=8), epochs=1).fit(rows, y), rows)
