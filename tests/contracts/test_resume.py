"""A run killed by SIGKILL, at any moment, and resumed: the weights of the run that nobody disturbed, bit for bit.

The runs are processes of their own, forked from one that has imported the library; the signal is the real one.
PARNASSUS_KILLS says how many kills there are (20 are the proof).
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from parnassus import store

N_KILLS = int(os.environ.get("PARNASSUS_KILLS", "3"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 30 * N_KILLS)]

RUNNER = '''
import json, os, sys

import numpy as np
import tensorboardX
import torch

torch.set_num_threads(1)
import parnassus as pn
from parnassus import store

rng = np.random.default_rng(0)
PICTURES, TABLE = rng.integers(0, 255, (96, 8, 8), dtype=np.uint8), rng.normal(size=(96, 5))
Y = np.arange(96) % 3
RUNS = {
    "mlp": (pn.model("mlp", hidden=(32, 16), dropout=0.3), TABLE, {"average": 0.9, "clip_norm": 1.0, "epochs": 40}),
    "cnn": (pn.model("cnn", channels=(4, 8), hidden=16), PICTURES, {"micro_batch_size": 12, "epochs": 6}),
}


def train(name, out, every, resume, dies):
    model, X, settings = RUNS[name]
    shared = {"batch_size": 16, "schedule": pn.schedule("cosine", warmup=0.1), "progress": False}
    if dies:
        die_while_writing(dies)
    made = pn.Classifier(model, **shared, **settings, out=out, checkpoint_every=every, resume=resume)
    made.fit(X, Y, validation=0.25)
    store.save(out + "/final", {"weights": dict(made.objective_.state_dict()), "history": made.history_})


def die_while_writing(dies):
    """Kill this process in the middle of its n-th checkpoint: half written, or written and not yet in its place."""
    written, n, moment = [0], dies["n"], dies["moment"]
    save, replace = store.save_file, os.replace

    def torn(tensors, path, metadata):
        written[0] += 1
        save(tensors, path, metadata)
        if written[0] == n and moment == "half":
            os.truncate(path, os.path.getsize(path) // 2)
            os.kill(os.getpid(), 9)

    def late(source, target):
        if written[0] == n and moment == "before":
            os.kill(os.getpid(), 9)
        replace(source, target)
        if written[0] == n and moment == "after":
            os.kill(os.getpid(), 9)

    store.save_file, os.replace = torn, late


for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if not pid:
        train(**job)
        os._exit(0)
    print(pid, flush=True)
    sys.stdin.readline()  # until then the process, though ended, keeps its number, so that no other is killed for it
    print(os.waitpid(pid, 0)[1], flush=True)
'''


class Runner:
    """A process that trains on demand, each time in a fork of itself."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    def start(self, name, out, *, every=None, resume=False, dies=None):
        """Begin a run; returns its process id."""
        job = {"name": name, "out": str(out), "every": every, "resume": resume, "dies": dies}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self):
        """Wait for the run; the signal that killed it, or 0."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        status = int(self.process.stdout.readline())
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the run failed by itself"
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0

    def run(self, *given, **more):
        self.start(*given, **more)
        return self.end()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture(scope="module")
def runner():
    made = Runner()
    yield made
    made.close()


@pytest.fixture(scope="module")
def undisturbed(runner, tmp_path_factory):
    """What each run ends with when it is left alone, and how long it takes."""
    ended = {}
    for name in ("mlp", "cnn"):
        out = tmp_path_factory.mktemp(name)
        for _ in range(2):  # the first time modules are imported
            started = time.monotonic()
            assert runner.run(name, out, every=1) == 0
        ended[name] = store.load(out / "final"), time.monotonic() - started
    return ended


def checkpoint_of(out):
    return out / "checkpoint" / "last.safetensors"


def assert_equal_to(final, out):
    ours = store.load(out / "final")
    assert ours["weights"].keys() == final["weights"].keys()
    assert all(torch.equal(ours["weights"][k], v) for k, v in final["weights"].items())
    assert ours["history"] == final["history"]


def killed_at_random(runner, name, out, *, draws, seconds, every, n_kills):
    """Kill a run n times, each time a moment after it went on, and let it end; how many kills struck."""
    struck = 0
    for _ in range(n_kills):
        pid = runner.start(name, out, every=every, resume=True)
        time.sleep(draws.uniform(0.05, 0.9) * seconds)
        os.kill(pid, signal.SIGKILL)
        struck += runner.end() == signal.SIGKILL
        if checkpoint_of(out).exists():
            store.load(checkpoint_of(out))  # raises where it is not whole
        if (out / "final").exists():
            break
    if not (out / "final").exists():
        assert runner.run(name, out, every=every, resume=True) == 0
    return struck


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_killed_at_any_moment_and_resumed_is_the_undisturbed_run(name, runner, undisturbed, tmp_path):
    final, seconds = undisturbed[name]
    draws, struck, round_ = random.Random(name), 0, 0
    while struck < (N_KILLS + 1) // 2:
        out = tmp_path / str(round_)
        struck += killed_at_random(
            runner, name, out, draws=draws, seconds=seconds, every=1 + round_ % 7, n_kills=draws.randint(1, 3)
        )
        assert_equal_to(final, out)
        round_ += 1


@pytest.mark.parametrize("moment", ["half", "before", "after"])
@pytest.mark.parametrize(("name", "n"), [("mlp", 1), ("mlp", 6), ("cnn", 4)])
def test_killed_while_a_checkpoint_is_written_the_last_one_is_whole(name, n, moment, runner, undisturbed, tmp_path):
    assert runner.run(name, tmp_path, every=2, dies={"n": n, "moment": moment}) == signal.SIGKILL
    written = n if moment == "after" else n - 1
    assert checkpoint_of(tmp_path).exists() == (written > 0)
    if written:
        assert store.load(checkpoint_of(tmp_path))["trainer"]["step"] > 0
    assert runner.run(name, tmp_path, every=3, resume=True) == 0
    assert_equal_to(undisturbed[name][0], tmp_path)
    left = {p.name for p in checkpoint_of(tmp_path).parent.iterdir()}
    assert left <= {"last.safetensors", "previous.safetensors"}, "torn files are left"


def test_a_run_that_ended_is_not_run_again(runner, undisturbed, tmp_path):
    assert runner.run("mlp", tmp_path, every=5) == 0
    Path(tmp_path / "final").unlink()
    assert runner.run("mlp", tmp_path, every=5, resume=True) == 0
    assert_equal_to(undisturbed["mlp"][0], tmp_path)


@pytest.mark.slow
def test_two_processes_with_one_seed_end_with_the_same_bytes(undisturbed, tmp_path):
    other = Runner()
    assert other.run("cnn", tmp_path) == 0
    other.close()
    assert_equal_to(undisturbed["cnn"][0], tmp_path)
