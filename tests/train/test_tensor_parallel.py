"""Transformer layers divided between two processes beside one that holds them whole."""

import os
import runpy
import socket
import subprocess
import sys

import pytest
import torch

from parnassus import checks, store
from parnassus.errors import DataError

CASES = """
import os, sys

import numpy as np
import torch

torch.set_num_threads(1)
import parnassus as pn
from parnassus import store
from parnassus.errors import SettingError
from parnassus.train.trainer import Trainer

TEXTS = ["the cat sat on the mat and looked at the dog " * 6, "a dog ran " * 9]
X, Y = np.random.default_rng(0).normal(size=(40, 5)), np.arange(40) % 2
USUAL = {"progress": False, "batch_size": 16, "epochs": 2, "device": "cpu", "deterministic": True}


def gpt(more={}, **options):
    model = pn.model("gpt", **{"width": 16, "n_layers": 2, "n_heads": 4} | options)
    settings = USUAL | {"parallelism": "tensor"} | more
    return pn.LanguageModel(model, context=8, unit="characters", **settings).fit(TEXTS)


CLIPPED = {"optimizer": "sgd", "lr": 1.0, "clip_norm": 0.05}
MODELS = {
    "usual": gpt,
    "clipped, turned": lambda: gpt(CLIPPED, positions="rotary"),
    "pieces, averaged": lambda: gpt({"micro_batch_size": 5, "average": 0.9}),
    "dropout": lambda: gpt({"deterministic": False}, dropout=0.1),
}
REFUSED = {
    "heads": lambda: gpt(n_heads=1),
    "units": lambda: gpt(hidden=33),
    "positions": lambda: gpt(positions="alibi"),
    "draws": lambda: gpt(dropout=0.1),
    "optimizer": lambda: gpt({"optimizer": "lbfgs"}),
    "model": lambda: pn.Classifier("mlp", **USUAL | {"parallelism": "tensor"}).fit(X, Y),
}


def kept(out):
    return gpt({"epochs": 3, "checkpoint_every": 2, "resume": True, "out": out})


def dies(out, step):
    own = Trainer.train_step

    def train_step(self, window):
        if self.step == step:
            raise KeyError("the training was stopped")
        own(self, window)

    Trainer.train_step = train_step
    try:
        kept(out)
    except KeyError:
        pass
    finally:
        Trainer.train_step = own


if __name__ == "__main__":
    out, rank, held = sys.argv[1], os.environ["RANK"], []
    began = Trainer.fit

    def fit(self, *given, **more):
        held[:] = [sum(b.values.numel() for b in self.distinct)]
        return began(self, *given, **more)

    Trainer.fit = fit
    for name, make in MODELS.items():
        made = make()
        parts = {"weights": dict(made.objective_.state_dict()), "history": made.history_, "held": list(held)}
        parts["n_weights"] = sum(p.numel() for p in made.objective_.parameters())
        store.save(f"{out}/{name}-{rank}", parts)
    made.save(f"{out}/saved.parnassus")
    said = {}
    for name, make in REFUSED.items():
        try:
            make()
        except SettingError as error:
            said[name] = str(error)
    store.save(f"{out}/said-{rank}", said)
    dies(f"{out}/run", 5)
    store.save(f"{out}/taken up-{rank}", {"weights": dict(kept(f"{out}/run").objective_.state_dict())})
    dies(f"{out}/other", 5)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "cases.py"
    path.write_text(CASES)
    return path


@pytest.fixture(scope="module")
def cases(script):
    return runpy.run_path(str(script))


@pytest.fixture(scope="module")
def folder(script, tmp_path_factory):
    """What two processes left."""
    out = tmp_path_factory.mktemp("of2")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    shared = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    running = [
        subprocess.Popen(
            [sys.executable, script, out],
            stderr=subprocess.PIPE,
            text=True,
            env=shared | {"RANK": str(r), "LOCAL_RANK": str(r)},
        )
        for r in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in running]
    assert [p.returncode for p in running] == [0, 0], said
    return out


def gap(ours, theirs):
    assert ours.keys() == theirs.keys()
    return max(checks.gap(ours[k], v) for k, v in theirs.items())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["usual", "clipped, turned", "pieces, averaged"])
def test_divided_layers_learn_what_whole_ones_do(name, cases, folder):
    one = cases["MODELS"][name]()
    for rank in range(2):
        ours = store.load(folder / f"{name}-{rank}")
        assert gap(ours["weights"], one.objective_.state_dict()) < 1e-5
        for theirs, mine in zip(one.history_, ours["history"], strict=True):
            assert mine == pytest.approx(theirs, rel=1e-5)


@pytest.mark.slow
def test_a_rank_holds_its_heads_and_units_and_all_of_the_rest(folder):
    """Of a layer of width 16: 4 x 16 x 16 in attention and 8 x 16 x 16 in the feed-forward part are divided."""
    for rank in range(2):
        ours = store.load(folder / f"usual-{rank}")
        divided = 2 * (12 * 16 * 16 + 3 * 16 + 4 * 16)  # with the biases of what is divided by its outputs
        assert ours["held"] == [ours["n_weights"] - divided // 2]


@pytest.mark.slow
def test_ranks_that_drop_apart_still_end_alike(folder):
    first, second = (store.load(folder / f"dropout-{rank}") for rank in range(2))
    assert gap(first["weights"], second["weights"]) == 0
    assert first["history"][-1]["loss"] < first["history"][0]["loss"]


@pytest.mark.slow
def test_the_trained_net_is_saved_whole(folder):
    from parnassus import load

    made = load(folder / "saved.parnassus")
    assert gap(made.objective_.state_dict(), store.load(folder / "dropout-1")["weights"]) == 0


@pytest.mark.slow
def test_what_cannot_be_divided_is_refused_by_name(folder):
    said = store.load(folder / "said-1")
    assert "1 heads" in said["heads"]
    assert "33 units of blocks.layers.0.feed_forward.inner" in said["units"]
    assert "'alibi'" in said["positions"]
    assert "deterministic=False" in said["draws"]
    assert "optimizer 'lbfgs'" in said["optimizer"]
    assert "MLP" in said["model"]
    assert "tensor_plan" in said["model"]


@pytest.mark.slow
def test_a_run_goes_on_with_as_many_ranks_and_no_other_number(cases, folder, tmp_path):
    whole = cases["kept"](str(tmp_path / "undisturbed"))
    assert gap(store.load(folder / "taken up-0")["weights"], whole.objective_.state_dict()) < 1e-5
    with pytest.raises(DataError, match="for tensor on 2 ranks"):
        cases["kept"](str(folder / "other"))


def test_rows_of_an_attention_layer_go_out_by_rank_and_come_back():
    from parnassus.train.divided.tensor_parallel import order_of, permute

    layer = torch.nn.Linear(2, 8, device="meta").to_empty(device="cpu")
    layer.weight.data, layer.bias.data = torch.arange(16.0).view(8, 2), torch.arange(8.0)
    order = order_of((4, 2, 2), 2)
    permute(layer, order)
    assert layer.bias.tolist() == [0, 1, 4, 6, 2, 3, 5, 7]
    permute(layer, order.argsort())
    assert layer.bias.tolist() == list(range(8))
