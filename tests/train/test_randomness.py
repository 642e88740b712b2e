"""Seeds of the user's: whole numbers of any size, and nothing else."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.train.randomness import seeded


@pytest.mark.parametrize("seed", [0, 5, np.int64(5), 2**70])
def test_a_seed_is_torchs_own_where_torch_takes_it(seed):
    whole = int(seed) if seed < 2**63 else int(seed) - 2**63 * (int(seed) // 2**63)
    due = torch.rand(4, generator=torch.Generator().manual_seed(whole))
    assert torch.equal(torch.rand(4, generator=seeded(seed)), due)


@pytest.mark.parametrize("seed", ["abc", 1.5, -1, True])
def test_rows_are_not_drawn_by_a_seed_that_is_none(seed):
    X = np.random.default_rng(0).normal(size=(20, 2))
    model = pn.Density("gmm", epochs=1, n_components=1).fit(X)
    with pytest.raises(SettingError, match="seed is a whole number of at least 0"):
        model.sample(2, seed=seed)


def test_rows_are_drawn_by_the_estimators_own_seed_however_large():
    X = np.random.default_rng(0).normal(size=(20, 2))
    assert pn.Density("gmm", epochs=1, n_components=1, seed=2**70).fit(X).sample(3).shape == (3, 2)
