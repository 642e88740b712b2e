"""Models that have read prompts and go on id by id: each kind in the way that costs it least."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...objectives.text.language import START, NGramCounting
from .gpt import GPT
from .language import RecurrentLM
from .statespace_language import StateSpaceLanguageModel


class CachedFollower:
    """A GPT and its cache; a full cache is read again from the newer half of what was said."""

    def __init__(self, net: GPT, ids: Tensor, lengths: Tensor) -> None:
        self.net, self.ids, self.lengths = net, _right(ids, lengths), lengths
        self.first, self.reading = net.read(ids, lengths)

    def step(self, ids: Tensor) -> Tensor:
        self.ids, self.lengths = torch.cat([self.ids, ids[:, None]], 1), self.lengths + 1
        if self.reading.length < self.net.context:
            return self.net.step(ids, self.reading)
        half = max(self.net.context // 2, 1)
        self.ids, self.lengths = self.ids[:, -half:], self.lengths.clamp(max=half)
        logits, self.reading = self.net.read(_left(self.ids, self.lengths), self.lengths)
        return logits

    def select(self, rows: Tensor) -> None:
        self.reading.select(rows)
        self.ids, self.lengths = self.ids[rows], self.lengths[rows]


def _right(ids: Tensor, lengths: Tensor) -> Tensor:
    """Rows padded behind, moved so that all end together."""
    at = torch.arange(ids.shape[1], device=ids.device) - (ids.shape[1] - lengths)[:, None]
    return ids.gather(1, at.clamp(min=0))


def _left(ids: Tensor, lengths: Tensor) -> Tensor:
    """Rows that end together, moved so that all begin together."""
    at = torch.arange(ids.shape[1], device=ids.device) + (ids.shape[1] - lengths)[:, None]
    return ids.gather(1, at.clamp(max=ids.shape[1] - 1))


class StatefulFollower:
    """A net with a state of fixed size; prompts are of one length."""

    def __init__(self, net: RecurrentLM | StateSpaceLanguageModel, ids: Tensor) -> None:
        self.net = net
        whole, self.states = net.run(ids, net.begin(ids))
        self.first = whole[:, -1]

    def step(self, ids: Tensor) -> Tensor:
        logits, self.states = self.net.step(ids, self.states)
        return logits

    def select(self, rows: Tensor) -> None:
        self.states = _chosen(self.states, rows)


def _chosen(state: Any, rows: Tensor) -> Any:
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    return type(state)(_chosen(part, rows) for part in state) if isinstance(state, tuple | list) else state


class WindowFollower:
    """Any net, asked anew about the last `context` ids at every step; prompts are of one length."""

    def __init__(self, net: nn.Module, ids: Tensor, context: int) -> None:
        self.net, self.ids, self.context = net, ids, context
        self.first = self._asked()

    def _asked(self) -> Tensor:
        return self.net(self.ids[:, -self.context :])[:, -1]

    def step(self, ids: Tensor) -> Tensor:
        self.ids = torch.cat([self.ids, ids[:, None]], 1)
        return self._asked()

    def select(self, rows: Tensor) -> None:
        self.ids = self.ids[rows]


class CountedFollower:
    """An n-gram model; ln p stands for logits."""

    def __init__(self, counted: NGramCounting, ids: Tensor) -> None:
        self.counted = counted
        # what follows an end follows a start, in the rows that were counted
        self.ids = torch.where(ids == counted.end, START, ids)
        self.first = self._asked()

    def _asked(self) -> Tensor:
        table = self.counted.table
        assert table is not None
        rows = [table.following(_since_start(row)) for row in self.ids.cpu().numpy()]
        return torch.from_numpy(np.stack(rows)).to(self.ids.device)

    def step(self, ids: Tensor) -> Tensor:
        self.ids = torch.cat([self.ids, torch.where(ids == self.counted.end, START, ids)[:, None]], 1)
        return self._asked()

    def select(self, rows: Tensor) -> None:
        self.ids = self.ids[rows]


def _since_start(row: np.ndarray) -> np.ndarray:
    starts = np.flatnonzero(row == START)
    return row[starts[-1] :] if len(starts) else row


def following(made: nn.Module, ids: Tensor, lengths: Tensor, *, context: int) -> Any:
    """The model after it read prompts (rows, time), padded behind; `first` is its logits of what follows each.

    Only a GPT takes prompts of different lengths together.
    """
    if isinstance(made, NGramCounting):
        return CountedFollower(made, ids)
    net = getattr(made, "model", made)
    if isinstance(net, GPT):
        return CachedFollower(net, ids, lengths)
    if isinstance(net, RecurrentLM | StateSpaceLanguageModel):
        return StatefulFollower(net, ids)
    return WindowFollower(net, ids, context)
