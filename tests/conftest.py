"""One thread, and a random state that no test may change."""

import os
import random
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
import torch

torch.set_num_threads(1)


def pytest_configure(config):
    """Tests run in random order; the states themselves are left alone."""
    if hasattr(config.option, "randomly_reset_seed"):
        config.option.randomly_reset_seed = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """What takes minutes begins first, so that no worker is left with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(autouse=True)
def global_random_state_is_kept():
    """Every call leaves the process's random states as they were; a test that draws uses its own generator."""
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    yield
    assert torch.equal(before[0], torch.get_rng_state()), "torch's global random state changed"
    assert (before[1] == np.random.get_state()[1]).all(), "NumPy's global random state changed"
    assert before[2] == random.getstate(), "Python's global random state changed"


@pytest.fixture
def draws():
    """For tests that build modules themselves, which draws their weights: a seeded state, given back."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def heard():
    """Ctrl-C as a terminal sends it: a shell starts what runs in its background with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
