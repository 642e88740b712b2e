"""Tables larger than memory: what is read, in which order, and how much of it is held."""

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus.data import spilled
from parnassus.data.rows import Dense, Joined, Stream
from parnassus.data.sources import open_source
from parnassus.data.spilled import Scratch, Spilled
from parnassus.estimators.fitting.identity import fingerprint
from parnassus.train.trainer import Trainer

pa = pytest.importorskip("pyarrow", reason="the extra 'parquet' is not installed")


def made(n: int, memory: int | None) -> Spilled:
    file = Scratch((n, 4), np.dtype(np.float32))
    file.array[:] = np.arange(n * 4).reshape(n, 4)
    return Spilled({"x": file}, memory=memory)


def epoch(rows: Spilled, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return rows.arranged(torch.randperm(len(rows), generator=generator), 10, generator)


def small(monkeypatch) -> None:
    monkeypatch.setattr(spilled, "STRETCH", 160)  # ten rows of sixteen bytes
    monkeypatch.setattr(spilled, "LEAST_POOL", 1)


def test_rows_beyond_memory_are_shuffled_in_pools_that_fit_and_each_comes_once(monkeypatch):
    small(monkeypatch)
    rows = made(1_003, memory=2 * 160 * 5)
    assert epoch(rows, 0).sort().values.tolist() == list(range(1_003))
    rows = made(1_000, memory=2 * 160 * 5)
    order = epoch(rows, 0)
    assert order.sort().values.tolist() == list(range(1_000))
    for pool in order.split(50):
        assert len(set((pool // 10).tolist())) == 5
    assert not torch.equal(order, epoch(rows, 1))
    assert torch.equal(order, epoch(rows, 0))
    assert torch.equal(rows.take(order)["x"][:, 0], order * 4.0)


@pytest.mark.parametrize("memory", [None, 100_000])
def test_rows_that_memory_holds_keep_the_order_they_are_given(memory, monkeypatch):
    small(monkeypatch)
    rows = made(300, memory)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(3))
    assert torch.equal(rows.arranged(order, 10, torch.Generator()), order)


def test_a_net_learns_from_pools_as_well_as_from_memory(tmp_path, monkeypatch):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(3_000, 4)), columns=list("abcd"))
    frame["y"] = frame["a"] - 2 * frame["b"]
    frame.to_parquet(tmp_path / "rows.parquet")
    monkeypatch.setattr(spilled, "LEAST_POOL", 1)
    monkeypatch.setattr(spilled, "STRETCH", 1_600)
    pooled = pn.Regressor("mlp", epochs=5, memory=8_000).fit(tmp_path / "rows.parquet", target="y")
    again = pn.Regressor("mlp", epochs=5, memory=8_000).fit(tmp_path / "rows.parquet", target="y")
    held = pn.Regressor("mlp", epochs=5).fit(tmp_path / "rows.parquet", target="y")
    assert pooled.score(frame, target="y") > held.score(frame, target="y") - 0.02 > 0.9
    np.testing.assert_array_equal(pooled.predict(frame[:5]), again.predict(frame[:5]))


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 40, 47])
def test_a_run_on_rows_beyond_memory_goes_on_in_the_middle_of_a_pool(step, tmp_path, monkeypatch):
    """Pools are drawn anew by the resumed run, and must be those that the killed one had drawn."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(3_000, 4)), columns=list("abcd"))
    frame["y"] = frame["a"] - 2 * frame["b"]
    frame.to_parquet(tmp_path / "rows.parquet")
    small(monkeypatch)
    own, arranged = Trainer.train_step, []
    orders = Spilled.arranged
    monkeypatch.setattr(Spilled, "arranged", lambda self, *given: arranged.append(1) or orders(self, *given))

    def fit(out, *, dies=None):
        def train_step(trainer, window):
            if trainer.step == dies:
                raise InterruptedError
            own(trainer, window)

        monkeypatch.setattr(Trainer, "train_step", train_step)
        settings = {"epochs": 3, "memory": 8_000, "out": out, "checkpoint_every": 1, "resume": True, "progress": False}
        return pn.Regressor("mlp", **settings).fit(tmp_path / "rows.parquet", target="y")

    whole = fit(tmp_path / "whole")
    assert arranged, "the rows went through pools"
    with pytest.raises(InterruptedError):
        fit(tmp_path / "cut", dies=step)
    resumed = fit(tmp_path / "cut")
    assert resumed.history_ == whole.history_
    ends = zip(resumed.objective_.parameters(), whole.objective_.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in ends)


def test_a_pass_over_parquet_holds_a_few_row_groups_and_not_the_file(tmp_path):
    import pyarrow.parquet as pq

    path, group = tmp_path / "rows.parquet", 20_000
    table = pa.table({"x": np.random.default_rng(0).normal(size=group), "y": np.arange(group)})
    with pq.ParquetWriter(path, table.schema, compression="none") as writer:
        for _ in range(60):
            writer.write_table(table)
    del table
    before, most = pa.total_allocated_bytes(), 0
    for _ in open_source(path, target="y", memory=100).X:
        most = max(most, pa.total_allocated_bytes() - before)
    assert 0 < most < path.stat().st_size / 4


def test_a_fingerprint_reads_few_of_the_rows_that_stay_outside_memory():
    asked: list[int] = []

    def encode(part: list) -> Dense:
        asked.extend(part)
        return Dense(x=torch.tensor(part)[:, None].float())

    rows = Joined(Stream(range(100_000), encode), Dense(y=torch.zeros(100_000)))
    assert len(fingerprint(rows)) == 32
    assert len(asked) <= 256


def test_texts_beyond_memory_are_refused_and_not_taken_for_categories(tmp_path):
    lines = [f"the film number {i} was {'good' if i % 2 else 'bad'} to see,{i % 2}" for i in range(80)]
    (tmp_path / "films.csv").write_text("text,y\n" + "\n".join(lines) + "\n")
    asked = {"epochs": 1, "progress": False}
    assert pn.Classifier("mlp", **asked).fit(tmp_path / "films.csv", target="y").codec_.kind == "text"
    with pytest.raises(pn.DataError, match=r"X holds texts, .* memory=1000"):
        pn.Classifier("mlp", memory=1000, **asked).fit(tmp_path / "films.csv", target="y")
    named = pn.Classifier("mlp", memory=1000, codec=pn.Table(), **asked)
    assert named.fit(tmp_path / "films.csv", target="y").codec_.kind == "table"
