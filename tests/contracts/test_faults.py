"""What may happen to a run from outside: nothing already saved is lost, nothing foreign is run, and it is said why."""

import io
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus import store
from parnassus.cli import main
from parnassus.errors import DataWarning, FileError
from parnassus.train.locking import locked

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).normal(size=(48, 4))
Y = (X[:, 0] > 0).astype(int)
SETTINGS = {"epochs": 6, "batch_size": 16, "progress": False}


def fit(out, **more):
    return pn.Classifier("mlp", **SETTINGS | {"out": str(out), **more}).fit(X, Y)


def weights(made):
    return torch.cat([p.detach().flatten() for p in made.objective_.parameters()])


def checkpoint(out, name="last"):
    return out / "checkpoint" / f"{name}.safetensors"


# --- foreign files --------------------------------------------------------------------------------


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def bombs(folder):
    """Files that would run code when something unpickled them, each in a form that loaders know."""
    mark = folder / "exploded"
    plain = pickle.dumps(Bomb(mark))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", plain)
        file.writestr("archive/version", "3")
    header = len(plain).to_bytes(8, "little") + plain  # in the place of the header of safetensors
    return mark, {
        "pickle": plain,
        "zip of torch": archive.getvalue(),
        "header": header,
        "numpy": b"\x93NUMPY\x01\x00" + plain,
    }


@pytest.mark.parametrize("form", ["pickle", "zip of torch", "header", "numpy"])
def test_a_pickle_named_as_a_model_or_checkpoint_is_refused_unread(form, tmp_path, capsys):
    mark, forms = bombs(tmp_path)
    model = tmp_path / "run" / "model.parnassus"
    model.parent.mkdir()
    model.write_bytes(forms[form])
    with pytest.raises(FileError, match="not a whole safetensors file"):
        pn.load(model)
    assert main(["predict", str(model.parent), "x.csv"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    checkpoint(tmp_path / "run").parent.mkdir()
    checkpoint(tmp_path / "run").write_bytes(forms[form])
    with pytest.raises(FileError, match="not a whole safetensors file"):
        fit(tmp_path / "run", resume=True)
    assert not mark.exists()
    assert checkpoint(tmp_path / "run").read_bytes() == forms[form]  # what was found there is left to be looked at


def test_the_bombs_would_have_gone_off(tmp_path):
    mark, forms = bombs(tmp_path)
    pickle.loads(forms["pickle"]).close()
    assert mark.exists()


# --- damaged checkpoints --------------------------------------------------------------------------


def cut_short(path):
    os.truncate(path, path.stat().st_size // 2)


def one_bit(path):
    held = bytearray(path.read_bytes())
    held[-100] ^= 1
    path.write_bytes(bytes(held))


def emptied(path):
    path.write_bytes(b"")


def gone(path):
    path.unlink()


@pytest.mark.parametrize("harm", [cut_short, one_bit, emptied, gone])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(harm, tmp_path):
    whole = fit(tmp_path / "undisturbed")
    with pytest.raises(KeyboardInterrupt):
        stopped_after(tmp_path / "run", 4)
    steps = [store.load(checkpoint(tmp_path / "run", name))["trainer"]["step"] for name in ("previous", "last")]
    assert steps == [9, 12]  # three steps an epoch
    harm(checkpoint(tmp_path / "run"))
    with pytest.warns(DataWarning, match="before it, at step 9"):
        resumed = fit(tmp_path / "run", resume=True)
    assert torch.equal(weights(whole), weights(resumed))
    assert whole.history_ == resumed.history_


def test_where_both_checkpoints_are_damaged_it_is_refused(tmp_path):
    fit(tmp_path, epochs=3)
    cut_short(checkpoint(tmp_path))
    cut_short(checkpoint(tmp_path, "previous"))
    with pytest.raises(FileError, match="not a whole safetensors file"):
        fit(tmp_path, epochs=3, resume=True)


def stopped_after(out, n_epochs):
    """A run that ends like a program that crashes, after so many epochs."""
    from parnassus.train.record import Record, listening

    class Stop(Record):
        def stepped(self, trainer):
            if len(trainer.history) == n_epochs:
                raise KeyboardInterrupt

    with listening(Stop()):
        fit(out)


# --- disks ----------------------------------------------------------------------------------------

FULL = """
import resource, sys
import numpy as np
import parnassus as pn
from parnassus.train.record import Record, listening

class Full(Record):
    def epoch(self, trainer, summary):
        if len(trainer.history) == 3:  # from here on no file may grow beyond a few bytes
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

X = np.random.default_rng(0).normal(size=(48, 4))
with listening(Full()):
    try:
        pn.Classifier("mlp", epochs=6, batch_size=16, progress=False, out=sys.argv[1]).fit(X, (X[:, 0] > 0).astype(int))
    except pn.FileError as error:
        print("told:", error)
        raise SystemExit(3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file sizes are limited by setrlimit, which Windows has not")
def test_a_full_disk_ends_the_run_in_words_and_keeps_what_was_saved(tmp_path):
    whole = fit(tmp_path / "undisturbed")
    out = tmp_path / "run"
    done = subprocess.run([sys.executable, "-c", FULL, str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "cannot be written" in done.stdout
    assert str(out) in done.stdout
    assert store.load(checkpoint(out))["trainer"]["step"] == 6  # of the second epoch; the third found no room
    assert (out / "log.csv").read_text().splitlines()[0].startswith("epoch")
    assert not list(out.rglob("*.part*"))
    resumed = fit(out, resume=True)
    assert torch.equal(weights(whole), weights(resumed))


def test_a_full_disk_at_save_leaves_the_model_that_was_there(tmp_path, monkeypatch):
    made = fit(tmp_path / "run")
    path = tmp_path / "model.parnassus"
    made.save(path)
    before = path.read_bytes()

    def full(*given, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "save_file", full)
    with pytest.raises(FileError, match="No space left"):
        made.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("model")] == ["model.parnassus"]


def test_a_file_in_the_place_of_the_folder_is_refused_in_words(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(FileError, match="no folder can be made here"):
            fit(out)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused_in_words(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(FileError, match="give another out"):
            fit(tmp_path / "run")
    finally:
        tmp_path.chmod(0o755)


# --- signals, clocks, neighbours ------------------------------------------------------------------

LONG = """
import sys
import numpy as np
import parnassus as pn
X = np.random.default_rng(0).normal(size=(48, 4))
pn.Classifier("mlp", epochs=int(sys.argv[2]), batch_size=16, progress=False, out=sys.argv[1], resume=True).fit(
    X, (X[:, 0] > 0).astype(int))
"""
MANY = 100_000


@pytest.fixture
def running(tmp_path):
    """A run that would take long, once it has saved its first epochs."""
    out = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", LONG, str(out), str(MANY)], stderr=subprocess.PIPE, text=True)
    ends = time.monotonic() + 90
    while not checkpoint(out, "previous").exists() and process.poll() is None and time.monotonic() < ends:
        time.sleep(0.05)
    assert checkpoint(out, "previous").exists(), "the run did not come to its second checkpoint within 90 seconds"
    yield out, process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_a_second_run_in_a_folder_is_refused_until_the_first_has_ended(number, running):
    out, process = running
    assert process.poll() is None
    with pytest.raises(FileError, match=f"process {process.pid}"):
        fit(out)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == -number
    assert ("ended by SIGTERM after a whole step" in said) == (number == signal.SIGTERM)
    step = store.load(checkpoint(out))["trainer"]["step"]
    assert step >= 3
    assert store.load(checkpoint(out, "previous"))["trainer"]["step"] < step
    with locked(out):  # the lock went with its process
        pass
    fit(out, resume=False)


def test_a_refused_training_leaves_what_the_other_is_writing(tmp_path):
    fit(tmp_path)
    part = tmp_path / "checkpoint" / "last.safetensorsx.part"
    part.write_bytes(b"half")
    with locked(tmp_path), pytest.raises(FileError, match="another training"):
        fit(tmp_path, resume=False)
    assert part.exists()
    fit(tmp_path, resume=False)
    assert not part.exists()


def test_two_trainings_of_one_process_do_not_share_a_folder_either(tmp_path):
    with locked(tmp_path), pytest.raises(FileError, match=f"process {os.getpid()}"):
        fit(tmp_path)
    fit(tmp_path)
    assert not (tmp_path / ".lock").exists()


def test_a_clock_that_jumps_changes_nothing(tmp_path, monkeypatch):
    whole = fit(tmp_path / "undisturbed")
    with pytest.raises(KeyboardInterrupt):
        stopped_after(tmp_path / "run", 3)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 10 * 365 * 86400)
    resumed = fit(tmp_path / "run", resume=True)
    assert torch.equal(weights(whole), weights(resumed))
    assert whole.history_ == resumed.history_
    assert 0 <= resumed.seconds_ < 60
