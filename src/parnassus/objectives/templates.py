"""A neocognitron as a classifier: stages learn templates by competition, and each last template speaks for classes."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import torch
from torch import Tensor

from ..errors import SettingError
from ..layers.neocognitron import NeocognitronStage
from ..train.phase import Batch, Objective, Phase
from .probabilistic.generative import class_numbers

BLOCK = 512  # pictures that are looked at together


class TemplateClassifier(Objective):
    """Stages of a neocognitron, learned one after another without labels; then each plane is told its classes.

    A picture becomes two planes a channel, what is lighter and what is darker than the ground, which is the median of
    the pictures' edges. Each stage is shown up to `n_shown` pictures in an order drawn once, the winners of each take
    its likeness, and in the last stage a picture has one winner. Then of every plane k of the last stage's C-cells,
    whose strongest answer to a picture is c_k, the share p_ky of each class among the pictures that it wins is counted:

        score_y = max over k of p_ky c_k

    A stage takes its part of the epochs, and so does the count: one each where nobody asks for more. A row's weight
    multiplies what it leaves in a template, and counts.

    Parameters
    ----------
    stages : the first takes 2 planes a channel. n_outputs : classes, or 1 for two. n_shown : pictures a stage learns
        from in an epoch, at most.

    Systems: neocognitron
    Source: Fukushima 1980, where what a last plane stands for is read off by hand; the shares are ours.
    """

    full_batch = True
    probabilistic = False

    ground: Tensor
    wins: Tensor
    drawn: Tensor

    def __init__(self, stages: Sequence[NeocognitronStage], in_channels: int, n_outputs: int, *, n_shown: int) -> None:
        super().__init__()
        self.stages, self.n_outputs, self.n_shown = torch.nn.ModuleList(stages), n_outputs, n_shown
        self.epochs = len(stages) + 1
        self.register_buffer("ground", torch.zeros(in_channels))
        self.register_buffer("wins", torch.zeros(len(stages[-1].learned), max(n_outputs, 2)))
        self.register_buffer("drawn", torch.randint(2**31, ()))
        self._counted: Tensor | None = None

    def begin(self, batch: Batch) -> None:
        x = batch["x"]
        edge = torch.cat([x[:, :, 0], x[:, :, -1], x[:, :, :, 0], x[:, :, :, -1]], 2)
        self.ground.copy_(edge.transpose(0, 1).flatten(1).median(1).values)

    def phases(self) -> Sequence[Phase]:
        n = len(self.stages) + 1
        learn = [
            Phase(f"stage_{i}", partial(self.learn, i), during=(i / n, (i + 1) / n)) for i in range(len(self.stages))
        ]
        return [*learn, Phase("count", self.count, during=((n - 1) / n, 1.0), after=self.counted)]

    def seen(self, x: Tensor) -> Tensor:
        """Pictures (b, channels, h, w) as light, which is nowhere negative (b, 2 channels, h, w)."""
        apart = x - self.ground.view(-1, 1, 1)
        return torch.cat([apart.relu(), (-apart).relu()], 1)

    def learn(self, i: int, batch: Batch) -> Tensor:
        """Show pictures to a stage; returns how far the strongest answers are from 1, which is a template itself."""
        order = torch.randperm(len(batch["x"]), generator=torch.Generator().manual_seed(int(self.drawn)))
        shown = order[: self.n_shown].to(batch["x"].device)
        u = self.seen(batch["x"][shown])
        for before in self.stages[:i]:
            u = before(u)
        weight = batch["weight"][shown] if "weight" in batch else u.new_ones(len(u))
        stage, n_most = self.stages[i], 1 if i + 1 == len(self.stages) else None
        misfit = u.new_zeros(())
        for one, share in zip(u, weight.tolist(), strict=True):
            if share:
                stage.learn(one[None], amount=1e4 * share, n_most=n_most)  # type: ignore[operator]
                misfit += share * (1 - stage.s_layer(one[None]).amax()).clamp(min=0)  # type: ignore[operator]
        return misfit / weight.sum().clamp(min=1e-12)

    def answers(self, x: Tensor) -> Tensor:
        """How strongly each plane of the last C-cells answers, wherever it does (b, planes)."""
        parts = []
        for u in self.seen(x).split(BLOCK):
            for stage in self.stages:
                u = stage(u)
            parts.append(u.amax((2, 3)))
        return torch.cat(parts)

    def count(self, batch: Batch) -> Tensor:
        """Adds up which planes win pictures of which class; returns the rate of mistakes by what was counted so far."""
        answers, y = self.answers(batch["x"]), class_numbers(batch["y"], self.n_outputs).long()
        weight = batch["weight"] if "weight" in batch else answers.new_ones(len(y))
        won = (answers.amax(1) > 0).to(weight.dtype)
        held = torch.zeros_like(self.wins) if self._counted is None else self._counted
        self._counted = held.index_put((answers.argmax(1), y), weight * won, accumulate=True)
        return self._wrong(self._scores(answers, self._counted), batch)

    def counted(self) -> None:
        """Take the new counts in place of the old ones."""
        assert self._counted is not None
        self.wins.copy_(self._counted)
        self._counted = None

    def conclude(self, batches: Callable[[], Iterable[Batch]]) -> None:
        if not self.wins.any():
            raise SettingError(
                "model 'neocognitron' learned no template that answers: give epochs of at least "
                f"{len(self.stages) + 1}, one a stage and one to count, and no patience, a lower selectivity, or "
                "pictures with figures on an even ground"
            )

    def outputs(self, batch: Batch) -> Tensor:
        """Scores (b, n_outputs), the highest for the class; of two classes what speaks for the second, (b, 1)."""
        return self._scores(self.answers(batch["x"]), self.wins)

    def _scores(self, answers: Tensor, wins: Tensor) -> Tensor:
        shares = wins / wins.sum(1, keepdim=True).clamp(min=1e-12)
        scores = torch.stack([(answers * share).amax(1) for share in shares.T], 1)
        return scores[:, 1:] - scores[:, :1] if self.n_outputs == 1 else scores

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """The share of wrong answers."""
        loss = self._wrong(self.outputs(batch), batch)
        return {"loss": loss, "accuracy": 1 - loss}

    def _wrong(self, said: Tensor, batch: Batch) -> Tensor:
        answers = (said[:, 0] > 0).long() if self.n_outputs == 1 else said.argmax(1)
        wrong = (answers != class_numbers(batch["y"], self.n_outputs)).to(said.dtype)
        weight = batch.get("weight")
        return wrong.mean() if weight is None else (wrong * weight).sum() / weight.sum()
