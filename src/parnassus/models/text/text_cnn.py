"""A sentence's strongest phrases: convolutions of several widths side by side, the maximum over time, a softmax."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError
from ..sequence.sequences import sequence_model


class PhraseNet(nn.Module):
    """x (batch, time, step_features), lengths (batch,) -> (batch, n_outputs); see `functional.convolution.phrases`.

    Each width h has `hidden` filters over h neighbouring words; a filter's largest answer is one feature, whose place
    is lost. Padding never changes what comes out: windows that begin behind a row's end are not looked at.

    Systems: cnn-text-classifier
    Source: Kim 2014 (widths 3, 4 and 5, 100 filters each, dropout 0.5 before the softmax); Baker A198, A216; Jaiswal
    fig. 4.2.
    """

    def __init__(
        self, step_features: int, n_outputs: int, *, widths: tuple[int, ...], hidden: int, dropout: float
    ) -> None:
        super().__init__()
        self.kernels = nn.ModuleList(nn.Conv1d(step_features, hidden, h, padding=h - 1) for h in widths)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden * len(widths), n_outputs))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.head(self.features(x, lengths))

    def features(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, hidden times the number of widths): the strongest answer of each filter."""
        n = torch.full((len(x),), x.shape[1], device=x.device) if lengths is None else lengths.to(x.device)
        steps = torch.arange(x.shape[1], device=x.device)
        words = torch.where((steps < n[:, None])[:, None], x.mT, 0)
        return torch.cat([self._strongest(kernel, words, n) for kernel in self.kernels], 1)

    @staticmethod
    def _strongest(kernel: nn.Module, words: Tensor, n: Tensor) -> Tensor:
        answers = F.relu(kernel(words))
        n_windows = torch.where(n > 0, n + answers.shape[2] - words.shape[2], 0)
        inside = torch.arange(answers.shape[2], device=words.device) < n_windows[:, None]
        return torch.where(inside[:, None], answers, 0).amax(2)


@sequence_model("classifier", "regressor")
def text_cnn(
    *,
    step_features: int,
    n_outputs: int,
    hidden: int = 100,
    widths: tuple[int, ...] = (3, 4, 5),
    dropout: float = 0.5,
) -> nn.Module:
    """Convolutions of several widths side by side, `hidden` filters each, their maxima over time, a softmax."""
    if not widths or min(widths) < 1 or hidden < 1 or not 0 <= dropout < 1:
        raise SettingError(
            f"model 'text_cnn': widths and hidden are at least 1 and dropout is in [0, 1); got {tuple(widths)}, "
            f"{hidden} and {dropout}"
        )
    return PhraseNet(step_features, n_outputs, widths=tuple(widths), hidden=hidden, dropout=dropout)
