"""Objectives of nets that read a row and write another: cross-entropy by what the net is given, and an adversary."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...data.text.tokenizers import PAD
from ...errors import SettingError, did_you_mean
from ...functional import unrolling
from ...functional.adversarial import critic_loss, generator_loss
from ...functional.decoding import Normalization, beam_search, coverage, greedy_search, length_divisor
from ...layers.attention import kept_weights
from ...layers.cells import GRU
from ...layers.recurrent import Recurrent, mask_of
from ...train.phase import Batch, Objective, Phase

Forcing = Literal["teacher", "free", "linear", "exponential", "inverse_sigmoid", "professor"]
NBest = list[tuple[list[int], float]]
NEVER = -float("inf")
SURE, FOOLED = 0.99, 0.75  # shares of the critic's right answers above which it rests, and below which it is not heard


class Net(Protocol):
    """Reads ids x (batch, n) and writes: all at once where what is given is known, or id by id."""

    def __call__(self, source: Tensor, given: Tensor, lengths: Tensor | None) -> Tensor: ...

    def encode(self, source: Tensor, lengths: Tensor | None) -> tuple[Any, ...]: ...

    def begin(self, *encoded: Any, n_steps: int) -> Any: ...

    def step(self, ids: Tensor, writing: Any) -> Tensor: ...


class Translation(Objective):
    """-ln p of each id of the target and of its end, given the source and what stands before; a mean over ids.

    Parameters
    ----------
    net : see `Net`; forcings other than "teacher" ask for one that runs step by step (`steps`).
    n_ids : of targets; the last ends a text, and begins it, unless `end` and `start` are others.
    smoothing : the share of each target's weight that is spread over all ids, in training alone.
    forcing : what a net is given in training in place of what it wrote: the truth ("teacher"), what it writes ("free"),
        or the truth with a probability that falls by a published law ("linear", "exponential", "inverse_sigmoid").
    decay : steps by which that probability has fallen: to 0 for "linear" (slope 1 / decay), to 1/e for "exponential",
        to 1/2 at decay ln(decay) for "inverse_sigmoid".

    Systems: seq2seq-rnn, teacher-forcing, scheduled-sampling, free-running
    Source: Hifny eqs. 11.20 and 11.4.3 (A11.15, A11.27); Martinez-Ramon eq. 5.47, where |S| is the number of pairs, not
    the length of a source; Jaiswal 4.5; Bengio et al. 2015.
    """

    probabilistic = False
    gone: Tensor

    def __init__(
        self, net: nn.Module, n_ids: int, *, smoothing: float = 0.0, forcing: str = "teacher", decay: float = 1000.0,
        start: int | None = None, end: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if forcing not in get_args(Forcing):
            raise SettingError(f"forcing={forcing!r}; {did_you_mean(forcing, get_args(Forcing))}")
        if forcing != "teacher" and not hasattr(net, "steps"):
            raise SettingError(f"forcing={forcing!r} is for recurrent nets; this one is given the truth ('teacher')")
        if not 0 <= smoothing < 1 or decay < 1:
            raise SettingError(f"smoothing is in [0, 1) and decay at least 1; got {smoothing} and {decay}")
        self.model, self.end = net, n_ids - 1 if end is None else end
        self.start = self.end if start is None else start
        self.smoothing, self.forcing, self.decay = smoothing, forcing, decay
        self.register_buffer("gone", torch.zeros((), dtype=torch.int64))  # steps of training

    @property
    def net(self) -> Net:
        """The net, as what it can do."""
        return cast(Net, self.model)

    def phases(self) -> Sequence[Phase]:
        return [Phase("fit", self.mean_loss, self.model.parameters(), after=self._count)]

    def _count(self) -> None:
        self.gone += 1

    # --- the loss ---------------------------------------------------------------------------------

    def given(self, batch: Batch) -> Tensor:
        """What stands before each id of the target: (batch, longest + 1)."""
        return F.pad(batch["y"], (1, 0), value=self.start)

    def due(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The ids to write, an end behind each row, and which of them count: (batch, longest + 1) both."""
        sizes = batch["y_lengths"][:, None]
        y = F.pad(batch["y"], (0, 1), value=PAD).scatter(1, sizes, self.end)
        return y, torch.arange(y.shape[1], device=y.device) <= sizes

    def outputs(self, batch: Batch) -> Tensor:
        """Scores of ids (batch, longest + 1, n_ids), each after the true ones before it."""
        return self.net(batch["x"], self.given(batch), batch.get("lengths"))

    def truth(self) -> float:
        """How likely the net is given the truth at this step of training."""
        i, k = float(self.gone), self.decay
        match self.forcing:
            case "linear":
                return unrolling.linear_decay(i, slope=1 / k)
            case "exponential":
                return unrolling.exponential_decay(i, k=float(torch.tensor(-1 / k).exp()))
            case "inverse_sigmoid":
                return unrolling.inverse_sigmoid_decay(i, k=k)
        return 0.0 if self.forcing == "free" else 1.0

    def trained(self, batch: Batch) -> Tensor:
        """Scores of ids as training has them: by what `forcing` gives the net."""
        if self.forcing in ("teacher", "professor"):
            return self.outputs(batch)
        return self.ran(batch, self.truth())[0]

    def ran(self, batch: Batch, p: float) -> tuple[Tensor, Tensor]:
        """Scores and states of a run that is given the truth with probability p, else an id drawn from its scores."""
        net: Any = self.model
        y, _ = self.due(batch)
        first = torch.full_like(y[:, 0], self.start)

        def fed(output: tuple[Tensor, Tensor]) -> Tensor:
            return torch.multinomial(output[0].detach().softmax(-1), 1)[:, 0]

        step, state = net.steps(*net.encode(batch["x"], batch.get("lengths")))
        if p == 1:
            found = unrolling.teacher_forced(step, first, y, state)
        elif p == 0:
            found = unrolling.free_running(step, first, state, y.shape[1], fed)
        else:
            coins = torch.rand(y.shape, device=y.device)
            found = unrolling.scheduled_sampling(step, first, y, state, p, coins, fed)
        scores, states = (torch.stack(parts, 1) for parts in zip(*found, strict=True))
        return scores, states

    def row_losses(self, batch: Batch, *, training: bool = False) -> Tensor:
        """-ln p(target | source) of each row (batch,), smoothed and forced where it is for training."""
        scores = self.trained(batch) if training else self.outputs(batch)
        return self._summed(scores, batch, self.smoothing if training else 0.0)

    def _summed(self, scores: Tensor, batch: Batch, smoothing: float) -> Tensor:
        y, counted = self.due(batch)
        each = F.cross_entropy(scores.flatten(0, 1), y.flatten(), reduction="none", label_smoothing=smoothing)
        return (each.view_as(y) * counted).sum(1)

    def weight(self, batch: Batch) -> float | Tensor:
        sizes = batch["y_lengths"] + 1
        return (sizes * batch["weight"]).sum() if "weight" in batch else sizes.sum()

    def mean_loss(self, batch: Batch) -> Tensor:
        return self.mean_of(self.row_losses(batch, training=True), batch)

    def mean_of(self, losses: Tensor, batch: Batch) -> Tensor:
        """The weighted mean over ids of losses a row."""
        losses = losses * batch["weight"] if "weight" in batch else losses
        return losses.sum() / torch.as_tensor(self.weight(batch), device=losses.device).clamp(min=1e-12)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """-ln p of an id, unsmoothed, and the share of ids that are foretold, both after the true ones."""
        scores, (y, counted) = self.outputs(batch), self.due(batch)
        right = ((scores.argmax(-1) == y) & counted).sum(1).to(scores.dtype)
        return {"loss": self.mean_of(self._summed(scores, batch, 0.0), batch), "accuracy": self.mean_of(right, batch)}

    # --- writing ----------------------------------------------------------------------------------

    def translate(
        self,
        batch: Batch,
        *,
        n_tokens: int,
        beam: int = 1,
        n_best: int = 1,
        length_penalty: float = 1.0,
        never: Sequence[int] = (PAD,),
        beside: Sequence["Translation"] = (),
        normalization: Normalization = "length",
        coverage_penalty: float = 0.0,
    ) -> list[NBest]:
        """For each row the n best targets with ln p / length^length_penalty, best first; the end counts.

        `normalization` and `coverage_penalty` are those of `beam_search`; the weights are those of this net's last
        attention to the source, a mean over heads, and of several nets those of the first. A beam of 1 takes the
        likeliest id each time. `beside` are objectives of the same ids, whose probabilities are averaged with these.

        Systems: deep-lstm-seq2seq, transformer-nmt
        Source: Sutskever et al. 2014 (ensembles); Martinez-Ramon 5.7.6.
        """
        if beam < 1 or not 1 <= n_best <= beam:
            raise SettingError(f"beam is at least 1 and n_best from 1 to the beam; got {beam} and {n_best}")
        nets = [self.net, *(other.net for other in beside)]
        if coverage_penalty:
            if beam == 1:
                raise SettingError("a coverage penalty chooses among the texts of a beam; give a beam of 2 or more")
            with looked_at(self.model) as newest:
                return self._searched(
                    Seeing(nets, batch, n_tokens, never, start=self.start, end=self.end, newest=newest),
                    beam=beam, n_tokens=n_tokens, length_penalty=length_penalty, n_best=n_best,
                    normalization=normalization, coverage_penalty=coverage_penalty,
                )  # fmt: skip
        writer = Written(nets, batch, n_tokens, never, start=self.start, end=self.end)
        if beam > 1:
            return self._searched(
                writer, beam=beam, n_tokens=n_tokens, length_penalty=length_penalty, n_best=n_best,
                normalization=normalization,
            )  # fmt: skip
        ids = greedy_search(writer.first, writer, n_tokens=n_tokens, end=self.end)
        return [[best] for best in writer.scored(ids, lambda n: length_divisor(n, length_penalty, normalization))]

    def _searched(self, writer: "Written", **settings: Any) -> list[NBest]:
        return beam_search(writer.first, writer, end=self.end, **settings)


class Written:
    """Nets that have read a batch and write it together: `first` and `step` give scores, of several nets ln p."""

    def __init__(
        self, nets: Sequence[Net], batch: Batch, n_steps: int, never: Sequence[int], *, start: int, end: int
    ) -> None:
        self.nets, self.end, self.never = nets, end, list(never)
        x, lengths = batch["x"], batch.get("lengths")
        self.under = [net.begin(*net.encode(x, lengths), n_steps=n_steps) for net in nets]
        self.first = self._asked(torch.full((len(x),), start, device=x.device))
        self.last: Tensor | None = self.first  # the newest scores, while rows stay in their places
        self.taken: list[Tensor] = []  # ln p of the ids that were taken

    def _asked(self, ids: Tensor) -> Tensor:
        each = []
        for net, writing in zip(self.nets, self.under, strict=True):
            scores = net.step(ids, writing).clone()
            scores[:, self.never] = NEVER
            each.append(scores)
        if len(each) == 1:
            return each[0]
        return torch.stack([scores.log_softmax(-1) for scores in each]).logsumexp(0) - math.log(len(each))

    def step(self, ids: Tensor) -> Tensor:
        found = self._asked(ids)
        if self.last is not None:
            self.taken.append(gained(self.last, ids))
            self.last = found
        return found

    def select(self, rows: Tensor) -> None:
        """Keep these rows."""
        self.last = None
        for writing in self.under:
            writing.select(rows)

    def scored(self, ids: Tensor, divisor: Callable[[int], float]) -> list[tuple[list[int], float]]:
        """Greedy rows up to their ends, with their scores."""
        assert self.last is not None
        log_p = torch.stack([*self.taken, gained(self.last, ids[:, -1])], 1).cpu()
        found = []
        for row, each in zip(ids.tolist(), log_p, strict=True):
            n = row.index(self.end) + 1 if self.end in row else len(row)
            found.append((row[:n], float(each[:n].sum()) / divisor(n)))
        return found


class Seeing(Written):
    """The same, which knows what the first net looked at; `newest` gives its weights (rows, n) of the newest step."""

    def __init__(self, *given: Any, newest: Callable[[], Tensor], **named: Any) -> None:
        super().__init__(*given, **named)
        batch, self.newest = given[1], newest
        x, lengths = batch["x"], batch.get("lengths")
        ends = torch.full((len(x),), x.shape[1], device=x.device) if lengths is None else lengths
        self.heard = torch.arange(x.shape[1], device=x.device) < ends[:, None]
        self.looked = newest()

    def step(self, ids: Tensor) -> Tensor:
        found = super().step(ids)
        self.looked = self.looked + self.newest()
        return found

    def select(self, rows: Tensor) -> None:
        super().select(rows)
        self.looked, self.heard = self.looked[rows], self.heard[rows]

    def covered(self) -> Tensor:
        """`coverage` of each row (rows,), the newest step's weights included."""
        return coverage(self.looked, self.heard)


@contextmanager
def looked_at(net: Any) -> Iterator[Callable[[], Tensor]]:
    """A function that gives the weights (rows, n) by which `net` looked at its source in its newest step.

    Raises
    ------
    SettingError : the net has no attention to its source.
    """
    if hasattr(net, "kept"):
        net.kept = []
        try:
            yield lambda: net.kept.pop()
        finally:
            net.kept = None
        return
    with kept_weights(net) as kept:
        crossed = [name for name in kept if name.endswith("cross")]
        if not crossed:
            raise SettingError("no attention to its source here; 'transformer', 'rnnsearch' and 'conv_s2s' have")

        def newest() -> Tensor:
            found = kept[crossed[-1]].pop().mean(1).flatten(0, 1)
            for held in kept.values():
                held.clear()
            return found

        yield newest


def gained(scores: Tensor, ids: Tensor) -> Tensor:
    """ln p of one id a row (rows,) float64."""
    return scores.double().log_softmax(-1).gather(1, ids[:, None])[:, 0]


class ProfessorForcing(Translation):
    """A second player tells runs that are given the truth from runs that are given what the net wrote.

        C_d = -E ln D(B_teacher) - E ln(1 - D(B_free)),  the net: -ln p + strength (-E ln D(B_free)),
        B = the states and the probabilities at every step

    As published the critic rests while it is right in more than 99 % of rows, and the net does not listen to it while
    it is right in fewer than 75 %. The halves of `functional.adversarial` are undone.

    Systems: professor-forcing
    Source: Lamb et al. 2016; Jaiswal 4.5.1 (J106), which names it without a loss.
    """

    def __init__(
        self, net: nn.Module, n_ids: int, *, smoothing: float = 0.0, strength: float = 1.0, width: int = 32
    ) -> None:
        super().__init__(net, n_ids, smoothing=smoothing, forcing="professor")
        hidden: int = net.hidden  # type: ignore[assignment]
        self.strength = strength
        self.critic = Critic(hidden + n_ids, width)

    def phases(self) -> Sequence[Phase]:
        return [
            Phase("fit", self.deceive, self.model.parameters(), after=self._count),
            Phase("critic", self.criticise, self.critic.parameters()),
        ]

    def behaviours(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """What the net does given the truth and left alone (batch, time, hidden + n_ids), and the first's scores."""
        forced, free = self.ran(batch, 1.0), self.ran(batch, 0.0)
        one, other = (torch.cat([states, scores.softmax(-1)], -1) for scores, states in (forced, free))
        return one, other, forced[0]

    def judged(self, batch: Batch, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The critic's logits of both, (batch,), and the share that it has right."""
        sizes = batch["y_lengths"] + 1
        real, fake = self.critic(one, sizes), self.critic(other, sizes)
        return real, fake, ((real > 0).float().mean() + (fake <= 0).float().mean()) / 2

    def deceive(self, batch: Batch) -> Tensor:
        """The net's loss."""
        one, other, scores = self.behaviours(batch)
        loss = self.mean_of(self._summed(scores, batch, self.smoothing), batch)
        _, fake, right = self.judged(batch, one.detach(), other)
        return loss + self.strength * (right > FOOLED) * generator_loss("nonsaturating", fake)

    def criticise(self, batch: Batch) -> Tensor:
        """The critic's loss."""
        with torch.no_grad():
            one, other, _ = self.behaviours(batch)
        real, fake, right = self.judged(batch, one, other)
        return 2 * critic_loss("nonsaturating", real, fake) * (right <= SURE)


class Critic(nn.Module):
    """A row of steps (batch, time, n_inputs) and its length -> one logit (batch,): a GRU both ways, and two layers."""

    def __init__(self, n_inputs: int, width: int) -> None:
        super().__init__()
        self.body = Recurrent(GRU, n_inputs, [width], bidirectional=True)
        self.head = nn.Sequential(nn.Linear(self.body.width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        inside = cast(Tensor, mask_of(x, lengths))
        return self.head(self.body.run(x * inside, lengths)[1])[:, 0]
