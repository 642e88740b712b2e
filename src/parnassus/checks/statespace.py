"""State-space systems, scans, Mamba and its kin against scipy, transformers, mambapy and the books."""

import importlib
import math
from typing import Any

import torch
from torch import Tensor, nn

from ..functional import statespace as ss
from ..functional.experts import expert_gates
from ..layers.jamba import jamba_layers
from ..layers.mamba import Bidirectional, CausalConvolution, Mamba, Mamba2
from ..layers.statespace import S4, S4D, as_complex
from ..models.text.statespace_language import KEYS, mamba_language_model
from ..train.randomness import kept_random
from . import check, gap


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers of a seed, float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def built(make: Any, *given: Any, **settings: Any) -> Any:
    """What a builder makes with weights of a seed of its own."""
    with kept_random(torch.device("cpu"), 0):
        return make(*given, **settings)


@check("bilinear-discretisation", "zoh-discretisation", oracle="scipy", tolerance=1e-12)
def discretisation_against_scipy() -> float:
    """Abar and Bbar of a system of five states and two inputs against scipy.signal.cont2discrete."""
    from scipy.signal import cont2discrete

    a, b = drawn(5, 5) - 2 * torch.eye(5, dtype=torch.float64), drawn(5, 2, seed=1)
    worst = 0.0
    for method in ("bilinear", "zoh"):
        theirs = cont2discrete((a.numpy(), b.numpy(), torch.eye(5).numpy(), 0 * b.numpy()), 0.1, method)[:2]
        found = ss.discretized(a, b, 0.1, method=method)
        worst = max(worst, *(gap(ours, due) for ours, due in zip(found, theirs, strict=True)))
    return worst


@check("continuous-ssm", "ssm-recurrent-mode", oracle="scipy", tolerance=1e-10)
def a_run_against_scipys_simulation() -> float:
    """States under an input held for each step against scipy.signal.lsim of the continuous system."""
    from scipy.signal import lsim

    a, b, c = drawn(3, 3) - 2 * torch.eye(3, dtype=torch.float64), drawn(3, 1, seed=1), drawn(2, 3, seed=2)
    x, delta = drawn(40, 1, seed=3), 0.1
    system = a.numpy(), b.numpy(), c.numpy(), torch.zeros(2, 1).numpy()
    times = torch.arange(41, dtype=torch.float64).numpy() * delta
    held = torch.cat([x, x[-1:]]).numpy()
    _, theirs, _ = lsim(system, held, times, interp=False)
    ours, _ = ss.recurrent(*ss.zero_order_hold(a, b, delta), c, x[None])
    return gap(ours[0], torch.from_numpy(theirs[1:]))


@check("fft-convolution", "ssm-conv-mode", oracle="scipy", tolerance=1e-12)
def convolution_against_scipy() -> float:
    """A system's kernel convolved with its input against scipy.signal.lfilter of the same transfer function."""
    from scipy.signal import lfilter, ss2tf

    a, b, c = 0.3 * drawn(3, 3), drawn(3, 1, seed=1), drawn(1, 3, seed=2)
    x = drawn(50, seed=3)
    ours = ss.fft_convolution(x, ss.kernel(a, b, c, 50)[:, 0, 0])
    # scipy shows the state before a step's input: C A h + C B x is the same output a step earlier
    top, bottom = ss2tf(a.numpy(), b.numpy(), (c @ a).numpy(), (c @ b).numpy())
    return gap(ours, lfilter(top[0], bottom, x.numpy()))


@check("hippo-legs", "dplr", oracle="(closed form)", tolerance=1e-12)
def legs_is_normal_up_to_one_rank() -> float:
    """HiPPO-LegS of 16 states: eigenvalues -1 to -16's sum, and the matrix made again from its diagonal and rank."""
    a, b = ss.legs(16)
    parts = ss.legs_dplr(16)
    again = parts.v @ (torch.diag(parts.lam) - torch.outer(parts.p, parts.p.conj())) @ parts.v.mH
    return max(
        gap(a.trace(), torch.tensor(-16 * 17 / 2)),
        gap(again.real, a),
        gap(again.imag, torch.zeros_like(a)),
        gap((parts.v @ parts.b).real, b),
    )


@check("s4-layer", oracle="(closed form)", tolerance=1e-8)
def s4_against_the_dense_recurrence() -> float:
    """An S4 layer's outputs through the Cauchy kernel and the fast transform, against the dense system step by step."""
    layer, x = built(S4, 4, n_state=8).double(), drawn(2, 60, 4)
    lam, p, b, delta = layer.system()
    a_bar, b_bar = ss.dplr_discrete(lam, p, b, delta)
    shown = []
    for i in range(4):
        own = x[..., i : i + 1] + 0j
        y, _ = ss.recurrent(a_bar[i], b_bar[i], as_complex(layer.c)[i : i + 1], own)
        shown.append(y[..., 0].real + layer.skip[i] * x[..., i])
    return gap(layer(x), torch.stack(shown, -1))


@check("parallel-scan", oracle="scipy", tolerance=1e-12)
def scans_against_a_filter() -> float:
    """All states of h' = 0.9 h + x by both scans against scipy.signal.lfilter."""
    from scipy.signal import lfilter

    x = drawn(1, 77)
    wanted = torch.from_numpy(lfilter([1.0], [1.0, -0.9], x.numpy()))
    decay = torch.full_like(x, 0.9)
    return max(gap(ss.linear_scan(decay, x), wanted), gap(ss.doubling_scan(decay, x)[1], wanted))


@check("s6-selective-ssm", oracle="mambapy", tolerance=1e-5)
def selective_scan_against_mambapy() -> float:
    """Outputs of the selective scan against mambapy's sequential one, float32, compiled where there is a compiler."""
    mambapy = importlib.import_module("mambapy.mamba")

    with kept_random(torch.device("cpu"), 0):
        theirs = mambapy.MambaBlock(mambapy.MambaConfig(d_model=8, n_layers=1, d_state=6))
        x, b, c = torch.randn(2, 90, 16), torch.randn(2, 90, 6), torch.randn(2, 90, 6)
        delta = nn.functional.softplus(torch.randn(2, 90, 16))
    a = -theirs.A_log.detach().exp()
    with torch.no_grad():
        wanted = theirs.selective_scan_seq(x, delta, a, b, c, theirs.D)
        ours, _ = ss.selective_scan(x, delta, a, b, c)
    scale = float(wanted.abs().max())
    return gap(ours + theirs.D * x, wanted) / scale


@check("s6-selective-ssm", oracle="(book)", tolerance=1e-12)
def the_books_selective_scan() -> float:
    """Hifny's recurrence and summed form with Abar = 1/2: 1, 3, 3.375."""
    x, b, c = (torch.tensor(v, dtype=torch.float64) for v in ([1.0, 2, 3], [[1.0], [0.5], [2]], [[1.0], [2], [0.5]]))
    a, wanted = torch.full((3, 1), 0.5, dtype=torch.float64), torch.tensor([1.0, 3, 3.375], dtype=torch.float64)
    return max(gap(ss.discrete_scan(a, b, c, x), wanted), gap(ss.summed_form(a, b, c, x), wanted))


@check("mamba-block", oracle="transformers", tolerance=1e-4)
def mamba_logits_against_transformers() -> float:
    """Logits of a Mamba language model of two layers against MambaForCausalLM with the same random weights."""
    from transformers import MambaConfig, MambaForCausalLM

    from ..hub import translate

    with kept_random(torch.device("cpu"), 0):
        config = MambaConfig(vocab_size=40, hidden_size=16, num_hidden_layers=2, state_size=4)
        theirs = MambaForCausalLM(config).eval()
        ours = mamba_language_model(vocab_size=40, hidden=16, n_layers=2, n_state=4).eval()
    ours.load_state_dict(translate(theirs.state_dict(), KEYS["mamba"][0], expected=ours.state_dict()))
    ids = torch.arange(24).view(2, 12) % 40
    with torch.no_grad():
        return gap(ours(ids), theirs(ids).logits)


@check("mamba-block", oracle="transformers", tolerance=1e-4)
def mamba_2_against_transformers() -> float:
    """A Mamba-2 block's outputs against Mamba2Mixer with the same random weights."""
    from transformers.models.mamba2.modeling_mamba2 import Mamba2Config, Mamba2Mixer

    from ..hub import translate

    config = Mamba2Config(hidden_size=16, num_heads=4, head_dim=8, n_groups=2, state_size=4, num_hidden_layers=1)
    with kept_random(torch.device("cpu"), 0):
        theirs, ours = Mamba2Mixer(config, 0).eval(), Mamba2(16, n_state=4, head=8, n_groups=2).eval()
        x = torch.randn(2, 12, 16)
    names = {"in_proj": "enter", "conv1d": "conv", "norm": "norm", "out_proj": "leave"}
    table = [(f"{a}.*", f"{b}.*") for a, b in names.items()]
    table += [("dt_bias", "step_bias"), ("A_log", "log_a"), ("D", "skip")]
    ours.load_state_dict(translate(theirs.state_dict(), table, expected=ours.state_dict()))
    with torch.no_grad():
        return gap(ours(x), theirs(x))


@check("mamba-block", "s4-layer", "s6-selective-ssm", oracle="(closed form)", tolerance=1e-9)
def steps_against_whole_passes() -> float:
    """One column at a time in constant memory against the whole row, float64: Mamba, Mamba-2, S4, S4D."""
    worst, x = 0.0, drawn(2, 30, 8)
    for make in (Mamba, Mamba2, S4, S4D):
        layer = built(make, 8, n_state=4, **({"head": 4} if make is Mamba2 else {})).double()
        state, shown = layer.begin(x), []
        for now in x.unbind(1):
            y, state = layer.step(now, state)
            shown.append(y)
        worst = max(worst, gap(layer(x), torch.stack(shown, 1)))
    return worst


@check("bidirectional-mamba", oracle="(book)", tolerance=1e-7)
def the_books_two_directions() -> float:
    """Hifny's form with h' = h / 2 + x both ways on 1, 2, 3: 3.75, 6, 7.25 (a convolution with 1, 1/2, 1/4 here)."""
    found = Bidirectional(*built(_two_filters))(torch.tensor([[[1.0], [2.0], [3.0]]]))
    return gap(found.flatten(), torch.tensor([3.75, 6.0, 7.25]))


def _two_filters() -> list[CausalConvolution]:
    layers = [CausalConvolution(1, size=3, bias=False) for _ in range(2)]
    for layer in layers:
        layer.weight.data[:] = torch.tensor([0.25, 0.5, 1.0])
    return layers


@check("mixture-of-experts", oracle="(book)", tolerance=1e-9)
def the_books_gates() -> float:
    """Hifny's gates of logits 2, 1, 0, 1.5: the two largest of the softmax, made to sum to 1."""
    gates, _, _ = expert_gates(torch.tensor([[2.0, 1.0, 0.0, 1.5]], dtype=torch.float64), 2)
    e = math.exp(0.5)
    return gap(gates[0], torch.tensor([e / (1 + e), 1 / (1 + e)], dtype=torch.float64))


@check("jamba-block", "mixture-of-experts", oracle="transformers", tolerance=1e-4)
def experts_of_jamba_against_transformers() -> float:
    """A token's two of four gated experts, weighted by their softmax, against JambaSparseMoeBlock."""
    from transformers.models.jamba.modeling_jamba import JambaConfig, JambaSparseMoeBlock

    config = JambaConfig(hidden_size=12, intermediate_size=20, num_experts=4, num_experts_per_tok=2)
    with kept_random(torch.device("cpu"), 0):
        theirs, x = JambaSparseMoeBlock(config).eval(), torch.randn(2, 9, 12)
        for p in theirs.parameters():
            nn.init.normal_(p, std=0.3)
        (layer,) = jamba_layers(12, 1, expert_every=1, feed=20)
    ours = layer.tokens.inner.eval()
    state: dict[str, Tensor] = {"router.weight": theirs.router.weight}
    for i in range(4):
        gate, up = theirs.experts.gate_up_proj[i].chunk(2)
        state |= {f"experts.{i}.gate.weight": gate, f"experts.{i}.up.weight": up}
        state[f"experts.{i}.down.weight"] = theirs.experts.down_proj[i]
    ours.load_state_dict(state)
    with torch.no_grad():
        return gap(ours(x), theirs(x))
