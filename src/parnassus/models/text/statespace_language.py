"""State-space language models: ids to logits of the next id, whole rows at once or one id at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from ...errors import DataError, SettingError
from ...layers.jamba import jamba_layers
from ...layers.mamba import Mamba, Mamba2
from ...layers.statespace import Residual, SequenceLayer, State
from ...registry import model


class StateSpaceLanguageModel(nn.Module):
    """Ids (batch, time) -> logits of the next id (batch, time, vocab_size).

    `tied` uses the embedding as the last layer's weights. `begin` and `step` read one id at a time, in memory that
    does not grow.
    """

    def __init__(self, layers: Sequence[SequenceLayer], *, vocab_size: int, width: int, tied: bool, eps: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        self.layers = nn.ModuleList(layers)
        self.norm = nn.RMSNorm(width, eps=eps)
        self.head = nn.Linear(width, vocab_size, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.02)
        if tied:
            self.head.weight = self.embedding.weight

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        h = self.embedding(x)
        for layer in self.layers:
            h = layer(h, lengths)
        return linear(self.norm(h), self.head.weight)

    def begin(self, x: Tensor) -> list[State]:
        """The states before the first id, for as many rows as ids x (batch, ...) has."""
        like = self.embedding.weight.new_zeros(len(x), 1)
        return [layer.begin(like) for layer in self.layers]  # type: ignore[operator]

    def step(self, x: Tensor, states: Sequence[State]) -> tuple[Tensor, list[State]]:
        """Logits (batch, vocab_size) after ids x (batch,), and the next states."""
        h, after = self.embedding(x), []
        for layer, state in zip(self.layers, states, strict=True):
            h, state = layer.step(h, state)  # type: ignore[operator]
            after.append(state)
        return linear(self.norm(h), self.head.weight), after

    def run(self, x: Tensor, states: Sequence[State]) -> tuple[Tensor, list[State]]:
        """Logits (batch, time, vocab_size) of ids x (batch, time) that follow states, and the states after them."""
        h, after = self.embedding(x), []
        for layer, state in zip(self.layers, states, strict=True):
            h, state = layer.run(h, state)  # type: ignore[operator]
            after.append(state)
        return linear(self.norm(h), self.head.weight), after

    @torch.no_grad()
    def generate(self, x: Tensor, n: int, *, temperature: float = 0.0, seed: int = 0) -> Tensor:
        """x (batch, time) and n more ids: the likeliest at temperature 0, else drawn from softmax(logits / T).

        A step takes the same time and memory however long the rows are.
        """
        if x.ndim != 2 or not x.shape[1]:
            raise DataError(f"generate takes ids (batch, time) with at least one; got {tuple(x.shape)}")
        if temperature < 0 or n < 0:
            raise SettingError(f"temperature and n are at least 0; got {temperature} and {n}")
        generator = torch.Generator(x.device).manual_seed(seed)
        whole, states = self.run(x, self.begin(x))
        logits, found = whole[:, -1], [x]
        for i in range(n):
            if i:
                logits, states = self.step(found[-1][:, 0], states)
            if temperature:
                chosen = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
            else:
                chosen = logits.argmax(-1, keepdim=True)
            found.append(chosen)
        return torch.cat(found, 1)


@model.register("language_model", name="mamba")
def mamba_language_model(
    *,
    vocab_size: int,
    hidden: int = 256,
    n_layers: int = 4,
    n_state: int = 16,
    expand: int = 2,
    conv: int = 4,
    rank: int | None = None,
    bias: bool = False,
    conv_bias: bool = True,
    tied: bool = True,
    eps: float = 1e-5,
) -> nn.Module:
    """Mamba over ids: the architecture of the published language models."""
    layers = [
        Mamba(hidden, n_state=n_state, expand=expand, conv=conv, rank=rank, bias=bias, conv_bias=conv_bias)
        for _ in range(n_layers)
    ]
    return StateSpaceLanguageModel(
        _normed(layers, hidden, eps), vocab_size=vocab_size, width=hidden, tied=tied, eps=eps
    )


@model.register("language_model", name="mamba2")
def mamba2_language_model(
    *,
    vocab_size: int,
    hidden: int = 256,
    n_layers: int = 4,
    n_state: int = 64,
    expand: int = 2,
    conv: int = 4,
    head: int = 64,
    n_groups: int = 1,
    bias: bool = False,
    conv_bias: bool = True,
    tied: bool = True,
    eps: float = 1e-5,
) -> nn.Module:
    """Mamba-2 over ids."""
    layers = [
        Mamba2(
            hidden, n_state=n_state, expand=expand, conv=conv, head=head, n_groups=n_groups, bias=bias,
            conv_bias=conv_bias, eps=eps,
        )
        for _ in range(n_layers)
    ]  # fmt: skip
    return StateSpaceLanguageModel(
        _normed(layers, hidden, eps), vocab_size=vocab_size, width=hidden, tied=tied, eps=eps
    )


@model.register("language_model", name="jamba")
def jamba_language_model(
    *,
    vocab_size: int,
    hidden: int = 256,
    n_layers: int = 8,
    attention_every: int = 8,
    expert_every: int = 2,
    n_heads: int = 4,
    n_groups: int | None = None,
    n_experts: int = 4,
    top_k: int = 2,
    capacity: float | None = None,
    balance: float = 0.01,
    n_state: int = 16,
    feed: int | None = None,
    tied: bool = False,
    eps: float = 1e-6,
) -> nn.Module:
    """Jamba over ids: Mamba layers, attention in one of eight, experts in every second."""
    layers = jamba_layers(
        hidden, n_layers, attention_every=attention_every, expert_every=expert_every, n_heads=n_heads,
        n_groups=n_groups, n_experts=n_experts, top_k=top_k, capacity=capacity, balance=balance, n_state=n_state,
        feed=feed,
    )  # fmt: skip
    return StateSpaceLanguageModel(layers, vocab_size=vocab_size, width=hidden, tied=tied, eps=eps)


def _normed(layers: Sequence[SequenceLayer], width: int, eps: float) -> list[SequenceLayer]:
    """Residual layers with an RMS norm before each."""
    return [Residual(nn.RMSNorm(width, eps=eps), layer) for layer in layers]


_SHARED = [
    ("backbone.embeddings.weight", "embedding.weight"),
    ("backbone.norm_f.weight", "norm.weight"),
    ("lm_head.weight", "head.weight"),
    ("backbone.layers.*.norm.weight", "layers.*.norm.weight"),
    ("backbone.layers.*.mixer.in_proj.*", "layers.*.inner.enter.*"),
    ("backbone.layers.*.mixer.conv1d.*", "layers.*.inner.conv.*"),
    ("backbone.layers.*.mixer.out_proj.*", "layers.*.inner.leave.*"),
]
_MAMBA = [
    ("backbone.layers.*.mixer.x_proj.*", "layers.*.inner.ssm.of_x.*"),
    ("backbone.layers.*.mixer.dt_proj.*", "layers.*.inner.ssm.of_step.*"),
    ("backbone.layers.*.mixer.A_log", "layers.*.inner.ssm.log_a"),
    ("backbone.layers.*.mixer.D", "layers.*.inner.ssm.skip"),
]
_MAMBA2 = [
    ("backbone.layers.*.mixer.norm.weight", "layers.*.inner.norm.weight"),
    ("backbone.layers.*.mixer.dt_bias", "layers.*.inner.step_bias"),
    ("backbone.layers.*.mixer.A_log", "layers.*.inner.log_a"),
    ("backbone.layers.*.mixer.D", "layers.*.inner.skip"),
]
# a mixer's own norm before the layer's, whose * would take it
KEYS = {"mamba": ([*_MAMBA, *_SHARED],), "mamba2": ([*_MAMBA2, *_SHARED],)}

_SIZES = {
    "hidden_size": "hidden",
    "num_hidden_layers": "n_layers",
    "state_size": "n_state",
    "conv_kernel": "conv",
    "use_bias": "bias",
    "use_conv_bias": "conv_bias",
    "tie_word_embeddings": "tied",
    "layer_norm_epsilon": "eps",
}
OPTIONS = {"mamba": {**_SIZES, "time_step_rank": "rank"}, "mamba2": {**_SIZES, "head_dim": "head"}}
ASSUMED = {
    "mamba": {"hidden_act": ("silu", "swish")},
    "mamba2": {
        "hidden_act": ("silu", "swish"),
        "time_step_limit": ([0.0, float("inf")], [0.0, {"__float__": "Infinity"}]),  # as written since version 5
    },
}
