"""Two and four processes beside one: real ones, joined by gloo, each training the same small models in one go."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch

from parnassus import checks, store
from parnassus.errors import SettingError
from parnassus.train.distributed import ALONE, join
from parnassus.train.draws import WindowDraws

TRAINER = '''
import os, sys

import numpy as np
import torch

torch.set_num_threads(1)
import parnassus as pn
from parnassus import store
from parnassus.train.distributed import Ranks

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(70, 5)), np.arange(70) % 3
PICTURES, KINDS = rng.integers(0, 255, (50, 8, 8), dtype=np.uint8), np.arange(50) % 2
RAGGED = [X[i : i + 6 + i % 5] for i in range(50)]
PAIRS = [(" ".join("abcdefg"[: 1 + i % 7]), " ".join("gfedcba"[i % 5 :])) for i in range(43)]
TEXTS = ["the cat sat on the mat and looked at the dog " * 6, "a dog ran " * 9]
AWAY = ((0.0,) * 5, (50.0,) * 5, (60.0,) * 5, (-70.0,) * 5)
WEIGHTS = np.where(np.arange(70) % 7 == 0, 0.0, 1.0 + np.arange(70) % 3)
USUAL = {"progress": False, "batch_size": 16, "epochs": 2, "device": "cpu", "deterministic": True}


def net(name, X, y, more={}, held=None, sample_weight=None, task=pn.Classifier, **options):
    made = task(pn.model(name, **options), **USUAL | more)
    return made.fit(X, y, validation=held, sample_weight=sample_weight)


HELD_BACK = {"l1": {}, "gradient_noise": {}, "mixup": {}, "dropconnect": {}}
CUT = {"average": 0.9, "clip_norm": 0.5, "micro_batch_size": 5, "patience": 1, "epochs": 6, "regularizers": HELD_BACK}
WHOLE = {"optimizer": "lbfgs", "batch_size": 70}
MODELS = {
    "classifier": lambda: net("mlp", X, Y, held=0.2, hidden=(16,), norm="batch", dropout=0.3),
    "pictures": lambda: net("cnn", PICTURES, KINDS, channels=(4, 4), hidden=8, norm="batch"),
    "language model": lambda: pn.LanguageModel(
        pn.model("gpt", width=16, n_layers=1, n_heads=2, dropout=0.1), context=8, unit="characters", **USUAL
    ).fit(TEXTS),
    "batches of tokens": lambda: pn.Translator(
        pn.model("transformer", width=16, n_layers=1, n_heads=2, dropout=0.1), batch_tokens=24,
        **USUAL | {"batch_size": None, "optimizer": "sgd", "lr": 0.1},  # Adam makes steps of a key's bias's roundings
    ).fit(PAIRS, validation=0.2),
    "GAN": lambda: pn.Generator(pn.model("dcgan", width=4), **USUAL).fit(PICTURES),
    "VAE": lambda: pn.Autoencoder("vae", **USUAL).fit(X, validation=0.3),
    "DDPM": lambda: pn.Generator(pn.model("ddpm", n_steps=20, n_sampled=5), **USUAL).fit(X),
    "closed form": lambda: net("mlp", X, Y, held=0.2, hidden=(16,), dropout=0.3),
    "settings": lambda: net("mlp", X, Y, CUT, 0.2, hidden=(16,), norm="batch", dropout=0.3),
    "fewer rows than ranks": lambda: net("mlp", X, Y, {"batch_size": 3}, hidden=(16,), norm="batch", dropout=0.3),
    "weights": lambda: net("mlp", X, X[:, 0], sample_weight=WEIGHTS, task=pn.Regressor, hidden=(16,)),
    "lengths": lambda: net("lstm", RAGGED, KINDS, hidden=8),
    "line search": lambda: net("mlp", X, Y, WHOLE, hidden=(8,)),
    "curvature": lambda: net("mlp", X, Y, {"optimizer": "hessian_free", "batch_size": 35}, hidden=(8,)),
    "rule": lambda: pn.Clusterer("kmeans", n_clusters=3, device="cpu", progress=False).fit(X),
    "empty clusters": lambda: pn.Clusterer(
        pn.model("kmeans", centers=AWAY), n_clusters=4, device="cpu", progress=False
    ).fit(X),
    "mixture": lambda: pn.Density("gmm", n_components=3, device="cpu", progress=False).fit(X, sample_weight=WEIGHTS),
    "full mixture": lambda: pn.Density(
        pn.model("gmm", covariance_type="full", tol=1e-9), n_components=2, epochs=7, device="cpu", progress=False
    ).fit(X),
    "hidden states": lambda: pn.HMM("gaussian", n_states=3, epochs=5, device="cpu", progress=False).fit(RAGGED),
    "lost states": lambda: pn.HMM(
        "gaussian", n_states=4, initial={"means": AWAY}, epochs=5, device="cpu", progress=False
    ).fit(RAGGED),
    "three rows": lambda: pn.Clusterer("kmeans", n_clusters=2, device="cpu", progress=False).fit(X[:3]),
    "own draws": lambda: net("mlp", X, Y, {"deterministic": False}, hidden=(16,), dropout=0.3),
    "nothing drawn": lambda: net("mlp", X, Y, {"deterministic": False}, 0.2, hidden=(16,), norm="batch", dropout=0.0),
}


def norm_of_all_ranks():
    """The largest gap to torch's batch norm of all rows: outputs, running statistics, slopes and slopes of slopes."""
    from torch.nn.functional import batch_norm

    from parnassus.train.batch_norms import normalised
    from parnassus.train.distributed import join

    ranks, g = join(torch.device("cpu")), torch.Generator().manual_seed(0)
    x, slope = (torch.randn(7, 3, 4, generator=g, dtype=torch.float64) + 50 for _ in range(2))
    weight, bias = torch.randn(2, 3, generator=g, dtype=torch.float64)

    def seen(norm, x, slope):
        x, w, b = x.clone().requires_grad_(), weight.clone().requires_grad_(), bias.clone().requires_grad_()
        mean, var = torch.zeros(3).double(), torch.ones(3).double()
        out = norm(x, mean, var, w, b, True, 0.1, 1e-5)
        (towards,) = torch.autograd.grad((out.sin() * slope).sum(), x, create_graph=True)
        again, by_w, by_b = torch.autograd.grad(towards.square().sum(), (x, w, b), allow_unused=True)
        by_b = torch.zeros(3).double() if by_b is None else by_b
        return [out.detach(), towards.detach(), again], [mean, var], [by_w, by_b]

    mine = slice(ranks.rank, None, ranks.size)
    by_row, stats, sums = seen(normalised, x[mine], slope[mine])
    ranks.add(*sums)
    true_by_row, true_stats, true_sums = seen(batch_norm, x, slope)
    ours, true = by_row + stats + sums, [t[mine] for t in true_by_row] + true_stats + true_sums
    return max(float((a - b).abs().max() / (1 + b.abs().max())) for a, b in zip(ours, true))


if __name__ == "__main__":
    out, rank = sys.argv[1], os.environ.get("RANK", "0")
    own, sent = Ranks.add, []

    def add(self, *tensors):
        sent.extend(t.nbytes for t in tensors)
        own(self, *tensors)

    Ranks.add = add
    for name in sys.argv[2:] or MODELS:
        sent.clear()
        made = MODELS[name]()
        kept = {"weights": dict(made.objective_.state_dict()), "history": made.history_}
        store.save(f"{out}/{name}-{rank}", kept | {"sent": sum(sent), "steps": made.n_steps_})
    Ranks.add = own
    gap = norm_of_all_ranks() if "RANK" in os.environ else 0.0
    store.save(f"{out}/norm-{rank}", {"gap": gap})
'''
DETERMINISTIC = [
    "classifier", "pictures", "language model", "batches of tokens", "GAN", "VAE", "DDPM", "closed form", "settings",
    "fewer rows than ranks", "weights", "lengths", "curvature", "rule", "nothing drawn", "empty clusters", "mixture",
    "full mixture", "hidden states", "lost states", "three rows",
]  # fmt: skip
ON_FOUR = [
    "classifier", "language model", "batches of tokens", "GAN", "VAE", "DDPM", "fewer rows than ranks", "weights",
    "empty clusters", "mixture", "hidden states", "three rows",
]  # fmt: skip
RUNS = [(2, name) for name in DETERMINISTIC] + [(4, name) for name in ON_FOUR]


def environment(rank=None, size=1, port=0, **more):
    """What torchrun would set, or nothing of it."""
    own = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    if rank is not None:
        own |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)}
        own |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return own | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"} | more


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def launched(size, words, **more):
    """Run `python words` on so many ranks; exit codes and what each wrote to standard error."""
    port = free_port()
    places = [None] if size == 1 else range(size)
    running = [
        subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                         env=environment(rank, size, port, **more))
        for rank in places
    ]  # fmt: skip
    said = [process.communicate(timeout=150) for process in running]
    return [p.returncode for p in running], said


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "several.py"
    path.write_text(TRAINER)
    return path


@pytest.fixture(scope="module")
def trained(script, tmp_path_factory):
    """By number of processes, where each left what it trained."""
    folders = {}
    for size, names in ((1, []), (2, []), (4, ON_FOUR)):
        folders[size] = tmp_path_factory.mktemp(f"of{size}")
        codes, said = launched(size, [script, folders[size], *names])
        assert codes == [0] * size, said
    return folders


def gap(a, b):
    assert a["weights"].keys() == b["weights"].keys()
    return max(checks.gap(a["weights"][k], v) for k, v in b["weights"].items())


@pytest.mark.slow
@pytest.mark.parametrize(("size", "name"), RUNS)
def test_several_ranks_learn_the_weights_of_one(size, name, trained):
    one = store.load(trained[1] / f"{name}-0")
    for rank in range(size):
        ours = store.load(trained[size] / f"{name}-{rank}")
        assert gap(ours, one) < 1e-5
        assert len(ours["history"]) == len(one["history"]), "ranks stopped at another epoch"
        for theirs, mine in zip(one["history"], ours["history"], strict=True):
            assert mine == pytest.approx(theirs, rel=1e-5), "a metric is not that of all rows"


@pytest.mark.slow
def test_a_line_search_finds_the_same_losses(trained):
    """Its weights are not compared: a search multiplies roundings."""
    losses = [store.load(trained[n] / "line search-0")["history"][0]["loss"] for n in (1, 2)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "name"), [*RUNS, (2, "own draws"), (2, "line search")])
def test_all_ranks_hold_the_same_weights_bit_for_bit(size, name, trained):
    first = store.load(trained[size] / f"{name}-0")
    for rank in range(1, size):
        assert gap(store.load(trained[size] / f"{name}-{rank}"), first) == 0


@pytest.mark.slow
def test_without_deterministic_each_rank_drops_other_units(trained):
    one, two = (store.load(trained[n] / "own draws-0") for n in (1, 2))
    assert 1e-5 < gap(one, two) < 0.1, "not the draws of one process, and still the same task"


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 4])
def test_batch_norm_over_ranks_is_torchs_over_all_rows(size, trained):
    for rank in range(size):
        assert store.load(trained[size] / f"norm-{rank}")["gap"] < 1e-9


@pytest.mark.slow
def test_a_step_sends_the_gradient_once_and_the_losses(trained):
    """What `functional.parallelism` counts on: the bytes of the weights, and 16 for the loss and what it weighs."""
    made = store.load(trained[2] / "DDPM-0")
    n_weights = sum(t.numel() for k, t in made["weights"].items() if k.startswith("net."))
    assert made["sent"] == made["steps"] * (4 * n_weights + 16)


def test_one_process_is_alone_and_starts_nothing():
    assert join(torch.device("cpu")) is ALONE
    assert not torch.distributed.is_initialized()


def draw(x, n):
    """Draws of the kinds that models make, for n rows (and 6 heads, 3 steps) like x (n, 4)."""
    from torch.nn.functional import dropout, scaled_dot_product_attention

    heads = x.view(n, 1, 1, 4).expand(n, 2, 3, 4)
    pictures = x.view(n, 4, 1, 1).expand(n, 4, 5, 5).contiguous(memory_format=torch.channels_last)
    return [
        (0, dropout(x, 0.5)),
        (0, torch.randn(n, 3)),
        (1, torch.randn(2, n, 3)),
        (0, torch.rand_like(x)),
        (0, torch.randint(1, 9, (n,))),
        (0, torch.bernoulli(x.sigmoid())),
        (0, torch.randn(n * 6, 2).view(n, 6, 2)),
        (0, scaled_dot_product_attention(heads, heads, heads, dropout_p=0.5)),
        (0, dropout(pictures, 0.5)),
        (None, torch.randn_like(torch.nn.Parameter(torch.zeros(n, 4)[:2]))),
        (None, torch.randn(())),
        (None, torch.rand(2, generator=torch.Generator().manual_seed(3))),
        (0, torch.randn(n)),
    ]


@pytest.mark.parametrize(("n", "size"), [(10, 2), (11, 2), (17, 4)])
def test_draws_for_a_window_are_those_of_one_process(n, size):
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        whole = draw(x, n)
    for rank in range(size):
        with torch.random.fork_rng(), WindowDraws(rank, size, n):
            torch.manual_seed(1)
            own = draw(x[rank::size].contiguous(), len(range(rank, n, size)))
        for (axis, of_all), (_, mine) in zip(whole, own, strict=True):
            rows = torch.arange(rank, n, size)
            torch.testing.assert_close(mine, of_all if axis is None else of_all.index_select(axis, rows))


def test_draws_that_take_uneven_amounts_are_refused():
    with torch.random.fork_rng(), WindowDraws(0, 2, 8), pytest.raises(SettingError, match="deterministic=False"):
        torch.poisson(torch.ones(4))


# --- Resume, restart, fail --------------------------------------------------------------------------------------------

ENDING = """
import os, signal, sys

sys.path.insert(0, os.path.dirname(sys.argv[1]))
from several import X, Y, pn, store
from parnassus.train.trainer import Trainer

out, dies_at, how = sys.argv[2], int(sys.argv[3]), sys.argv[4]
first_time = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0"
own = Trainer.train_step


def step(self, window):
    if self.step == dies_at and first_time and os.environ.get("RANK", "0") == "1":
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError("rank 1 cannot go on")
    own(self, window)


Trainer.train_step = step
made = pn.Classifier(
    pn.model("mlp", hidden=(16,), norm="batch", dropout=0.3), epochs=3, batch_size=16, checkpoint_every=2, resume=True,
    out=out, progress=False, device="cpu", deterministic=True, average=0.9,
).fit(X, Y, validation=0.2)
made.save(out + "/final.parnassus")
print("ended", made.n_steps_)
"""


@pytest.fixture(scope="module")
def ending(script):
    path = script.parent / "ending.py"
    path.write_text(ENDING)
    return path


@pytest.fixture(scope="module")
def undisturbed(ending, script, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    codes, said = launched(1, [ending, script, out, "-1", "kill"])
    assert codes == [0], said
    return store.load(out / "final.parnassus")


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 1), (2, 4)])
def test_a_run_killed_on_some_ranks_goes_on_on_others(before, after, ending, script, undisturbed, tmp_path):
    codes, said = launched(before, [ending, script, tmp_path, "7", "kill"])
    assert codes[1] == -9, said
    assert codes[0] > 0, "rank 0 waits for nobody"
    assert store.load(tmp_path / "checkpoint" / "last.safetensors")["trainer"]["step"] == 6
    codes, said = launched(after, [ending, script, tmp_path, "-1", "kill"])
    assert codes == [0] * after, said
    assert gap(store.load(tmp_path / "final.parnassus"), undisturbed) < 1e-5
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4


@pytest.mark.slow
def test_one_rank_that_fails_is_the_one_that_speaks(ending, script, tmp_path):
    codes, said = launched(2, [ending, script, tmp_path, "3", "raise"])
    assert 0 not in codes
    assert "".join(err for _, err in said).count("Traceback") == 1
    assert "rank 1 cannot go on" in said[1][1]


def torchrun(*words, **more):
    found = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *map(str, words)]
    return subprocess.run(found, capture_output=True, text=True, timeout=150, env=environment(**more), check=False)


@pytest.mark.slow
def test_torchrun_starts_again_after_a_kill_and_goes_on(ending, script, undisturbed, tmp_path):
    made = torchrun("--max-restarts", "1", ending, script, tmp_path, "7", "kill")
    assert made.returncode == 0, made.stderr
    assert made.stdout.count("ended") == made.stdout.count("12") == 2  # their words may mingle
    assert gap(store.load(tmp_path / "final.parnassus"), undisturbed) < 1e-5
    assert "Traceback" not in made.stderr


def table(path):
    rows = ["a,b,kind"] + [f"{i % 7},{(i * 5) % 11},{'yes' if i % 3 else 'no'}" for i in range(80)]
    path.write_text("\n".join(rows))
    return path


@pytest.mark.slow
def test_the_command_trains_on_ranks_and_speaks_once(tmp_path):
    words = [
        "-m",
        "parnassus",
        "train",
        "classifier",
        table(tmp_path / "data.csv"),
        "--target",
        "kind",
        "--epochs",
        "2",
    ]
    made = torchrun(*words, "--out", tmp_path / "run", "--device", "cpu", "--json")
    assert made.returncode == 0, made.stderr
    result = json.loads(made.stdout)
    assert result["epochs"] == 2
    assert result["n_test"] == 16
    assert {"model.parnassus", "config.toml", "report.html", "log.csv"} <= {
        p.name for p in (tmp_path / "run").iterdir()
    }
    assert made.stderr.count("epoch 1/2") == 1


@pytest.mark.slow
def test_a_mistake_is_told_once_by_the_command(tmp_path):
    made = torchrun("-m", "parnassus", "train", "classifier", table(tmp_path / "data.csv"), "--target", "kinds")
    assert made.returncode != 0
    assert made.stderr.count("parnassus: ") == 1
    assert "kinds" in made.stderr
