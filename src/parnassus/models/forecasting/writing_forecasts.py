"""Nets that say the steps ahead one after another."""

from collections.abc import Callable

from ...errors import SettingError, did_you_mean
from ...layers.cells import GRU, LSTM, Cell, Elman
from ...layers.writing_forecasts import StepByStep
from ...registry import model

CELLS: dict[str, Callable[..., Cell]] = {"gru": GRU, "lstm": LSTM, "elman": Elman}


@model.register("forecaster")
def seq2seq(
    *,
    step_features: int,
    n_outputs: int,
    horizon: int,
    cell: str = "gru",
    hidden: int = 64,
    n_layers: int = 1,
    teaching: float = 0.5,
    dropout: float = 0.0,
) -> StepByStep:
    """An encoder over the window and a decoder that is given its own forecast, or in training the truth, step by step.

    Parameters
    ----------
    cell : "gru", "lstm" or "elman".
    teaching : how likely the decoder is given the truth of the step before in training: 1 is teacher forcing, 0 free
        running, and between is scheduled sampling.
    """
    if cell not in CELLS:
        raise SettingError(f"model 'seq2seq': cell={cell!r}; {did_you_mean(cell, CELLS)}")
    if hidden < 1 or n_layers < 1:
        raise SettingError(f"model 'seq2seq': hidden and n_layers are at least 1; got {hidden} and {n_layers}")
    if not 0 <= teaching <= 1 or not 0 <= dropout < 1:
        raise SettingError(
            f"model 'seq2seq': teaching is a probability and dropout in [0, 1); got {teaching} and {dropout}"
        )
    return StepByStep(
        CELLS[cell],
        step_features,
        horizon,
        hidden=hidden,
        n_layers=n_layers,
        n_parameters=n_outputs // horizon,
        teaching=teaching,
        dropout=dropout,
    )
