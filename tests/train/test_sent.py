"""What two processes send each other in a step, seen at torch's dispatcher, and what a plan says of it."""

import os
import subprocess
import sys

import pytest

from parnassus import store
from parnassus.functional.parallelism import need

pytestmark = pytest.mark.slow

WIDTH, LAYERS, CONTEXT, BATCH = 16, 2, 8, 16
SCRIPT = f"""
import os
import sys

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import parnassus as pn
from parnassus import store
from parnassus.train.trainer import Trainer

KINDS = ("allgather", "reduce_scatter", "all_reduce", "allreduce")


class Sent(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        for kind in KINDS if "c10d" in func.namespace else ():
            if kind in func.name():
                found[kind.replace("_", "")].append(bytes_of(args[0]))
        return func(*args, **(kwargs or {{}}))


def bytes_of(given):
    return given.nbytes if isinstance(given, Tensor) else sum(map(bytes_of, given))


def step(self, window):
    if self.step != 1:
        return own(self, window)
    with Sent():
        own(self, window)


own, Trainer.train_step = Trainer.train_step, step
found = {{kind.replace("_", ""): [] for kind in KINDS}}
texts = ["the cat sat on the mat and looked at the dog " * 6, "a dog ran " * 9]
model = pn.model("gpt", width={WIDTH}, n_layers={LAYERS}, n_heads=2, dropout=0.0)
made = pn.LanguageModel(
    model, context={CONTEXT}, unit="characters", progress=False, batch_size={BATCH}, epochs=1, device="cpu",
    parallelism=sys.argv[1], optimizer="sgd",
).fit(texts)
if os.environ["RANK"] == "0":
    weights = dict(made.objective_.named_parameters())
    blocks = sum(p.nbytes for name, p in weights.items() if ".blocks.layers." in name)
    store.save(sys.argv[2], {{"sent": found, "all": sum(p.nbytes for p in weights.values()), "blocks": blocks}})
"""


def one_step(parallelism, folder):
    """What the first of two ranks handed to each kind of collective in the training's second step."""
    script, out = folder / "script.py", folder / "sent"
    script.write_text(SCRIPT)
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script, parallelism, out]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *map(str, words)], env=environment, capture_output=True, timeout=150)
    assert done.returncode == 0, done.stderr.decode()
    return store.load(out)


def test_fsdp_gathers_weights_twice_and_scatters_gradients_once(tmp_path):
    """As ZeRO 3 but for what belongs to no block, which is gathered once: it is used until the backward pass begins."""
    found = one_step("fsdp", tmp_path)
    n_bytes, sent = found["all"], found["sent"]
    assert sum(sent["allgather"]) == n_bytes + found["blocks"]
    assert sum(sent["reducescatter"]) == n_bytes / 2  # of which this rank keeps its half
    planned = need("zero3", n_bytes / 4, n_devices=2, n_states=0, activations=0.0).sent
    assert planned == (sum(sent["allgather"]) + n_bytes) / 2 + (n_bytes - found["blocks"]) / 2


def test_divided_layers_add_their_outputs_up_four_times(tmp_path):
    found = one_step("tensor", tmp_path)
    layer = 4 * BATCH * CONTEXT * WIDTH
    assert found["sent"]["allreduce"] == [layer] * 4 * LAYERS
    planned = need(
        "tensor", found["all"] / 4, n_devices=2, n_states=0, activations=0.0, n_layers=LAYERS, layer_bytes=layer
    )
    assert planned.sent == sum(found["sent"]["allreduce"])  # a ring of two sends each sum once


def test_whole_weights_send_their_gradients_once(tmp_path):
    found = one_step("data", tmp_path)
    planned = need("data", found["all"] / 4, n_devices=2, n_states=0, activations=0.0).sent
    assert sum(found["sent"]["allreduce"]) == planned + 16  # the loss, and what it weighs
