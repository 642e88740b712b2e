"""State-space nets that read a sequence and answer once."""

from collections.abc import Iterable
from typing import cast

from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...layers.jamba import jamba_layers
from ...layers.mamba import Bidirectional, Mamba, Mamba2
from ...layers.recurrent import last_of
from ...layers.statespace import S4, S4D, S5, Mixed, Residual, Spectrum
from .recurrent import POOLINGS, pooled
from .sequences import sequence_model


class StateSpaceNet(nn.Module):
    """x (batch, time, step_features), lengths (batch,) -> (batch, n_outputs).

    A linear layer makes each column `hidden` wide, residual layers follow, a norm, and the "last" column, or the
    "mean" or "max" over real ones, goes through a linear layer. Padding never changes what comes out.
    """

    def __init__(
        self,
        layers: Iterable[nn.Module],
        norm: nn.Module,
        *,
        step_features: int,
        hidden: int,
        n_outputs: int,
        pooling: str,
        dropout: float,
    ) -> None:
        super().__init__()
        self.enter = nn.Linear(step_features, hidden)
        self.layers, self.norm, self.pooling = nn.ModuleList(layers), norm, pooling
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, n_outputs))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        h = self.enter(x)
        for layer in self.layers:
            h = layer(h, lengths)
        h = self.norm(h)
        if self.pooling != "last":
            return self.head(pooled(h, lengths, self.pooling))
        summary = last_of(h, lengths)
        if lengths is not None:
            summary = summary * (lengths > 0)[:, None].to(summary.dtype)
        return self.head(summary)


def _checked(name: str, pooling: str, dropout: float, **counts: int) -> None:
    low = [f"{key}={value}" for key, value in counts.items() if value < 1]
    if low:
        raise SettingError(f"model {name!r}: {', '.join(low)} is below 1; give at least 1")
    if not 0 <= dropout < 1:
        raise SettingError(f"model {name!r}: dropout is in [0, 1); got {dropout}")
    if pooling not in POOLINGS:
        raise SettingError(f"model {name!r}: pooling={pooling!r}; {did_you_mean(pooling, POOLINGS)}")


@sequence_model("classifier", "regressor", "forecaster")
def s4(
    *,
    step_features: int,
    n_outputs: int,
    hidden: int = 64,
    n_layers: int = 2,
    n_state: int = 32,
    pooling: str = "mean",
    dropout: float = 0.0,
) -> nn.Module:
    """Structured state spaces: HiPPO's memory a channel, trained as a convolution (S4)."""
    _checked("s4", pooling, dropout, hidden=hidden, n_layers=n_layers, n_state=n_state)
    layers = [
        Residual(nn.LayerNorm(hidden), Mixed(S4(hidden, n_state=n_state), hidden), dropout=dropout)
        for _ in range(n_layers)
    ]
    given = {"step_features": step_features, "hidden": hidden, "n_outputs": n_outputs}
    return StateSpaceNet(layers, nn.LayerNorm(hidden), **given, pooling=pooling, dropout=dropout)


@sequence_model("classifier", "regressor", "forecaster")
def s4d(
    *,
    step_features: int,
    n_outputs: int,
    hidden: int = 64,
    n_layers: int = 2,
    n_state: int = 32,
    spectrum: str = "linear",
    discretization: str = "zoh",
    pooling: str = "mean",
    dropout: float = 0.0,
) -> nn.Module:
    """Diagonal state spaces, one a channel, trained as a convolution (S4D)."""
    _checked("s4d", pooling, dropout, hidden=hidden, n_layers=n_layers, n_state=n_state)
    layers = []
    for _ in range(n_layers):
        layer = S4D(hidden, n_state=n_state, spectrum=cast(Spectrum, spectrum), discretization=discretization)
        layers.append(Residual(nn.LayerNorm(hidden), Mixed(layer, hidden), dropout=dropout))
    given = {"step_features": step_features, "hidden": hidden, "n_outputs": n_outputs}
    return StateSpaceNet(layers, nn.LayerNorm(hidden), **given, pooling=pooling, dropout=dropout)


@sequence_model("classifier", "regressor")
def s5(
    *,
    step_features: int,
    n_outputs: int,
    hidden: int = 64,
    n_layers: int = 2,
    n_state: int = 32,
    spectrum: str = "legs",
    pooling: str = "mean",
    dropout: float = 0.0,
) -> nn.Module:
    """One diagonal state space for all channels of a layer, run by a parallel scan (S5)."""
    _checked("s5", pooling, dropout, hidden=hidden, n_layers=n_layers, n_state=n_state)
    layers = []
    for _ in range(n_layers):
        layer = S5(hidden, n_state=n_state, spectrum=cast(Spectrum, spectrum))
        layers.append(Residual(nn.LayerNorm(hidden), Mixed(layer, hidden), dropout=dropout))
    given = {"step_features": step_features, "hidden": hidden, "n_outputs": n_outputs}
    return StateSpaceNet(layers, nn.LayerNorm(hidden), **given, pooling=pooling, dropout=dropout)


@sequence_model("classifier", "regressor", "forecaster")
def mamba(
    *,
    step_features: int,
    n_outputs: int,
    hidden: int = 64,
    n_layers: int = 2,
    n_state: int = 16,
    expand: int = 2,
    conv: int = 4,
    form: str = "published",
    pooling: str = "last",
    dropout: float = 0.0,
) -> nn.Module:
    """Mamba: selective state spaces, whose memory depends on what they read."""
    _checked("mamba", pooling, dropout, hidden=hidden, n_layers=n_layers, n_state=n_state, expand=expand, conv=conv)
    layers = []
    for _ in range(n_layers):
        layer = Mamba(hidden, n_state=n_state, expand=expand, conv=conv, form=form)  # type: ignore[arg-type]
        layers.append(Residual(nn.RMSNorm(hidden, eps=1e-5), layer, dropout=dropout))
    given = {"step_features": step_features, "hidden": hidden, "n_outputs": n_outputs}
    return StateSpaceNet(layers, nn.RMSNorm(hidden, eps=1e-5), **given, pooling=pooling, dropout=dropout)


@sequence_model("classifier", "regressor")
def mamba2(
    *,
    step_features: int,
    n_outputs: int,
    hidden: int = 64,
    n_layers: int = 2,
    n_state: int = 32,
    expand: int = 2,
    conv: int = 4,
    head: int = 32,
    n_groups: int = 1,
    pooling: str = "last",
    dropout: float = 0.0,
) -> nn.Module:
    """Mamba-2: selective state spaces with one decay a head, run as products of matrices."""
    counts = {"hidden": hidden, "n_layers": n_layers, "n_state": n_state, "expand": expand, "conv": conv}
    _checked("mamba2", pooling, dropout, **counts, head=head, n_groups=n_groups)
    layers = []
    for _ in range(n_layers):
        layer = Mamba2(hidden, n_state=n_state, expand=expand, conv=conv, head=head, n_groups=n_groups)
        layers.append(Residual(nn.RMSNorm(hidden, eps=1e-5), layer, dropout=dropout))
    given = {"step_features": step_features, "hidden": hidden, "n_outputs": n_outputs}
    return StateSpaceNet(layers, nn.RMSNorm(hidden, eps=1e-5), **given, pooling=pooling, dropout=dropout)


@sequence_model("classifier", "regressor")
def bimamba(
    *,
    step_features: int,
    n_outputs: int,
    hidden: int = 64,
    n_layers: int = 2,
    n_state: int = 16,
    expand: int = 2,
    conv: int = 4,
    pooling: str = "mean",
    dropout: float = 0.0,
) -> nn.Module:
    """Mamba in both directions: two blocks a layer, one of which reads every row from its end."""
    _checked("bimamba", pooling, dropout, hidden=hidden, n_layers=n_layers, n_state=n_state, expand=expand, conv=conv)
    layers = []
    for _ in range(n_layers):
        ahead, back = (Mamba(hidden, n_state=n_state, expand=expand, conv=conv) for _ in range(2))
        both = Bidirectional(ahead, back)
        layers.append(Residual(nn.RMSNorm(hidden, eps=1e-5), both, dropout=dropout))  # type: ignore[arg-type]
    given = {"step_features": step_features, "hidden": hidden, "n_outputs": n_outputs}
    return StateSpaceNet(layers, nn.RMSNorm(hidden, eps=1e-5), **given, pooling=pooling, dropout=dropout)


@sequence_model("classifier", "regressor")
def jamba(
    *,
    step_features: int,
    n_outputs: int,
    hidden: int = 64,
    n_layers: int = 4,
    attention_every: int = 4,
    expert_every: int = 2,
    n_heads: int = 4,
    n_groups: int | None = None,
    n_experts: int = 4,
    top_k: int = 2,
    capacity: float | None = None,
    balance: float = 0.01,
    n_state: int = 16,
    feed: int | None = None,
    pooling: str = "last",
    dropout: float = 0.0,
) -> nn.Module:
    """Jamba: Mamba layers with attention among them, and mixtures of experts behind them."""
    counts = {"hidden": hidden, "n_layers": n_layers, "n_state": n_state, "n_heads": n_heads, "n_experts": n_experts}
    _checked("jamba", pooling, dropout, **counts)
    layers = jamba_layers(
        hidden,
        n_layers,
        attention_every=attention_every,
        expert_every=expert_every,
        n_heads=n_heads,
        n_groups=n_groups,
        n_experts=n_experts,
        top_k=top_k,
        capacity=capacity,
        balance=balance,
        n_state=n_state,
        feed=feed,
        dropout=dropout,
    )
    given = {"step_features": step_features, "hidden": hidden, "n_outputs": n_outputs}
    return StateSpaceNet(layers, nn.RMSNorm(hidden, eps=1e-6), **given, pooling=pooling, dropout=dropout)
