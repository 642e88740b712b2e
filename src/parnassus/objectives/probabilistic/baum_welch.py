"""Hidden Markov models by expectation and maximisation."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from ...errors import DataWarning, Diverged, SettingError
from ...functional.chains import Chain, best_paths, expectations
from ...imports import imported
from ...layers.emissions import LEAST, Emissions, Gaussian
from ...train.distributed import ALONE, Ranks
from ...train.phase import Batch, Objective, Phase
from .em import added, dealt, lowest_of
from .impossible_paths import refuse_impossible

Algorithm = Literal["baum_welch", "viterbi"]
SLACK = 1e-8  # of the log likelihood: what rounding may take from it in a step
RESEEDS = 3  # times that a state may be put elsewhere
ROUNDS = 3  # of alignment and estimation, before EM, that the segmental start takes


class Counted(NamedTuple):
    """log p of each sequence (n,), weighted gamma and log b (frames, K), and the sums that an M step is made from."""

    log_probs: Tensor
    gamma: Tensor
    logs: Tensor
    sums: list[Tensor]


class BaumWelch(Objective):
    """A chain of states and what they emit, made more likely by each step; all sequences count.

    A step adds up expected counts over every batch of the window (gamma, xi and the emissions' sums), and `after` sets

        a_ij = sum xi(i, j) / sum gamma(i);   a_i,exit = sum gamma_T(i) / sum gamma(i);   a_entry,j = mean gamma_1(j)

    With `algorithm="viterbi"` the counts are those of the best paths. Transitions that are 0 stay 0. The loss is minus
    the log likelihood a frame, before the step; it ends when a step gains less than `tol` a frame.

    Parameters
    ----------
    chain : first probabilities; `leave` is used where `entry_exit` is True.
    emissions : the densities of the states.
    entry_exit : whether a sequence must end by the exit state; otherwise it may end in any.
    tied : for each state the density it shares, such as (0, 1, 1); None gives each its own.
    prior : a count added to each possible transition and each possible first state.
    start : "segmental" aligns and estimates three times before EM, "labels" takes the first guess as it is.
    y : where batches have `states` (batch, time), known states are held, and -1 is unknown.

    Raises
    ------
    DataError : a sequence that no path explains, named with its step.
    Diverged : the likelihood fell.

    Systems: hmm, baum-welch
    Source: Hifny A13.22, eqs 13.85 to 13.98, with the exit and all utterances (F36); Rabiner 1989.
    """

    full_batch = True
    epochs = 100
    ranks: Ranks = ALONE  # among whom the sequences are dealt out

    def __init__(
        self,
        chain: Chain,
        emissions: Emissions,
        *,
        entry_exit: bool = False,
        tied: tuple[int, ...] | None = None,
        algorithm: Algorithm = "baum_welch",
        prior: float = 0.0,
        tol: float = 1e-6,
        start: Literal["segmental", "labels"] = "segmental",
    ) -> None:
        super().__init__()
        self.emissions, self.entry_exit = emissions, entry_exit
        self.algorithm, self.prior, self.tol = algorithm, prior, tol
        self.first_guess = start
        self.given: dict[str, Tensor] = {}
        self.tied = tied
        if tied is not None and (len(tied) != chain.n_states or set(tied) != set(range(emissions.n_states))):
            raise SettingError(
                f"tied names a density 0 to {emissions.n_states - 1} for each of {chain.n_states} states; got {tied}"
            )
        self.register_buffer("start", chain.start.clone().double())
        self.register_buffer("transitions", chain.transitions.clone().double())
        self.register_buffer(
            "leave", chain.leave.clone().double() if entry_exit else torch.ones(chain.n_states).double()
        )
        self.register_buffer("previous", torch.tensor(-math.inf, dtype=torch.float64))
        self.register_buffer("reseeded", torch.zeros(emissions.n_states, dtype=torch.int64))
        self.repairs: list[str] = []
        self.quiet = False  # repairs are kept and not said: a chain that is one of many, whose owner speaks for all
        self._clear()

    start: Tensor
    transitions: Tensor
    leave: Tensor
    previous: Tensor  # log likelihood and prior before the last step; -inf where there is nothing to compare with
    reseeded: Tensor

    @property
    def n_states(self) -> int:
        return len(self.start)

    @property
    def chain(self) -> Chain:
        """The chain as it is."""
        return Chain(self.start, self.transitions, self.leave)

    @property
    def n_parameters(self) -> int:
        """How many free numbers the model has, for BIC and AIC: transitions that are 0 are none."""
        ways = (self.transitions > 0).sum(1) + ((self.leave > 0) if self.entry_exit else 0)
        return int((self.start > 0).sum()) - 1 + int((ways - 1).sum()) + self.emissions.n_parameters

    def _clear(self) -> None:
        self._sums: list[Tensor] | None = None
        self._likelihood, self._frames, self._seen = 0.0, 0.0, 0
        self._worst: tuple[Tensor, Tensor] | None = None

    # --- the steps --------------------------------------------------------------------------------

    def phases(self) -> Sequence[Phase]:
        return [Phase("em", self.expect, after=self.maximize)]

    def weight(self, batch: Batch) -> float | Tensor:
        """Frames, each as its sequence counts."""
        counts = batch["lengths"].double()
        return float((counts * batch["weight"]).sum() if "weight" in batch else counts.sum())

    def outputs(self, batch: Batch) -> Tensor:
        """log p of each sequence (n,)."""
        logs, lengths = self.log_emissions(batch)
        return expectations(*self.chain[:2], logs, lengths, leave=self._leave).log_probs

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        weight = batch.get("weight")
        found = self.outputs(batch)
        total = found.sum() if weight is None else (found * weight).sum()
        return {"loss": -total / self.weight(batch)}

    @property
    def _leave(self) -> Tensor | None:
        return self.leave if self.entry_exit else None

    def log_emissions(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """log b (frames, K), sequences end to end, and lengths; states that are known elsewhere are impossible."""
        x = unpadded(batch["x"], batch["lengths"])
        logs = self.emissions.log_prob(x)
        logs = logs if self.tied is None else logs[:, list(self.tied)]
        if "states" in batch:
            known = unpadded(batch["states"], batch["lengths"])[:, None]
            here = torch.arange(self.n_states, device=logs.device)
            logs = logs.masked_fill((known >= 0) & (known != here), -math.inf)
        return logs, batch["lengths"]

    def expect(self, batch: Batch) -> Tensor:
        """Minus the log likelihood a frame; adds up the expected counts."""
        part, first, divided = dealt(batch, self.ranks)
        log_probs, sums = counted_at_once(self, part) or self._in_turn(part, self._seen + first)
        total = (log_probs * part["weight"].double() if "weight" in part else log_probs).sum()
        told = torch.stack([total, total.new_tensor(float(self.weight(part)))])
        told, *sums = added(self.ranks, [told, *sums]) if divided else [told, *sums]
        self._sums = sums if self._sums is None else [a + b for a, b in zip(self._sums, sums, strict=True)]
        self._likelihood, self._frames = self._likelihood + float(told[0]), self._frames + float(told[1])
        self._seen += len(batch["lengths"])
        return -told[0] / told[1]

    def _in_turn(self, batch: Batch, first: int) -> tuple[Tensor, list[Tensor]]:
        """log p and the sums by emissions, chain and statistics; refuses what is impossible, and notes the worst."""
        found, lengths = self.counted(batch), batch["lengths"]
        refuse_impossible(self.chain, found.logs, lengths, found.log_probs, first=first)
        if bool((found.gamma.sum(0) <= LEAST).any()):
            self._remember_worst(unpadded(batch["x"], lengths), found.logs)
        return found.log_probs, found.sums

    def counted(self, batch: Batch) -> Counted:
        """What a batch adds: counts of first states, of transitions and of last states, and the emissions' sums."""
        logs, lengths = self.log_emissions(batch)
        weight = batch["weight"].double() if "weight" in batch else logs.new_ones(len(lengths))
        log_probs, gamma, xi = self._counts(logs, lengths, weight)
        ends = lengths.cumsum(0)
        own = self.emissions.statistics(unpadded(batch["x"], lengths), self._pooled(gamma))
        return Counted(log_probs, gamma, logs, [gamma[ends - lengths].sum(0), xi, gamma[ends - 1].sum(0), *own])

    def _counts(self, logs: Tensor, lengths: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self.algorithm == "baum_welch":
            return expectations(*self.chain[:2], logs, lengths, leave=self._leave, weight=weight)
        paths, scores = best_paths(*self.chain[:2], logs, lengths, leave=self._leave)
        return scores, *path_counts(paths, lengths, weight, n_states=self.n_states)

    def _pooled(self, gamma: Tensor) -> Tensor:
        """gamma of densities (frames, densities) from that of states."""
        if self.tied is None:
            return gamma
        index = torch.tensor(self.tied, device=gamma.device)
        return gamma.new_zeros(len(gamma), self.emissions.n_states).index_add_(1, index, gamma)

    def _remember_worst(self, x: Tensor, logs: Tensor) -> None:
        """The frame that its best state explains least: where a state that lost its frames is put."""
        worst, at = logs.amax(1).min(0)
        if self._worst is None or bool(worst < self._worst[0]):
            self._worst = worst, x[at].clone()

    def maximize(self) -> None:
        """Set the parameters that the counts call for; look whether the likelihood rose, and whether it still does."""
        assert self._sums is not None
        first, xi, last, *own = self._sums
        reached = self._likelihood + float(self.emissions.log_prior() + self._log_prior())
        self._compare(reached)
        self._set_chain(first, xi, last)
        lost = own[0].sum(1) if own[0].ndim == 2 else own[0].view(self.emissions.n_states, -1).sum(1)
        notes = self.emissions.update(own)
        for k in (lost <= LEAST).nonzero()[:, 0].tolist():
            if self._worst is not None and self.reseeded[k] < RESEEDS:
                self.emissions.reseed(k, lowest_of(self.ranks, *self._worst))
                self.reseeded[k] += 1
                self.previous.fill_(-math.inf)
                notes.append(f"state {k}: it had no frames left and was put at the frame explained worst")
            else:
                notes.append(f"state {k}: it has no frames; fewer states would do")
        self._report(notes)
        self._clear()

    def _compare(self, reached: float) -> None:
        before = float(self.previous)
        if reached < before - SLACK * max(abs(before), 1.0) - 1e-9:
            raise Diverged(
                f"the log likelihood fell from {before:.10g} to {reached:.10g} in a step of EM, which only raises it; "
                "the emissions' M step does not fit their log_prob, or numbers are too large: standardise the features"
            )
        self.finished = self.tol > 0 and reached - before < self.tol * self._frames
        self.previous.fill_(reached)

    def _set_chain(self, first: Tensor, xi: Tensor, last: Tensor) -> None:
        first = torch.where(self.start > 0, first + self.prior, 0.0)
        self.start.copy_(first / first.sum())
        counts = torch.where(self.transitions > 0, xi + self.prior, 0.0)
        ends = torch.where(self.leave > 0, last + self.prior, 0.0) if self.entry_exit else torch.zeros_like(last)
        total = counts.sum(1) + ends
        seen = total > LEAST
        share = 1 / total.clamp(min=LEAST)
        self.transitions.copy_(torch.where(seen[:, None], counts * share[:, None], self.transitions))
        if self.entry_exit:
            self.leave.copy_(torch.where(seen, ends * share, self.leave))

    def _log_prior(self) -> Tensor:
        if not self.prior:
            return self.start.new_zeros(())
        parts = [self.start, self.transitions] + ([self.leave] if self.entry_exit else [])
        return self.prior * sum(p[p > 0].log().sum() for p in parts)  # type: ignore[return-value]

    def _report(self, notes: list[str]) -> None:
        """Warn once, when the first states are repaired; all repairs are kept in `repairs`."""
        if notes and not self.repairs and not self.quiet:
            more = f" (and {len(notes) - 1} more states: `repairs` says which)" if len(notes) > 1 else ""
            warnings.warn(f"EM repaired {notes[0]}{more}", DataWarning, stacklevel=2)
        self.repairs += notes

    # --- the start --------------------------------------------------------------------------------

    def begin(self, batch: Batch, others: Tensor | None = None) -> None:
        """A first guess of each frame's state, known states held; then a few rounds of aligning and estimating.

        `others` (frames, ...) belong to no state here, and count in what the floor and the prior are made from.
        """
        x, lengths = unpadded(batch["x"], batch["lengths"]), batch["lengths"]
        known = unpadded(batch["states"], lengths) if "states" in batch else None
        placed = bool({"means", "probabilities"} & self.given.keys())
        ordered = bool((self.transitions.tril(-1) == 0).all()) and self.n_states > 1
        states = cut_evenly(lengths, self.n_states) if ordered or placed else grouped(x, self.n_states, known)
        states = states if known is None else torch.where(known >= 0, known, states)
        gamma = self._pooled(torch.nn.functional.one_hot(states, self.n_states).double())
        if others is not None:
            gamma = torch.nn.functional.pad(gamma, (0, 0, 0, len(others)))
        self.emissions.begin(x if others is None else torch.cat([x, others]), gamma)
        self._take_given()
        for _ in range(ROUNDS if self.first_guess == "segmental" and not placed else 0):
            logs, _ = self.log_emissions(batch)
            paths, scores = best_paths(*self.chain[:2], logs, lengths, leave=self._leave)
            if not bool(scores.isfinite().all()):
                return  # the first step says which sequence it is
            gamma, _ = path_counts(paths, lengths, logs.new_ones(len(lengths)), n_states=self.n_states)
            self.emissions.update(self.emissions.statistics(x, self._pooled(gamma)))
        self._take_given()

    def begin_with(self, given: Mapping[str, Any]) -> None:
        """Take these first parameters, by the names of `state_dict`, in place of a first guess from data."""
        own = self.state_dict()
        names = {name.rpartition(".")[2]: name for name in own}
        for key, value in given.items():
            if key not in names:
                raise SettingError(f"initial has no {key!r}; it may have {', '.join(sorted(names))}")
            held = own[names[key]]
            new = torch.as_tensor(value, dtype=held.dtype)
            new = shared_by_all(new, held, self.emissions) if key == "covariances" else new
            if new.shape != held.shape:
                raise SettingError(f"initial {key!r} has shape {tuple(new.shape)}; expected {tuple(held.shape)}")
            refuse_no_probabilities(key, new, exits=self.entry_exit)
            self.given[key] = new
        self._take_given()

    def _take_given(self) -> None:
        for name, held in self.state_dict().items():
            held.copy_(self.given.get(name.rpartition(".")[2], held))


def counted_at_once(model: BaumWelch, batch: Batch) -> tuple[Tensor, list[Tensor]] | None:
    """log p and the sums by one loop over the frames; None where there is none, or a state lost its frames."""
    if model.algorithm != "baum_welch" or model.tied is not None or "states" in batch:
        return None
    x, lengths = unpadded(batch["x"], batch["lengths"]), batch["lengths"]
    found = model.emissions.at_once(model.chain, x, lengths, batch.get("weight"))
    if found is None or not bool(found.log_probs.isfinite().all() & (found.moments.counts > LEAST).all()):
        return None
    return found.log_probs, [found.first, found.xi, found.last, *found.moments]


def shared_by_all(given: Tensor, held: Tensor, emissions: Emissions) -> Tensor:
    """Covariances in full where one number a state, or one matrix for all, stands for what they share."""
    how = emissions.covariance if isinstance(emissions, Gaussian) else ""
    if how == "spherical" and given.shape == held.shape[:1]:
        return given[:, None].expand(held.shape).clone()
    return given.expand(held.shape).clone() if how == "tied" and given.shape == held.shape[1:] else given


def refuse_no_probabilities(name: str, given: Tensor, *, exits: bool) -> None:
    """Refuses first parameters that are not finite, and probabilities that are negative or do not sum to 1."""
    if not bool(given.isfinite().all()):
        raise SettingError(f"initial {name!r} holds NaN or infinity")
    if name in ("start", "transitions", "leave", "weights", "probabilities"):
        low, sums = float(given.min()), given.sum(-1)
        whole = name == "leave" or bool((sums - 1).abs().max() < 1e-6)
        rest = exits and name == "transitions" and bool((sums < 1 + 1e-6).all())  # what is missing leaves by the exit
        if low < 0 or not (whole or (rest and bool((sums > 0).all()))):
            worst = float(sums.flatten()[(sums - 1).abs().flatten().argmax()]) if name != "leave" else low
            raise SettingError(
                f"initial {name!r} holds probabilities, 0 or more that sum to 1; got a sum of {worst:.6g}"
            )
    if name in ("variances", "covariances") and bool(
        (torch.diagonal(given, dim1=-2, dim2=-1) if given.ndim == 3 else given).min() <= 0
    ):
        raise SettingError(f"initial {name!r} holds variances of 0 or less")


def unpadded(x: Tensor, lengths: Tensor) -> Tensor:
    """(frames, ...) end to end from (batch, time, ...); no copy where all are equally long."""
    if bool((lengths == x.shape[1]).all()):
        return x.flatten(0, 1)
    return x[torch.arange(x.shape[1], device=x.device) < lengths[:, None]]


def path_counts(paths: Tensor, lengths: Tensor, weight: Tensor, *, n_states: int) -> tuple[Tensor, Tensor]:
    """gamma (frames, K) and the sum of xi (K, K) of paths that are certain."""
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    share = weight[owner]
    gamma = torch.nn.functional.one_hot(paths, n_states).to(weight) * share[:, None]
    inside = owner[1:] == owner[:-1]
    pairs = (paths[:-1] * n_states + paths[1:])[inside]
    xi = weight.new_zeros(n_states**2).index_add_(0, pairs, share[1:][inside])
    return gamma, xi.view(n_states, n_states)


def cut_evenly(lengths: Tensor, n_states: int) -> Tensor:
    """States in order (frames,), each for an equal share of its sequence."""
    each = lengths.repeat_interleave(lengths)
    step = torch.arange(len(each), device=each.device) - (lengths.cumsum(0) - lengths).repeat_interleave(lengths)
    return step * n_states // each


def grouped(x: Tensor, n_states: int, known: Tensor | None) -> Tensor:
    """A state for each frame (frames,): that of k-means, or of the nearest mean of known frames; symbols at random."""
    if x.ndim == 1:
        return torch.randint(n_states, (len(x),)).to(x.device)
    if known is not None and len(known[known >= 0].unique()) == n_states:
        means = torch.stack([x[known == k].mean(0) for k in range(n_states)])
        return torch.cdist(x, means).argmin(1)
    imported("sklearn.cluster")
    from sklearn.cluster import KMeans

    seed = int(torch.randint(2**31 - 1, ()))
    frames = x.cpu().numpy()
    few = frames[torch.randperm(len(x))[:20_000].numpy()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fewer distinct frames than states
        found = KMeans(min(n_states, len(few)), n_init=3, random_state=seed).fit(few).predict(frames)
    return torch.from_numpy(found).long().to(x.device)
