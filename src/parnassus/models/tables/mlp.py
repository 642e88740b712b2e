"""Dense nets."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from ...errors import SettingError
from ...layers.dense import activation as activation_named
from ...layers.normalization import dense_norm
from ...registry import model


class MLP(nn.Sequential):
    """Dense layers of these widths with an activation between: z_l = h_(l-1) W_l' + b_l, h_l = g(z_l).

    x: (batch, widths[0]) -> (batch, widths[-1]). The last layer has no activation. `norm` ("batch", "layer", "rms")
    normalises z before the activation; dropout follows it. Without either and with relu, tanh or sigmoid it is trained
    in closed form. The keys of its state dict are those of a plain nn.Sequential.

    Systems: mlp, dense-layer
    Source: Rumelhart, Hinton and Williams 1986; Hifny A8.4, Baker A008, Martinez-Ramon 1.3.1, Jaiswal J12.
    """

    def __init__(
        self, widths: Sequence[int], *, activation: str = "relu", dropout: float = 0.0, norm: str | None = None
    ) -> None:
        parts: list[nn.Module] = []
        for n_in, n_out in pairwise(widths[:-1]):
            parts.append(nn.Linear(n_in, n_out, bias=norm != "batch"))  # whose mean would take it away again
            parts += [dense_norm(norm, n_out)] if norm is not None else []
            parts.append(activation_named(activation))
            if dropout:
                parts.append(nn.Dropout(dropout))
        super().__init__(*parts, nn.Linear(widths[-2], widths[-1]))


@model.register("classifier", "regressor", "forecaster")
def mlp(
    *,
    in_features: int,
    n_outputs: int,
    hidden: tuple[int, ...] = (64,),
    activation: str = "relu",
    dropout: float = 0.0,
    norm: str | None = None,
) -> MLP:
    """A multilayer perceptron: dense hidden layers with an activation between."""
    if any(not isinstance(width, int) or width < 1 for width in hidden):
        raise SettingError(f"model 'mlp': hidden holds widths of at least 1; got {hidden}; hidden=() is a linear model")
    if not 0 <= dropout < 1:
        raise SettingError(f"model 'mlp': dropout is a probability in [0, 1); got {dropout}")
    return MLP((in_features, *hidden, n_outputs), activation=activation, dropout=dropout, norm=norm)
