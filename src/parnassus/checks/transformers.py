"""Parts of Transformers against torch's with the same weights, and positions and costs against their equations."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..functional import attention, positions, residual
from ..layers.transformer import DecoderLayer, FeedForward
from ..train.randomness import kept_random
from . import check, gap

CPU = torch.device("cpu")


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, float64."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


@check("transformer-decoder-layer", "cross-attention", "position-wise-ffn", oracle="torch", tolerance=1e-5)
def decoder_layers_with_torchs_weights() -> float:
    """Layers with norms after and before, over an encoder's outputs, against torch.nn.TransformerDecoderLayer."""
    y, memory = drawn(2, 6, 16).float(), drawn(2, 7, 16, seed=1).float()
    causal = nn.Transformer.generate_square_subsequent_mask(6)
    worst = 0.0
    for norm in ("post", "pre"):
        with kept_random(CPU, 0), torch.no_grad():
            theirs = nn.TransformerDecoderLayer(16, 4, 32, 0.0, norm_first=norm == "pre", batch_first=True).eval()
            ours = DecoderLayer(16, 4, hidden=32, norm=norm).eval()
            for own, other in ((ours.attention, theirs.self_attn), (ours.cross, theirs.multihead_attn)):
                own.qkv.weight.copy_(other.in_proj_weight)
                own.out.load_state_dict(other.out_proj.state_dict())
            ours.feed_forward.inner.load_state_dict(theirs.linear1.state_dict())
            ours.feed_forward.outer.load_state_dict(theirs.linear2.state_dict())
            worst = max(worst, gap(ours(y, memory), theirs(y, memory, tgt_mask=causal, tgt_is_causal=True)))
    with kept_random(CPU, 1), torch.no_grad():
        layer = FeedForward(16, 32).eval()
        by_place = torch.stack([layer(y[:, t]) for t in range(6)], 1)
        return max(worst, gap(layer(y), by_place))


@check("residual-connection", oracle="torch", tolerance=1e-12)
def slopes_past_a_layer() -> float:
    """The Jacobian of F(x) + x is that of F plus one, by autograd."""
    w = drawn(4, 4)
    x = drawn(4, seed=1)
    whole = torch.autograd.functional.jacobian(lambda v: residual.residual(v, lambda h: torch.tanh(w @ h)), x)
    alone = torch.autograd.functional.jacobian(lambda h: torch.tanh(w @ h), x)
    return gap(whole, alone + torch.eye(4, dtype=torch.float64))


@check("sinusoidal-position", "integer-binary-position", "learned-position", oracle="(closed form)", tolerance=1e-6)
def positions_by_their_equations() -> float:
    """Norms of width / 2, products that depend on the distance alone, numpy's bits, and a table resized to itself."""
    table = positions.sinusoidal(50, 32).double()
    products = table @ table.T
    bits = (np.arange(9)[:, None] >> np.arange(3, -1, -1)) & 1
    grid = drawn(1, 12, 6).float()
    return max(
        gap(table.square().sum(1), torch.full((50,), 16.0)),
        max(gap(products.diagonal(k), products.diagonal(k)[0]) for k in range(10)),
        gap(positions.binary(9), torch.from_numpy(bits)),
        gap(positions.integer(5)[:, 0], torch.arange(5.0)),
        gap(positions.resized_grid(grid, (3, 4), (3, 4)), grid),
    )


@check(
    "additive-attention",
    "seq2seq-dot-attention",
    "attention-pooling",
    "parameter-free-attention",
    oracle="torch",
    tolerance=1e-12,
)
def forms_of_attention_written_out() -> float:
    """Additive scores key by key, a decoder's context, pooled values, and softmax(x x') x by torch's own kernel."""
    q, k, v = drawn(3, 4), drawn(5, 6, seed=1), drawn(5, 2, seed=2)
    w, u = drawn(7, 10, seed=3), drawn(7, seed=4)
    scores = torch.tensor([[float(u @ torch.tanh(w @ torch.cat([a, b]))) for b in k] for a in q], dtype=torch.float64)
    w_q, w_k, w_v = drawn(3, 4, seed=5), drawn(3, 6, seed=6), drawn(2, 6, seed=7)
    alpha = torch.softmax(torch.stack([(w_q @ q[0]) @ (w_k @ h) for h in k]), 0)
    found = attention.seq2seq_attention(q[0], k, w_q, w_k, w_v)
    x = drawn(2, 5, 8, seed=8)
    return max(
        gap(attention.additive_scores(q, k, w, u), scores),
        gap(found.z, (alpha[:, None] * (k @ w_v.T)).sum(0)),
        gap(attention.pool(scores[0], v), torch.softmax(scores[0], 0) @ v),
        gap(attention.parameter_free(x).z, F.scaled_dot_product_attention(x, x, x, scale=1.0)),
    )


@check("dot-product-ranking", "attention-cost-model", oracle="torch", tolerance=1e-12)
def ranks_and_costs() -> float:
    """Keys by their products with a query, and the operations of attention as torch counts them."""
    from torch.utils.flop_counter import FlopCounterMode

    q, k = drawn(16), drawn(9, 16, seed=1)
    scores, order = attention.rank_keys(q, k)
    layer, n = nn.Linear(8, 8, bias=False), 20
    x = torch.zeros(n, 8)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        a, b, c = layer(x), layer(x), layer(x)
        layer((a @ b.T) @ c)
    return max(
        gap(scores, k @ q / math.sqrt(16)),
        float(order.tolist() != sorted(range(9), key=lambda i: -float(k[i] @ q))),
        gap(attention.attention_cost(n, 8).operations, counter.get_total_flops()),
    )
