"""Weights divided between two processes beside one that holds them all: two real ones, each training every case."""

import json
import os
import runpy
import socket
import subprocess
import sys

import pytest
import torch

from parnassus import checks, store
from parnassus.errors import DataError, DataWarning, FileError, SettingError

CASES = '''
import os, sys

import numpy as np
import torch

torch.set_num_threads(1)
import parnassus as pn
from parnassus import store
from parnassus.errors import SettingError
from parnassus.train.trainer import Trainer

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(70, 5)), np.arange(70) % 3
STEPS = rng.normal(size=(70, 6, 3))
PICTURES, KINDS = rng.integers(0, 255, (50, 8, 8), dtype=np.uint8), np.arange(50) % 2
TEXTS = ["the cat sat on the mat and looked at the dog " * 6, "a dog ran " * 9]
WEIGHTS = np.where(np.arange(70) % 7 == 0, 0.0, 1.0 + np.arange(70) % 3)
USUAL = {"progress": False, "batch_size": 16, "epochs": 2, "device": "cpu", "deterministic": True}
USUAL |= {"parallelism": "fsdp"}


def net(name, X, y, more={}, held=None, sample_weight=None, task=pn.Classifier, **options):
    made = task(pn.model(name, **options), **USUAL | more)
    return made.fit(X, y, validation=held, sample_weight=sample_weight)


def gpt(**more):
    model = pn.model("gpt", width=16, n_layers=2, n_heads=2, dropout=0.1)
    return pn.LanguageModel(model, context=8, unit="characters", **USUAL | more).fit(TEXTS)


def generator(X, *name, **options):
    return pn.Generator(pn.model(*name, **options), **USUAL | {"optimizer": pn.optimizer("sgd", lr=0.05)}).fit(X)


CUT = {"average": 0.9, "clip_norm": 0.05, "micro_batch_size": 5, "patience": 1, "epochs": 6, "optimizer": "nadam"}
MODELS = {
    "classifier": lambda: net("mlp", X, Y, held=0.2, hidden=(16,), norm="batch", dropout=0.3),
    "settings": lambda: net("mlp", X, Y, CUT, 0.2, hidden=(16,), norm="batch", dropout=0.3),
    "clipped": lambda: net("mlp", X, Y, {"optimizer": "sgd", "lr": 1.0, "clip_norm": 0.05}, hidden=(16,)),
    "pictures": lambda: net("cnn", PICTURES, KINDS, channels=(4, 4), hidden=8, norm="batch"),
    "fewer rows than ranks": lambda: net("mlp", X, Y, {"batch_size": 3}, hidden=(16,)),
    "weights": lambda: net(
        "mlp", X, X[:, 0], {"batch_size": 2}, sample_weight=WEIGHTS, task=pn.Regressor, hidden=(16,)
    ),
    "language model": gpt,
    "half the bits": lambda: gpt(precision="bfloat16"),
    "recurrent": lambda: net("gru", STEPS, Y, hidden=8, n_layers=2, bidirectional=True),
    "drawn weights": lambda: net("mlp", X, Y, {"inference": "vi"}, hidden=(16,)),
    "GAN": lambda: generator(PICTURES, "dcgan", width=4),
    "slopes of slopes": lambda: generator(X, "wgan_gp"),
}
REFUSED = {
    "lbfgs": lambda: net("mlp", X, Y, {"optimizer": "lbfgs"}, hidden=(16,)),
    "svrg": lambda: net("mlp", X, Y, {"optimizer": "svrg"}, hidden=(16,)),
    "per_coordinate": lambda: net("mlp", X, Y, {"optimizer": "per_coordinate"}, hidden=(16,)),
    "l1": lambda: net("mlp", X, Y, {"regularizers": "l1"}, hidden=(16,)),
    "kmeans": lambda: pn.Clusterer("kmeans", n_clusters=3, **{"device": "cpu", "parallelism": "fsdp"}).fit(X),
}


def kept(out, **more):
    """A training with checkpoints; it ends in the middle where `dies` says so."""
    model = pn.model("mlp", hidden=(16,), norm="batch", dropout=0.3)
    settings = USUAL | {"epochs": 3, "checkpoint_every": 2, "resume": True, "out": out, "average": 0.9, "patience": 5}
    return pn.Classifier(model, **settings | more).fit(X, Y, validation=0.2)


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
    out, rank, held = sys.argv[1], os.environ.get("RANK", "0"), []
    size = int(os.environ.get("WORLD_SIZE", "1"))
    began = Trainer.fit

    def fit(self, *given, **more):
        held[:] = [sum(b.values.numel() for b in self.distinct)]
        return began(self, *given, **more)

    Trainer.fit = fit
    for name, make in MODELS.items():
        made = make()
        parts = {"weights": dict(made.objective_.state_dict()), "history": made.history_, "held": list(held)}
        kinds = sorted({type(m).__name__ for m in made.objective_.modules()})
        store.save(f"{out}/{name}-{rank}", parts | {"kinds": kinds})
        made.save(f"{out}/{name}.parnassus")
    said = {}
    for name, make in REFUSED.items() if size > 1 else ():
        try:
            make()
        except SettingError as error:
            said[name] = str(error)
    store.save(f"{out}/said-{rank}", said)
    if size > 1:
        made = kept(sys.argv[2])
        store.save(f"{out}/taken up-{rank}", {"weights": dict(made.objective_.state_dict()), "history": made.history_})
    dies(f"{out}/run", 7)
'''
EQUAL = [
    "classifier", "settings", "clipped", "pictures", "fewer rows than ranks", "weights", "recurrent", "drawn weights",
    "language model", "GAN", "slopes of slopes",
]  # fmt: skip


def launched(size, *words):
    """Run `python words` on so many ranks."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    plain = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    plain |= {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    shared = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    own = [shared | {"RANK": str(r), "LOCAL_RANK": str(r)} if size > 1 else {} for r in range(size)]
    running = [
        subprocess.Popen([sys.executable, *map(str, words)], stderr=subprocess.PIPE, text=True, env=plain | more)
        for more in own
    ]
    said = [process.communicate(timeout=150)[1] for process in running]
    assert [p.returncode for p in running] == [0] * size, said


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "cases.py"
    path.write_text(CASES)
    return path


@pytest.fixture(scope="module")
def trained(script, tmp_path_factory):
    """By number of processes, where each left what it trained; two go on with what one began."""
    folders = {size: tmp_path_factory.mktemp(f"of{size}") for size in (1, 2)}
    launched(1, script, folders[1])
    launched(2, script, folders[2], folders[1] / "run")
    return folders


@pytest.fixture(scope="module")
def cases(script):
    return runpy.run_path(str(script))


@pytest.fixture(scope="module")
def undisturbed(cases, tmp_path_factory):
    return cases["kept"](str(tmp_path_factory.mktemp("undisturbed")))


def gap(ours, theirs):
    assert ours.keys() == theirs.keys()
    return max(checks.gap(ours[k], v) for k, v in theirs.items())


@pytest.mark.slow
@pytest.mark.parametrize("name", EQUAL)
def test_divided_weights_learn_what_whole_ones_do(name, trained):
    one = store.load(trained[1] / f"{name}-0")
    for rank in range(2):
        ours = store.load(trained[2] / f"{name}-{rank}")
        assert gap(ours["weights"], one["weights"]) < 1e-5
        assert len(ours["history"]) == len(one["history"])
        for theirs, mine in zip(one["history"], ours["history"], strict=True):
            assert mine == pytest.approx(theirs, rel=1e-5, abs=1e-6)


@pytest.mark.slow
def test_gathering_in_bfloat16_trains_as_autocast_does(trained):
    one, two = (store.load(trained[n] / "half the bits-0") for n in (1, 2))
    assert two["history"][-1]["loss"] == pytest.approx(one["history"][-1]["loss"], rel=1e-3)
    assert all(t.dtype == torch.float32 for t in two["weights"].values() if t.is_floating_point())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["classifier", "language model", "GAN"])
def test_a_rank_holds_half_of_the_weights(name, trained):
    held = [store.load(trained[2] / f"{name}-{rank}")["held"][0] for rank in range(2)]
    whole = store.load(trained[1] / f"{name}-0")["held"][0]
    assert sum(held) == whole, "each weight is held once"
    assert max(held) < 0.6 * whole


@pytest.mark.slow
def test_the_trained_net_is_a_plain_one(trained):
    from parnassus import load

    one, two = (store.load(trained[n] / "language model-0")["kinds"] for n in (1, 2))
    assert two == one
    made = load(trained[2] / "language model.parnassus")
    ours = store.load(trained[2] / "language model-1")["weights"]
    assert gap(made.objective_.state_dict(), ours) == 0


@pytest.mark.slow
def test_what_cannot_be_divided_is_refused_by_name(trained):
    said = store.load(trained[2] / "said-1")
    assert said.keys() == {"lbfgs", "svrg", "per_coordinate", "l1", "kmeans"}
    for name in ("lbfgs", "svrg", "per_coordinate"):
        assert f"optimizer {name!r}" in said[name]
    assert "Penalty" in said["l1"]
    assert "Lloyd learns otherwise" in said["kmeans"]


@pytest.mark.slow
def test_one_process_keeps_whole_weights_and_offloading_needs_an_accelerator(cases):
    with pytest.raises(SettingError, match=r"fsdp_offload.*accelerator"):
        cases["net"]("mlp", cases["X"], cases["Y"], {"parallelism": "fsdp_offload"})
    with pytest.raises(SettingError, match=r"parallelism='fspd'.*fsdp"):
        cases["net"]("mlp", cases["X"], cases["Y"], {"parallelism": "fspd"})


# --- Checkpoints ------------------------------------------------------------------------------------------------------


def taken_up(cases, trained, tmp_path, damage=None):
    """The run that two processes left, gone on with by this one."""
    run = tmp_path / "run"
    subprocess.run(["cp", "-r", trained[2] / "run", run], check=True)
    if damage:
        damage(run / "checkpoint")
    return cases["kept"](str(run))


@pytest.mark.slow
def test_two_processes_go_on_where_one_stopped(trained, undisturbed):
    for rank in range(2):
        ours = store.load(trained[2] / f"taken up-{rank}")
        assert gap(ours["weights"], undisturbed.objective_.state_dict()) < 1e-5
        assert [h["loss"] for h in ours["history"]] == pytest.approx(
            [h["loss"] for h in undisturbed.history_], rel=1e-5
        )


@pytest.mark.slow
def test_one_process_goes_on_where_two_stopped(cases, trained, undisturbed, tmp_path):
    made = taken_up(cases, trained, tmp_path)
    assert gap(made.objective_.state_dict(), undisturbed.objective_.state_dict()) < 1e-5
    manifest = json.loads((trained[2] / "run" / "checkpoint" / "last" / "manifest.json").read_text())
    assert manifest["trainer"]["step"] == 6
    assert len(manifest["digests"]) == 2, "each rank wrote a part"


@pytest.mark.slow
def test_a_damaged_part_falls_back_to_the_checkpoint_before(cases, trained, undisturbed, tmp_path):
    def damage(folder):
        path = next((folder / "last").glob("shard-00002-*"))
        held = bytearray(path.read_bytes())
        held[-3] ^= 1
        path.write_bytes(held)

    with pytest.warns(DataWarning, match=r"not whole.*at step 4"):
        made = taken_up(cases, trained, tmp_path, damage)
    assert gap(made.objective_.state_dict(), undisturbed.objective_.state_dict()) < 1e-5


@pytest.mark.slow
def test_without_a_whole_checkpoint_a_resume_is_refused(cases, trained, tmp_path):
    def damage(folder):
        for name in ("last", "previous"):
            (folder / name / "manifest.json").write_text("{")

    with pytest.raises(FileError, match="no whole one before it"):
        taken_up(cases, trained, tmp_path, damage)


@pytest.mark.slow
def test_other_settings_do_not_take_a_checkpoint_up(cases, trained, tmp_path):
    run = tmp_path / "run"
    subprocess.run(["cp", "-r", trained[2] / "run", run], check=True)
    with pytest.raises(DataError, match=r"average was 0\.9"):
        cases["kept"](str(run), average=0.5)
