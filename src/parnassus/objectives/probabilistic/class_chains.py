"""Classifiers that have a hidden Markov chain a class: each made likely, or all made to tell the classes apart."""

import copy
import math
import warnings
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ...errors import DataWarning, SettingError
from ...functional.discriminative import (
    Accumulated,
    expected_accuracy,
    extended_baum_welch,
    extended_weights,
    least_smoothing,
    mce,
    mmi,
)
from ...layers.emissions import LEAST, Categorical, Emissions, Gaussian, Mixture
from ...train.phase import Batch, Objective, Phase
from .baum_welch import BaumWelch, unpadded
from .generative import class_numbers, class_scores, measured

Criterion = Literal["ml", "mmi", "mpe", "mce"]
FACTOR = 2.0  # E: the constant D is at least this times the rivals' counts
BOLDER = 0.8  # what E is multiplied by where a step did no harm
LARGEST = 1e6  # of E: steps have become too small to be worth one
NOWHERE = -1e300  # the score of a class that training has no row of


class ClassChains(Objective):
    """A chain of states for each class and how often each class occurs; Bayes' rule decides.

        ln P(class | x) = ln P(class) + ln p(x | class) - ln sum over all classes

    "ml" makes each class's own sequences likely, by Baum-Welch in all classes at once. The others start there, after
    `n_em_steps`, and raise what tells the right class from its rivals: "mmi" its log posterior, "mpe" its posterior
    (the expected accuracy), "mce" one minus a smoothed count of errors. Slopes of the criterion by a class's log
    likelihood are what its sequences count: those above 0 (for "mmi" those of the right class) make the numerators of
    extended Baum-Welch, the others the denominators. A step that lowers the criterion is taken back, and E
    of D doubled; after a step that does not it is made less again, down to 2.

    The loss is minus the mean log likelihood a sequence for "ml", else minus the criterion. Two classes have one
    output, their log-odds.

    Systems: asr-map-decision, mmi-training, extended-baum-welch, mpe-criteria
    Source: Hifny A13.16, A13.23 to A13.26; Povey 2003 for criteria other than MMI.
    """

    full_batch = True
    epochs = 100

    def __init__(
        self,
        chains: Sequence[BaumWelch],
        n_outputs: int,
        *,
        criterion: Criterion = "ml",
        n_em_steps: int = 20,
        scale: float = 1.0,
        slope: float = 1.0,
        tol: float = 1e-4,
    ) -> None:
        super().__init__()
        self.chains = torch.nn.ModuleList(chains)
        self.n_outputs, self.criterion = n_outputs, criterion
        self.n_em_steps, self.scale, self.slope, self.tol = n_em_steps, scale, slope, tol
        if criterion != "ml":
            self.trial = copy.deepcopy(self.chains)
        for chain in chains:
            chain.quiet = True
        n_classes = len(chains)
        prior = torch.full((n_classes,), -math.log(n_classes), dtype=torch.float64)
        for name, value in {
            "log_prior": prior,
            "reached": torch.tensor(-math.inf, dtype=torch.float64),
            "factor": torch.tensor(FACTOR, dtype=torch.float64),
            "n_em": torch.tensor(0),
            "turned": torch.tensor(False),
            "restored": torch.tensor(False),
        }.items():
            self.register_buffer(name, value)
        self._clear()

    log_prior: Tensor
    reached: Tensor  # the criterion of `chains`, of which `trial` is a step that is being looked at
    factor: Tensor  # E
    n_em: Tensor
    turned: Tensor  # whether the chains are as likely as they are to be, and the criterion is raised
    restored: Tensor  # whether the trial is no step: the last one was taken back

    def _clear(self) -> None:
        self._counts = torch.zeros(len(self.chains), dtype=torch.float64)
        self._value = 0.0
        self._sums: dict[tuple[int, bool], list[Tensor]] = {}

    @property
    def repairs(self) -> list[str]:
        """What EM had to repair, each with its class: states without frames, variances at the floor."""
        return [f"class number {n}, {words}" for n, chain in enumerate(self.chains) for words in chain.repairs]  # type: ignore[union-attr]

    @property
    def _n_lost(self) -> int:
        return sum("no frames" in words for words in self.repairs)

    # --- the game ---------------------------------------------------------------------------------

    def begin(self, batch: Batch) -> None:
        """Each chain's start from its class's sequences; floors and priors from those of all."""
        batch = with_lengths(batch)
        classes = class_numbers(batch["y"], self.n_outputs)
        for number, chain in enumerate(self.chains):
            own = classes == number
            own = own if bool(own.any()) else torch.ones_like(own)
            others = part_of(batch, ~own)
            chain.begin(part_of(batch, own), unpadded(others["x"], others["lengths"]))  # type: ignore[operator]

    def phases(self) -> Sequence[Phase]:
        return [Phase("chains", self.add, after=self.advance)]

    def add(self, batch: Batch) -> Tensor:
        """The loss of these rows so far; adds what they say to the sums."""
        batch = with_lengths(batch)
        if "weight" in batch and not bool((batch["weight"] > 0).all()):
            batch = part_of(batch, batch["weight"] > 0)
        classes = class_numbers(batch["y"], self.n_outputs)
        weight = row_weights(batch)
        self._counts = self._counts.to(weight.device).index_add(0, classes, weight)
        if bool(self.turned):
            return self._add_rivals(batch, classes, weight)
        likelihood = self._add_own(batch, classes)
        if self.criterion == "ml":
            return -likelihood / weight.sum()
        return -(self.values(self.scaled_joint(self.chains, batch), classes) * weight).sum() / weight.sum()

    def _add_own(self, batch: Batch, classes: Tensor) -> Tensor:
        """Each chain's counts of its class's sequences; the log likelihood of all."""
        total = self.log_prior.new_zeros(())
        for number, chain in enumerate(self.chains):
            own = part_of(batch, classes == number)
            if len(own["x"]):
                total = total - chain.expect(own) * chain.weight(own)  # type: ignore[operator]
        return total

    def _add_rivals(self, batch: Batch, classes: Tensor, weight: Tensor) -> Tensor:
        """The trial's counts for and against each class; minus the criterion."""
        joint = self.scaled_joint(self.trial, batch)
        found = self.occupancies(joint, classes)
        for number, chain in enumerate(self.trial):
            for against, share in enumerate((found.numerator[:, number], found.denominator[:, number])):
                rows = share > LEAST
                if not bool(rows.any()):
                    continue
                own = part_of(batch, rows) | {"weight": (share * weight)[rows]}
                sums, at = chain.counted(own).sums, (number, bool(against))  # type: ignore[operator]
                held = self._sums.get(at)
                self._sums[at] = sums if held is None else [a + b for a, b in zip(held, sums, strict=True)]
        value = (found.values * weight).sum()
        self._value += float(value)
        return -value / weight.sum()

    def advance(self) -> None:
        """The M step of all chains, or a step of the criterion."""
        if bool(self.turned):
            self._step()
        else:
            self._maximise()
        self._clear()

    def _maximise(self) -> None:
        ended, before = True, self._n_lost
        for number, chain in enumerate(self.chains):
            if self._counts[number] > 0:
                chain.maximize()  # type: ignore[operator]
                ended &= bool(chain.finished)
        if self._n_lost > before == 0:
            warnings.warn(
                "states of some classes lost all their frames and were put elsewhere (objective_.repairs says which); "
                "fewer states, or a larger emission_prior, would do",
                DataWarning,
                stacklevel=2,
            )
        self.log_prior.copy_(self._counts.log() - self._counts.sum().log())
        self.n_em.add_(1)
        if self.criterion == "ml":
            self.finished = ended
        elif ended or self.n_em >= self.n_em_steps:
            self.trial.load_state_dict(self.chains.state_dict())
            self.turned.fill_(True)

    def _step(self) -> None:
        """Keep the trial where the criterion did not fall, and take the next; else go back, and with a larger D."""
        value = self._value / float(self._counts.sum())
        gained = value - float(self.reached)
        if not gained >= -1e-12:
            self.trial.load_state_dict(self.chains.state_dict())
            self.factor.mul_(2)
            self.restored.fill_(True)
            self.finished = bool(self.factor > LARGEST)
            return
        self.finished = gained < self.tol and not bool(self.restored)
        self.chains.load_state_dict(self.trial.state_dict())
        self.reached.fill_(max(value, float(self.reached)))
        if not self.restored:
            self.factor.mul_(BOLDER).clamp_(min=FACTOR)
        self.restored.fill_(False)
        for number, chain in enumerate(self.trial):
            numerator, denominator = self._sums.get((number, False)), self._sums.get((number, True))
            some = numerator or denominator
            if some is not None:
                nothing = [torch.zeros_like(s) for s in some]
                raise_chain(chain, numerator or nothing, denominator or nothing, factor=float(self.factor))  # type: ignore[arg-type]

    # --- the criterion ----------------------------------------------------------------------------

    def values(self, log_joint: Tensor, classes: Tensor) -> Tensor:
        """The criterion of each sequence (n,), to be raised."""
        if self.criterion == "mpe":
            return expected_accuracy(log_joint, torch.nn.functional.one_hot(classes, len(self.chains)).to(log_joint))
        if self.criterion == "mce":
            return -mce(log_joint, classes, slope=self.slope)
        return mmi(log_joint, classes)

    def occupancies(self, log_joint: Tensor, classes: Tensor) -> "Occupancies":
        """Of each sequence the criterion, and what it counts for and against each class."""
        if self.criterion == "mmi":
            own = torch.nn.functional.one_hot(classes, len(self.chains)).to(log_joint)
            return Occupancies(self.values(log_joint, classes), own, log_joint.softmax(1))
        with torch.enable_grad():
            given = log_joint.clone().requires_grad_()
            values = self.values(given, classes)
            (slopes,) = torch.autograd.grad(values.sum(), given)
        return Occupancies(values.detach(), slopes.clamp(min=0), (-slopes).clamp(min=0))

    def scaled_joint(self, chains: torch.nn.ModuleList, batch: Batch) -> Tensor:
        """ln P(class) + scale ln p(x | class) (n, classes)."""
        found = torch.stack([chain.outputs(batch) for chain in chains], 1)  # type: ignore[operator]
        return (self.scale * found + self.log_prior).nan_to_num(nan=NOWHERE, neginf=NOWHERE)

    # --- what it says -----------------------------------------------------------------------------

    def log_joint(self, batch: Batch) -> Tensor:
        """ln P(class) + ln p(x | class) (n, classes), float64; classes without rows get the lowest number."""
        batch = with_lengths(batch)
        found = torch.stack([chain.outputs(batch) for chain in self.chains], 1)  # type: ignore[operator]
        return (found + self.log_prior).nan_to_num(nan=NOWHERE, neginf=NOWHERE)

    def outputs(self, batch: Batch) -> Tensor:
        return class_scores(self.log_joint(batch), self.n_outputs)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return measured(self.log_joint(batch), batch, self.n_outputs)


class Occupancies(NamedTuple):
    """A criterion (n,), and what each sequence counts for and against each class (n, classes)."""

    values: Tensor
    numerator: Tensor
    denominator: Tensor


def with_lengths(batch: Batch) -> Batch:
    """The batch with `lengths`: whole rows where it says none."""
    if "lengths" in batch:
        return batch
    x = batch["x"]
    return batch | {"lengths": torch.full((len(x),), x.shape[1], device=x.device)}


def part_of(batch: Batch, rows: Tensor) -> Batch:
    """The rows (n,) of what chains take of a batch."""
    return {name: batch[name][rows] for name in ("x", "y", "lengths", "weight") if name in batch}


def row_weights(batch: Batch) -> Tensor:
    """What each sequence counts (n,), float64."""
    x = batch["x"]
    return batch["weight"].double() if "weight" in batch else torch.ones(len(x), dtype=torch.float64, device=x.device)


def raise_chain(chain: BaumWelch, numerator: list[Tensor], denominator: list[Tensor], *, factor: float) -> None:
    """Set a chain to what extended Baum-Welch makes of the sums for and against it."""
    chain.start.copy_(raised_rows(chain.start[None], numerator[0][None], denominator[0][None], factor=factor)[0])
    chain.transitions.copy_(raised_rows(chain.transitions, numerator[1], denominator[1], factor=factor))
    raise_emissions(chain.emissions, numerator[3:], denominator[3:], factor=factor)


def raised_rows(weights: Tensor, numerator: Tensor, denominator: Tensor, *, factor: float) -> Tensor:
    """Rows of probabilities after a step; D is at least `factor` times the largest row's count against it."""
    smoothing = max(factor * float(denominator.sum(-1).max()), LEAST)
    return extended_weights(weights, numerator, denominator, smoothing=smoothing)


def raise_emissions(emissions: Emissions, numerator: list[Tensor], denominator: list[Tensor], *, factor: float) -> None:
    """Set emissions to what extended Baum-Welch makes of the sums for and against them."""
    if isinstance(emissions, Categorical):
        emissions.probabilities.copy_(raised_rows(emissions.probabilities, numerator[0], denominator[0], factor=factor))
        return
    if isinstance(emissions, Mixture):
        shape = emissions.weights.shape
        counts = numerator[0].view(shape), denominator[0].view(shape)
        emissions.weights.copy_(raised_rows(emissions.weights, *counts, factor=factor))
        emissions = emissions.gaussians
    if not isinstance(emissions, Gaussian) or emissions.covariance != "diagonal":
        raise SettingError(f"extended Baum-Welch is for diagonal Gaussians and symbols; got {type(emissions).__name__}")
    means, variances = emissions.means - emissions.centre, emissions.covariances
    own, rivals = accumulated(numerator), accumulated(denominator)
    difference = accumulated([a - b for a, b in zip(own, rivals, strict=True)])
    least = least_smoothing(means, variances, difference)
    smoothing = torch.maximum(2 * least, (factor * rivals[0]).clamp(min=LEAST))
    found = extended_baum_welch(means, variances, own, rivals, smoothing=smoothing)
    emissions.means.copy_(found.means + emissions.centre)
    emissions.covariances.copy_(found.variances.clamp(min=emissions.least))


def accumulated(sums: Sequence[Tensor]) -> Accumulated:
    """Counts, sums and sums of squares of a Gaussian's frames."""
    counts, first, second = sums
    return counts, first, second
