"""Groups of rows by tokens: none too large, each row once an epoch, dealt anew, and resumed to the last bit."""

import itertools
import json
import os
import re
import subprocess
import sys

import pytest
import torch

import parnassus as pn
from parnassus.data.rows import Bucketed, Joined
from parnassus.data.text.token_groups import TokenGroups
from parnassus.errors import Diverged, SettingError
from parnassus.train.distributed import HOST, Ranks
from parnassus.train.phase import Objective
from parnassus.train.sharding import Shards

LENGTHS = torch.randint(1, 12, (97,), generator=torch.Generator().manual_seed(0))


def grouped(n_tokens=24):
    ids = torch.repeat_interleave(torch.arange(97), LENGTHS)  # each id says its row
    return TokenGroups(Bucketed(ids, LENGTHS), LENGTHS, n_tokens)


def epoch(groups, seed):
    """The rows of each step of an epoch, as a trainer takes them."""
    generator = torch.Generator().manual_seed(seed)
    order = groups.arranged(torch.randperm(len(groups), generator=generator), 1, generator)
    return [groups.take(index) for index in order.split(1)]


@pytest.mark.parametrize("n_tokens", [11, 24, 100, 10_000])
def test_every_row_comes_once_and_no_group_is_too_large(n_tokens):
    groups = grouped(n_tokens)
    for seed in range(3):
        batches = epoch(groups, seed)
        assert len(batches) == len(groups)
        assert sorted(i for batch in batches for i in batch["x"][:, 0].tolist()) == list(range(97))
        assert all(batch["x"].numel() <= n_tokens for batch in batches)
    least = int(LENGTHS.sum()) / n_tokens
    assert least <= len(groups) <= 2 * least + 12  # at most about half of a group stays free, and a step a length


def test_groups_hold_rows_of_like_length():
    widths = [batch["lengths"] for batch in epoch(grouped(), 0)]
    ranges = sorted((int(lengths.min()), int(lengths.max())) for lengths in widths)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(ranges))


def test_rows_meet_others_in_each_epoch_and_the_same_by_the_same_seed():
    def pairs(seed):
        return [frozenset(batch["x"][:, 0].tolist()) for batch in epoch(grouped(), seed)]

    assert pairs(1) == pairs(1)
    assert set(pairs(1)) != set(pairs(2))
    assert pairs(1) != sorted(pairs(1), key=min)


def test_a_row_that_is_too_large_is_named():
    with pytest.raises(SettingError, match=f"row {int(LENGTHS.argmax())} has 11 tokens, and batch_tokens is 10"):
        grouped(10)


PAIRS = [(" ".join("abcde"[: 1 + i % 5]), " ".join("edcba"[i % 5 :])) for i in range(60)]
SMALL = {"batch_tokens": 20, "epochs": 3, "progress": False, "lr": 0.01}


def net(**more):
    return pn.Translator(pn.model("seq2seq", width=6, hidden=6), **SMALL | more)


def test_a_translator_takes_a_step_a_group_and_its_loss_is_a_mean_over_ids(monkeypatch):
    seen = []
    take = Joined.take

    def watched(self, index):
        batch = take(self, index)
        seen.append((len(index), batch["x"].shape[1], batch["y"].shape[1] + 1))
        return batch

    monkeypatch.setattr(Joined, "take", watched)
    fitted = net().fit(PAIRS)
    steps = seen[-fitted.n_steps_ :]
    assert sum(rows for rows, _, _ in steps) == 3 * 60
    assert all(rows * max(n, m) <= 20 for rows, n, m in steps)
    assert len({rows for rows, _, _ in steps}) > 1
    still = net(epochs=1, lr=1e-12).fit(PAIRS)
    whole = pn.Translator(pn.model("seq2seq", width=6, hidden=6), epochs=1, lr=1e-12, batch_size=60, progress=False)
    assert still.history_[0]["loss"] == pytest.approx(whole.fit(PAIRS).history_[0]["loss"], rel=1e-5)


RUN = """
import json, os, sys
sys.path.insert(0, {folder!r})
import torch
torch.set_num_threads(1)
import parnassus as pn
from parnassus.train.trainer import Trainer
stop = int(sys.argv[2])
step = Trainer.train_step
def dying(self, window):
    step(self, window)
    if self.step == stop:
        os._exit(3)
Trainer.train_step = dying
pairs = json.loads(sys.argv[3])
net = pn.Translator(pn.model("seq2seq", width=6, hidden=6), batch_tokens=20, epochs=3, progress=False, lr=0.01,
                    out=sys.argv[1], resume=True, checkpoint_every=2)
net.fit([tuple(p) for p in pairs])
"""


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_to_the_same_weights(tmp_path):
    whole = net().fit(PAIRS)
    stop = whole.n_steps_ // 2  # in the middle of an epoch
    code = RUN.format(folder=str(tmp_path))
    words = [sys.executable, "-c", code, str(tmp_path / "run"), str(stop), json.dumps(PAIRS)]
    assert subprocess.run(words, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}).returncode == 3
    again = net(out=str(tmp_path / "run"), resume=True, checkpoint_every=2).fit(PAIRS)
    assert again.n_steps_ == whole.n_steps_
    for name, tensor in whole.objective_.state_dict().items():
        assert torch.equal(tensor, again.objective_.state_dict()[name]), name


@pytest.mark.parametrize(("settings", "words"), [
    ({"batch_tokens": 3}, "batch_tokens is 3"), ({"batch_size": 8}, "give one of them"),
    ({"micro_batch_size": 8}, "give one of them"), ({"batch_tokens": 0}, "batch_tokens"),
    ({"batch_tokens": 2.5}, "batch_tokens"),
])  # fmt: skip
def test_what_cannot_be_grouped_is_refused(settings, words):
    with pytest.raises(SettingError, match=words):
        net(**settings).fit(PAIRS)


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_share_out_the_rows_of_every_group(size):
    """Without overlap or loss; a group of fewer rows than ranks is done whole by each, as any batch is."""
    groups = grouped()
    order = groups.arranged(torch.arange(len(groups)), 1, torch.Generator().manual_seed(0))
    rows, whole, counts = groups.opened(order)
    held = [
        Shards(Objective(), Ranks(rank, size), divided=True, seed=0, device=HOST).rows(whole, counts)
        for rank in range(size)
    ]
    parts = [list(mine.split(sizes)) for mine, sizes in held]
    for i, group in enumerate(whole.split(counts)):
        dealt = [part[i].tolist() for part in parts]
        if len(group) < size:
            assert all(own == group.tolist() for own in dealt)
        else:
            assert sorted(itertools.chain(*dealt)) == sorted(group.tolist())
            assert max(map(len, dealt)) - min(map(len, dealt)) <= 1
    assert min(counts) < 3 < max(counts)
    assert rows is groups.rows


def test_a_loss_that_is_not_finite_names_the_rows_of_its_groups():
    with pytest.raises(Diverged, match=r"in rows \d+, \d+, \d+") as said:
        net(optimizer="sgd", lr=1e38).fit(PAIRS)
    assert max(int(row) for row in re.findall(r"\d+", str(said.value).partition("in rows ")[2].partition(";")[0])) < 60


@pytest.mark.filterwarnings("ignore:12 of 12 validation rows")
def test_a_saved_translator_keeps_its_setting(tmp_path):
    fitted = net(epochs=1).fit(PAIRS, validation=0.2)
    assert "validation_loss" in fitted.history_[0]
    fitted.save(tmp_path / "t.parnassus")
    assert pn.load(tmp_path / "t.parnassus").batch_tokens == 20
