"""Hidden Markov models of sequences: what states there are, how they follow each other, what they emit."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from ..data.rows import Joined, Rows
from ..data.rows import batches as batches_of
from ..data.timeseries.sequences import SequenceList, Sequences, Steps
from ..errors import DataError
from ..evaluation.result import Evaluation
from ..evaluation.unsupervised import evaluate_sequences
from ..functional.chains import Chain, best_paths, drawn_path, expectations, recursions
from ..insight.states import state_figures
from ..objectives.probabilistic.baum_welch import BaumWelch
from ..objectives.probabilistic.impossible_paths import refuse_impossible
from ..train.phase import Batch
from ..train.randomness import seeded
from ..train.timetable import cuts_of
from .answers.using import EVALUATED
from .fitting.assembly import device_under, prepare
from .fitting.identity import fingerprint
from .fitting.intake import Examples, examples_of, weights_of
from .fitting.sequence_intake import (
    given_to,
    known_states,
    refuse_lost,
    refuse_named_columns,
    refuse_other_lengths,
    refuse_unless_whole,
    sequences_of,
)
from .fitting.training import Ready, threads_for
from .judging.reporting import report_on
from .protocol import fitted
from .unsupervised import Unsupervised


class Decoded(NamedTuple):
    """Paths of states and their scores log p(x, path): of one sequence, or lists of them and an array (n,)."""

    path: Any
    score: Any


def figures_of(hmm: "HMM", examples: Examples) -> dict[str, str]:
    """What a report shows: the states of the first sequence, and how states follow one another."""
    first = given_to(hmm, examples.X).X[0]
    return state_figures(first, hmm.posterior(first), hmm.chain_[1].cpu().numpy())


class HMM(Unsupervised):
    """States behind sequences, and how they follow one another: fitted by EM.

    Sequences are arrays (time, features), or symbols (time,), integers from 0 up or strings. One array is one sequence;
    several are a list, one array with `lengths=`, or a table with a row a step and `sequence=`. Settings that are None
    are those of the model.

    Parameters
    ----------
    model : "gaussian", "gmm" or "categorical"; None takes "gaussian" for arrays of numbers, "categorical" for symbols.
    sequence : of a table, the column that says which sequence a row is of; None takes all rows as one.
    time : of a table, the column that orders the rows of a sequence; None takes them as they stand.
    n_states : the number of states.
    topology : "ergodic", or "left_to_right": a state stays or goes on to the next.
    entry_exit : whether sequences begin by an entry state and must end by an exit state, neither of which emits.
    tied : for each state the density that it shares, such as (0, 1, 1).
    algorithm : "baum_welch", or "viterbi", which counts best paths alone.
    start : "segmental" aligns and estimates before EM, "labels" starts from the first guess.
    prior : a count added to each possible transition and start.
    tol : what a step must gain, in log likelihood a frame, for EM to go on.
    covariance : "diagonal", "spherical", "full" or "tied" (one for all).
    covariance_floor : the least variance, as a share of the data's mean variance.
    emission_prior : a number of frames like all frames (or a count of each symbol) added to each state's own.
    n_mixtures : Gaussians a state, of "gmm".
    initial : first parameters by name (start, transitions, leave, means, covariances, weights, probabilities), in place
        of a first guess from data; what is not named keeps its default. Covariances that are "spherical" may be
        (n_states,), and one that is "tied" (features, features).
    **training : the settings that all estimators share; see `Estimator`. `epochs` is the most EM steps, 100 if None.

    Attributes: `chain_`, `n_steps_`, `history_` (minus the log likelihood a frame), `repairs_`.

    Systems: hmm, baum-welch, viterbi
    Source: Hifny 13.4; Rabiner 1989.
    """

    options = (
        "n_states", "topology", "entry_exit", "tied", "algorithm", "start", "prior", "tol", "covariance",
        "covariance_floor", "emission_prior", "n_mixtures",
    )  # fmt: skip

    task = "hmm"  # by the rule it would be h_m_m
    learned = (*Unsupervised.learned, "columns_")
    objective_: BaumWelch
    codec_: Sequences
    columns_: list[str] | None
    _known_states: Any = None
    figures = figures_of

    def __init__(
        self, model: Any = None, *, sequence: str | None = None, time: str | None = None, n_states: int | None = None,
        topology: str | None = None, entry_exit: bool | None = None, tied: tuple[int, ...] | None = None,
        algorithm: str | None = None, start: str | None = None, prior: float | None = None, tol: float | None = None,
        covariance: str | None = None, covariance_floor: float | None = None, emission_prior: float | None = None,
        n_mixtures: int | None = None, initial: Mapping[str, Any] | None = None, **training: Any,
    ) -> None:  # fmt: skip
        super().__init__(model, **training)
        self.sequence, self.time = sequence, time
        self.n_states, self.topology, self.entry_exit, self.tied = n_states, topology, entry_exit, tied
        self.algorithm, self.start, self.prior, self.tol = algorithm, start, prior, tol
        self.covariance, self.covariance_floor = covariance, covariance_floor
        self.emission_prior, self.n_mixtures, self.initial = emission_prior, n_mixtures, initial

    @property
    def default_models(self) -> dict[str, str]:  # type: ignore[override]
        """The model that the fitted codec's sequences call for."""
        return {"sequences": "categorical" if getattr(self.codec_, "vocab_size", 0) else "gaussian"}

    def fit(  # type: ignore[override]
        self, X: Any, y: Any = None, *, target: str | None = None, lengths: Any = None, validation: Any = None,
        sample_weight: Any = None,
    ) -> Self:  # fmt: skip
        """Learn from sequences; all of them count.

        Parameters
        ----------
        X : a list of arrays, one array, or one array of sequences end to end with `lengths`; a data frame with a row a
            step, or the path of a CSV or Parquet file of one, whose columns are features (one of texts is of symbols).
        y : states that are known, an array of integers (time,) a sequence; -1 where a state is not.
        target : the column of a table that holds such states; nothing, or -1, where one is not known.
        lengths : frames of each sequence, where X is one array.
        validation : a fraction of the sequences to hold out, or other sequences; watched by `patience`.
        sample_weight : how much each sequence counts (n,).

        Raises
        ------
        DataError : lengths that do not add up, missing numbers, an impossible sequence; named by sequence and step.
        Diverged : the likelihood fell, which EM rules out.
        """
        vars(self).pop("columns_", None)
        symbols = getattr(self.model, "name", self.model) == "categorical"
        own = {"sequence": self.sequence, "time": self.time, "target": target}
        given = sequences_of(X, lengths, symbols=symbols, **own)
        refuse_named_columns(given, **own)
        columns = None if given.table is None else given.table.columns
        plain = validation is None or isinstance(validation, float | int | tuple)
        held = (
            validation if plain else (sequences_of(validation, None, symbols=symbols, columns=columns, **own).X, None)
        )
        examples = examples_of(given.X, given.known(y, lengths), sample_weight=sample_weight)
        ready = self._started(self._ready(examples, None, held, None))
        if self.initial is not None:
            self.objective_.begin_with(self.initial)
        self._train(self._with_known(ready))
        self.columns_, self.target_name_ = columns, target
        return self

    def _fit_codecs(self, train: Examples, target: Any) -> None:
        self._known_states = train.y
        super()._fit_codecs(train, target)

    def _codec_for(self, X: Any) -> Sequences:
        return Sequences(standardize=False, dtype="float64")

    def _with_known(self, ready: Ready) -> Ready:
        """The same rows beside the states that are known of them."""
        known, self._known_states = self._known_states, None
        if known is None:
            return ready
        rows = Steps(*known_states(known, self.objective_.n_states), pad=-1, name="states")
        own = ready.rows.lengths  # type: ignore[attr-defined]
        refuse_other_lengths(own, rows.lengths.to(own.device))
        self.data_["states"] = fingerprint(Steps(rows.values, rows.lengths))
        return Ready(Joined(ready.rows, rows), ready.watched, ready.held, ready.device, target=ready.target)

    # --- what was learned -------------------------------------------------------------------------

    @property
    def chain_(self) -> Chain:
        """Probabilities of starting, of transitions, and of leaving."""
        return fitted(self).objective_.chain

    @property
    def repairs_(self) -> list[str]:
        """What EM had to repair: states without frames, covariances at the floor."""
        return list(fitted(self).objective_.repairs)

    # --- use --------------------------------------------------------------------------------------

    def decode(self, X: Any, *, lengths: Any = None) -> Decoded:
        """The most probable states of a sequence (time,) and log p(x, path); of several a list, and scores (n,).

        Of a table the states are (rows,), as its rows stand.

        Systems: viterbi
        """
        paths, scores = [], []
        given = given_to(self, X, lengths)
        for logs, sizes, first in self._emitted(given.X):
            found, score = best_paths(*self.chain_[:2], logs, sizes, leave=self._leave)
            refuse_impossible(self.chain_, logs, sizes, score, first=first)
            paths += [p.cpu().numpy() for p in found.split(sizes.tolist())]
            scores.append(score.cpu())
        each = torch.cat(scores).numpy()
        return Decoded(given.back(paths), float(each[0]) if given.single else each)

    def predict(self, X: Any, *, lengths: Any = None) -> Any:
        """The most probable states of a sequence (time,), or a list of them; of a table (rows,), as its rows stand."""
        return self.decode(X, lengths=lengths).path

    def posterior(self, X: Any, *, lengths: Any = None) -> Any:
        """p(state | all frames) (time, n_states), or a list of them; of a table (rows, n_states)."""
        parts = []
        given = given_to(self, X, lengths)
        for logs, sizes, first in self._emitted(given.X):
            found = expectations(*self.chain_[:2], logs, sizes, leave=self._leave)
            refuse_impossible(self.chain_, logs, sizes, found.log_probs, first=first)
            parts += [g.cpu().numpy() for g in found.gamma.split(sizes.tolist())]
        return given.back(parts)

    def log_prob(self, X: Any, *, lengths: Any = None) -> Any:
        """log p(x) of a sequence, or (n,) of several; -inf where no path explains one."""
        given = given_to(self, X, lengths)
        parts = [
            expectations(*self.chain_[:2], logs, sizes, leave=self._leave).log_probs.cpu()
            for logs, sizes, _ in self._emitted(given.X)
        ]
        found = torch.cat(parts).numpy()
        return float(found[0]) if given.single else found

    def score(  # type: ignore[override]
        self, X: Any, y: Any = None, sample_weight: Any = None, *, lengths: Any = None
    ) -> float:
        """The mean log p(x) a frame."""
        sequences = given_to(self, X, lengths).X
        weight = weights_of(1.0 if sample_weight is None else sample_weight, len(sequences))
        frames = np.array([len(row) for row in sequences])
        return float((self.log_prob(sequences) * weight).sum() / (frames * weight).sum())

    def bic(self, X: Any, *, lengths: Any = None) -> float:
        """The Bayesian information criterion: parameters ln(frames) - 2 log-likelihood; less is better.

        Source: Schwarz 1978.
        """
        sequences = given_to(self, X, lengths).X
        size = np.log(sum(len(row) for row in sequences))
        return float(fitted(self).objective_.n_parameters * size - 2 * self.log_prob(sequences).sum())

    def aic(self, X: Any, *, lengths: Any = None) -> float:
        """Akaike's information criterion: 2 parameters - 2 log-likelihood; less is better.

        Source: Akaike 1974.
        """
        return float(2 * fitted(self).objective_.n_parameters - 2 * np.sum(self.log_prob(X, lengths=lengths)))

    def evaluate(
        self, X: Any, y: Any = None, *, target: Any = None, sample_weight: Any = None, lengths: Any = None
    ) -> Evaluation:
        """The mean log p(x) a frame with its interval over sequences, beside one density for all frames; y is ignored.

        Raises
        ------
        DataError : a sequence that no path explains, of which the mean would be that of nothing.
        """
        sequences = given_to(self, X, lengths).X
        log_p = self.log_prob(sequences)
        refuse_lost(log_p)
        held: Any = self.codec_.encode(sequences)
        sizes, frames = held.lengths.cpu().numpy(), held.values.cpu().numpy()
        return evaluate_sequences(log_p, sizes, frames, weight=weights_of(sample_weight, len(log_p)), seed=self.seed)

    def report(self, path: str | os.PathLike, X: Any = None, y: Any = None, **settings: Any) -> Evaluation:
        """Write one HTML page on how likely sequences X (or the validation ones) are; see `Estimator.report`."""
        given = None if X is None else Examples(given_to(self, X).X)
        return report_on(fitted(self), path, given, **settings)

    def n_best(self, X: Any, *, n: int = 5) -> list[Decoded]:
        """The n most probable paths of one sequence, best first; fewer where fewer are possible."""
        refuse_unless_whole(1, n=n)
        logs = self._one(X)
        start, step, leave = self.chain_.logs()
        found = recursions.n_best(start, step, logs, n=n, log_exit=leave if self._leave is not None else None)
        return [Decoded(p.states.numpy(), float(p.score)) for p in found]

    def filter(self, X: Any, *, lag: int = 0) -> np.ndarray:
        """p(state | frames up to `lag` later) (time, n_states) of one sequence, as if it came in frame by frame."""
        refuse_unless_whole(0, lag=lag)
        start, step, _ = self.chain_.logs()
        return recursions.filtered(start, step, self._one(X), lag=lag).numpy()

    def sample(self, n: int = 1, *, length: int = 100, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """n sequences drawn from the model, and their states.

        A chain with an exit state ends there, after `length` frames at the latest; others have `length` frames.
        """
        refuse_unless_whole(1, n=n, length=length)
        generator = seeded(seed)
        emissions = fitted(self).objective_.emissions
        values, states = [], []
        for _ in range(n):
            path = drawn_path(self.chain_, length, generator, may_end=self._leave is not None)
            tied = self.objective_.tied
            density = path if tied is None else torch.tensor(tied)[path]
            x = emissions.sample(density, generator)
            values.append(self.codec_.decode(x[None])[0] if x.ndim == 2 else self.codec_.named(x.numpy()))
            states.append(path.numpy())
        return values, states

    @property
    def _leave(self) -> Tensor | None:
        objective = fitted(self).objective_
        return objective.leave if objective.entry_exit else None

    def _one(self, X: Any) -> Tensor:
        sequences = given_to(self, X).X
        if len(sequences) != 1:
            raise DataError(f"X holds {len(sequences)} sequences; give one array")
        return next(self._emitted(sequences))[0].cpu()

    def _emitted(self, sequences: SequenceList) -> Iterator[tuple[Tensor, Tensor, int]]:
        """log b (frames, K) and lengths of batches of sequences, and the number of the first."""
        objective, first = fitted(self).objective_, 0
        rows: Rows = self.codec_.encode(sequences)
        device = device_under(objective)
        with torch.inference_mode(), threads_for(objective, EVALUATED):
            for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), EVALUATED)):
                batch: Batch = prepare(self, device, taken)
                logs, lengths = objective.log_emissions(batch)
                yield logs, lengths, first
                first += len(lengths)
