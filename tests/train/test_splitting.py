"""A step that does not fit is done in pieces, and is the same step; what cannot be made smaller is refused."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus import store
from parnassus.errors import DataWarning, SettingError
from parnassus.train.splitting import is_shortage

pytestmark = pytest.mark.usefixtures("draws")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 5))
Y = (X[:, 0] > 0).astype(int)


class Tight(nn.Module):
    """A net whose machine has room for so many rows, in evaluation for any."""

    def __init__(self, most, *, norm=False, error=torch.OutOfMemoryError):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8) if norm else nn.Tanh(), nn.Linear(8, 1))
        self.most, self.error, self.seen = most, error, []

    def forward(self, x):
        if self.training:
            self.seen.append(len(x))
            if len(x) > self.most:
                raise self.error("not enough memory: you tried to allocate 8 bytes")
        return self.net(x)


def fitted(most, **more):
    net = Tight(most)
    torch.manual_seed(1)
    for p in net.parameters():
        nn.init.normal_(p)
    given = {"epochs": 3, "batch_size": 32, "view": "vector", "progress": False, **more}
    weight = given.pop("weight", None)
    made = pn.Classifier(net, **given).fit(X, Y, sample_weight=weight)
    return made, torch.cat([p.detach().flatten() for p in made.objective_.parameters()])


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError, RuntimeError])
def test_what_says_that_memory_ran_out_is_known(error):
    assert is_shortage(error("CUDA out of memory. Tried to allocate"))


def test_other_errors_are_none_of_memory():
    assert not is_shortage(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_shortage(ValueError("out of memory"))


@pytest.mark.parametrize("most", [20, 8, 3, 1])
def test_a_step_in_pieces_is_the_whole_step_and_this_is_said_once(most):
    _, whole = fitted(64)
    with pytest.warns(DataWarning, match=r"32 rows at once.*micro_batch_size=16 or less") as told:
        _, pieces = fitted(most)
    assert len(told) == 1
    assert torch.allclose(whole, pieces, atol=1e-6)


def test_weights_of_rows_count_in_pieces_as_in_the_whole():
    weight = RNG.uniform(0.1, 5, size=64)
    _, whole = fitted(64, weight=weight)
    with pytest.warns(DataWarning):
        _, pieces = fitted(7, weight=weight)
    assert torch.allclose(whole, pieces, atol=1e-6)


def test_the_next_steps_begin_with_what_fitted():
    net = Tight(8)
    with pytest.warns(DataWarning):
        pn.Classifier(net, epochs=2, batch_size=32, view="vector", progress=False).fit(X, Y)
    made = pn.Classifier(Tight(8), epochs=2, batch_size=32, view="vector", progress=False)
    with pytest.warns(DataWarning):
        made.fit(X, Y)
    seen = made.objective_.model.seen
    assert [n for n in seen if n > 8] == [32, 16]  # two tries in the first step, none after it


def test_one_row_that_does_not_fit_is_refused_in_words():
    with pytest.warns(DataWarning), pytest.raises(SettingError, match="1 row at once"):
        fitted(0)


def test_a_batch_norm_gets_no_row_alone():
    made = pn.Classifier(Tight(1, norm=True), epochs=1, batch_size=32, view="vector", progress=False)
    with pytest.warns(DataWarning), pytest.raises(SettingError, match="2 rows at once"):
        made.fit(X, Y)


def test_sequences_are_taken_apart_with_their_lengths():
    rows = [RNG.normal(size=(n, 2)) for n in RNG.integers(3, 9, size=24)]
    y = np.arange(24) % 2

    def trained():
        return pn.Classifier("gru", epochs=2, batch_size=12, progress=False).fit(rows, y)

    whole = trained()
    from parnassus.train import closure

    with pytest.MonkeyPatch.context() as patch:
        own = closure.PhaseClosure.fill

        def tight(self):
            if any(len(b["x"]) > 5 for b in self.batches):
                raise torch.OutOfMemoryError("out of memory")
            return own(self)

        patch.setattr(closure.PhaseClosure, "fill", tight)
        with pytest.warns(DataWarning):
            pieces = trained()
    for a, b in zip(whole.objective_.parameters(), pieces.objective_.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


# --- the finder -----------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 5, 33, 64])
def test_the_finder_takes_real_steps_up_to_the_limit(most):
    made = pn.Classifier(Tight(most), view="vector")
    before = [p.clone() for p in made.model.parameters()]
    found = pn.find_batch_size(made, X, Y)
    assert found.largest <= most
    assert found.largest >= most - max(1, most // 10)
    assert found.limited == (most < 64)
    assert all(fits == (size <= most) for size, fits in zip(found.sizes, found.fits, strict=True))
    assert f"{found.largest:,} rows fit" in str(found)
    assert not hasattr(made, "objective_")
    assert all(torch.equal(a, b) for a, b in zip(before, made.model.parameters(), strict=True))


def test_what_the_finder_says_fits_is_trained_on_without_a_word():
    found = pn.find_batch_size(pn.Classifier(Tight(20), view="vector"), X, Y)
    pn.Classifier(Tight(20), view="vector", epochs=1, batch_size=found.largest, progress=False).fit(X, Y)


def test_the_finder_refuses_what_has_no_room_at_all_and_what_is_no_estimator():
    with pytest.raises(SettingError, match="smaller model"):
        pn.find_batch_size(pn.Classifier(Tight(0), view="vector"), X, Y)
    with pytest.raises(SettingError, match="takes an estimator"):
        pn.find_batch_size(nn.Linear(2, 2), X, Y)
    with pytest.raises(SettingError, match="least"):
        pn.find_batch_size(pn.Classifier(Tight(3), view="vector"), X, Y, least=0)


SCRIPT = """
import os
import sys

import torch
from torch import nn

import parnassus as pn
from parnassus import store

sys.path.insert(0, sys.argv[2])
from test_splitting import X, Y, Tight

rank = int(os.environ.get("RANK", "0"))
torch.manual_seed(1)
net = Tight(5 if rank == 1 and sys.argv[3] != "whole" else 64, norm=sys.argv[3] == "normed")
made = pn.Classifier(net, epochs=3, batch_size=32, view="vector", progress=False, device="cpu").fit(X, Y)
(seen,) = [m.seen for m in made.objective_.modules() if isinstance(m, Tight)]
kept = {"weights": dict(made.objective_.state_dict()), "seen": seen}
store.save(f"{sys.argv[1]}/{sys.argv[3]}-{rank}", kept)
"""


@pytest.mark.slow
def test_one_of_two_processes_goes_on_in_pieces_while_the_other_waits(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

    def run(kind):
        words = [sys.executable, *launcher, script, tmp_path, Path(__file__).parent, kind]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.run([str(w) for w in words], env=environment, capture_output=True, text=True, timeout=150)

    for kind in ("whole", "tight"):
        done = run(kind)
        assert done.returncode == 0, done.stderr
    assert done.stderr.count("goes on in smaller pieces") == 1
    whole, held = store.load(tmp_path / "whole-0"), [store.load(tmp_path / f"tight-{rank}") for rank in (0, 1)]
    for one in held:
        assert all(torch.allclose(one["weights"][k], v, atol=1e-6) for k, v in whole["weights"].items())
    assert max(held[0]["seen"]) == 16
    assert held[1]["seen"][:2] == [16, 8]
    assert max(held[1]["seen"][3:]) <= 5
    refused = run("normed")
    assert refused.returncode != 0
    assert "its batch norms see the rows of all" in refused.stderr
    assert "micro_batch_size" in refused.stderr
