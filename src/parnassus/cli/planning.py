"""`parnassus plan`: what a training would take on a machine of several devices, and which division fits."""

import math
import re
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from ..errors import SettingError
from .console import Console

SIZES = {"K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
WORDS = {
    "data": "a whole copy each",
    "zero1": "optimizer states divided",
    "zero2": "and gradients",
    "zero3": "and weights (FSDP)",
    "tensor": "every layer divided",
}
GB = 1e9
UNITS = {"GB": GB, "MB": 1e6}  # of the table; kB where a MB is still too much
LEAST_TRANSFORMER = 1e7  # parameters, words included
MOST = 1e15  # parameters


def plan(
    model: Annotated[str, Parameter(name="SIZE", help="parameters, such as 124M or 7B, or a run's folder")],
    /,
    *,
    batch: Annotated[int, Parameter(help="rows a step, on all devices together")] = 32,
    context: Annotated[int, Parameter(help="tokens a row, of a transformer")] = 2048,
    devices: Annotated[int, Parameter(help="how many devices share the work")] = 8,
    memory: Annotated[float, Parameter(help="GB a device")] = 80.0,
    bandwidth: Annotated[float, Parameter(help="GB a second that a device sends")] = 50.0,
    optimizer: Annotated[str, Parameter(help="whose states are counted")] = "adam",
    precision: Annotated[
        Literal["float32", "bfloat16"], Parameter(help="of activations; weights and states are float32")
    ] = "float32",
    micro_batch: Annotated[
        int | None, Parameter(help="rows a step is cut into, on all devices together; activations are of these")
    ] = None,
    again: Annotated[bool, Parameter(negative=(), help="layers are computed again in the backward pass")] = False,
    json: Annotated[bool, Parameter(negative=(), help="print JSON, and nothing else, to standard output")] = False,
) -> int:
    """Say what a training takes on each device: memory, bytes sent a step, and which way to divide it fits."""
    for name, value in (
        ("batch", batch),
        ("context", context),
        ("devices", devices),
        ("micro-batch", micro_batch or 1),
    ):
        if value < 1:
            raise SettingError(f"--{name} is at least 1; got {value}")
    if not memory > 0 or not bandwidth > 0:
        raise SettingError(f"--memory and --bandwidth are above 0; got {memory} and {bandwidth}")
    from ..train.states import moves_apart, states_of

    n_parameters, known = parameters_in(model)
    needs, shape = needs_of(
        n_parameters,
        rows=min(batch, micro_batch or batch),
        context=context,
        devices=devices,
        n_states=states_of(optimizer, int(n_parameters)),
        size=4 if precision == "float32" else 2,
        again=again,
        transformer=known,
    )
    console = Console(json=json)
    console.say(f"{n_parameters:,.0f} parameters, {batch:,} rows a step on {devices:,} devices of {memory:g} GB")
    console.say(shape)
    barred = {} if moves_apart(optimizer) else dict.fromkeys(list(WORDS)[1:], f"not with {optimizer}")
    if known and (n_heads := heads_of(n_parameters, context)) % devices:
        barred.setdefault("tensor", f"{n_heads} heads do not come out even")
    console.table(table_of(needs, memory=memory, bandwidth=bandwidth, barred=barred))
    fitting = [n.strategy for n in needs if n.held <= 0.9 * memory * GB and n.strategy not in barred]
    console.say(advice(fitting, devices))
    console.result(
        {"n_parameters": n_parameters, "needs": [vars(n) | {"held": n.held} for n in needs], "fits": fitting}
    )
    return 0


def parameters_in(text: str) -> tuple[float, bool]:
    """How many parameters are meant, and whether they are thought to be a transformer's: millions of them are.

    >>> parameters_in("1.5B"), parameters_in("25_000")
    ((1500000000.0, True), (25000.0, False))
    """
    found = re.fullmatch(r"([\d._]+(?:e\d+)?)([KMBGT]?)", text.strip(), re.IGNORECASE)
    try:
        if found:
            n = float(found[1]) * SIZES.get(found[2].upper(), 1.0)
            if 1 <= n <= MOST:
                return n, n >= LEAST_TRANSFORMER
    except ValueError:
        pass
    if found or not text.strip():
        raise SettingError(f"SIZE is a number of parameters such as 7B, at most 1000T, or a run's folder; got {text!r}")
    from .runs import loaded

    estimator, _ = loaded(text)
    return float(sum(p.numel() for p in estimator.objective_.parameters())), False


def heads_of(n_parameters: float, context: int) -> int:
    """The heads of attention that a transformer of so many weights usually has."""
    from ..functional.parallelism import usual_decoder

    return usual_decoder(n_parameters, context=context).n_heads


def needs_of(
    n_parameters: float,
    *,
    rows: int,
    context: int,
    devices: int,
    n_states: float,
    size: int,
    again: bool,
    transformer: bool,
) -> tuple[list[Any], str]:
    """What each strategy needs, and what the activations are thought to be."""
    from ..functional.parallelism import STRATEGIES, activation_bytes, need, usual_decoder

    more: dict[str, Any] = {"activations": 0.0}
    words = "activations are not counted: they depend on the layers; see one step's peak on a device"
    if transformer:
        net = usual_decoder(n_parameters, context=context)
        kept, dealt = not again, devices * math.ceil(rows / devices)  # a device holds whole rows
        more = {
            "activations": activation_bytes(net, dealt, size=size, kept=kept),
            "tensor_activations": activation_bytes(net, rows, size=size, kept=kept, n_tensor=devices),
            "n_layers": net.n_layers,
            "layer_bytes": float(size) * rows * context * net.width,
        }
        words = f"activations as of a transformer of {net.n_layers} layers, {net.width} wide, {context:,} tokens a row"
        if rows < devices:
            words += f"; {rows:,} rows at a time leave {devices - rows:,} devices without one, but for layers divided"
    strategies = STRATEGIES if transformer else STRATEGIES[:-1]
    return [need(s, n_parameters, n_devices=devices, n_states=n_states, **more) for s in strategies], words


def table_of(needs: list[Any], *, memory: float, bandwidth: float, barred: dict[str, str]) -> list[tuple[str, ...]]:
    """A row a strategy, in GB or less; `barred` says why one cannot be taken whatever fits."""
    most = max(n.held for n in needs)
    unit, size = next(((name, size) for name, size in UNITS.items() if most >= size / 10), ("kB", 1e3))
    parts = ("weights", "gradients", "states", "activations", f"all {unit}", f"sent {unit}")
    rows: list[tuple[str, ...]] = [("strategy", *parts, "seconds", "fits", "")]
    for n in needs:
        bytes_of = [n.weights + n.gathered, n.gradients, n.states, n.activations, n.held, n.sent]
        shown = [f"{b / size:.2f}" for b in bytes_of]
        fits = "yes" if n.held <= 0.9 * memory * GB and n.strategy not in barred else "no"
        words = barred.get(n.strategy, WORDS[n.strategy])
        rows.append((n.strategy, *shown, f"{n.sent / GB / bandwidth:.3f}", fits, words))
    return rows


def advice(fitting: list[str], devices: int) -> str:
    """What to do."""
    if "data" in fitting:
        way = "torchrun --nproc-per-node N -m parnassus train ..." if devices > 1 else "parnassus train ..."
        return f"a whole copy fits on each device: {way}"
    for way, flag in (("zero3", "fsdp"), ("tensor", "tensor")):
        if way in fitting:
            command = f"torchrun --nproc-per-node N -m parnassus train ... --parallelism {flag}"
            return f"what fits is {', '.join(fitting)}; of these {way}: {command}"
    return (
        "nothing fits: more devices, a smaller --micro-batch, --again, --precision bfloat16, a smaller model, or adam"
    )
