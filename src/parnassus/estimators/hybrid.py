"""Networks that say which state a frame is of, inside a hidden Markov model that says in what order states come."""

import os
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from .. import store
from ..data.timeseries.sequences import SequenceList
from ..errors import DataError, SettingError
from ..functional.chains import Chain, best_paths, expectations
from ..functional.discriminative import scaled_likelihood
from ..objectives.probabilistic.baum_welch import path_counts
from ..objectives.probabilistic.impossible_paths import why_impossible
from .base import Estimator
from .fitting.sequence_intake import given_to, known_states
from .hmm import HMM, Decoded
from .protocol import fitted, not_fitted_error
from .saving import plain, rebuilt, rich, tree_of


class Hybrid:
    """A hybrid NN/HMM: a classifier's posteriors, divided by the states' priors, score the emissions.

    `fit` aligns the sequences with a fitted HMM, trains the classifier on frames and their states, counts priors and
    transitions, aligns again by the result, and so on for `rounds`.

        log b_j(x_t) = log P(s_j | x_t) - log P(s_j)

    Parameters
    ----------
    hmm : a fitted `HMM`: the chain and the first alignment.
    network : an unfitted classifier with `fit` and `predict_proba`, such as `pn.Classifier("mlp")`.
    rounds : trainings of the network; each but the first is on the alignment by the one before.
    context : frames to either side that the network sees beside each frame (edges are repeated).

    Systems: hybrid-nn-hmm
    Source: Bourlard and Morgan 1994; Hifny A13.30, eq 13.104.
    """

    network_: Any

    def __init__(self, hmm: HMM, network: Any, *, rounds: int = 2, context: int = 0) -> None:
        if rounds < 1 or context < 0:
            raise SettingError(f"rounds is at least 1 and context at least 0; got rounds={rounds}, context={context}")
        if not isinstance(hmm, HMM):
            raise SettingError(f"hmm is a fitted pn.HMM, which aligns the first round; got a {type(hmm).__name__}")
        self.hmm, self.network, self.rounds, self.context = hmm, network, rounds, context

    def __repr__(self) -> str:
        return f"Hybrid({self.hmm!r}, {self.network!r}, rounds={self.rounds}, context={self.context})"

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from sequences, as the HMM takes them; y gives their states where they are known, for round one.

        Raises
        ------
        DataError : sequences unlike those of the HMM, missing numbers, or all frames in one state.
        """
        from sklearn.base import clone

        chain, given = fitted(self.hmm).chain_, given_to(self.hmm, X)
        sequences = given.X
        self.hmm.codec_.encode(sequences)  # which refuses what it cannot take
        paths = self._first(sequences, given.known(y, None))
        self.agreement_: list[float] = []
        for _ in range(self.rounds):
            states = np.concatenate(paths)
            if len(np.unique(states)) < 2:
                raise DataError(
                    f"all {len(states)} frames are aligned to state {states[0]}, which leaves the network nothing to "
                    "tell apart; give other sequences, or an HMM whose states differ"
                )
            network = clone(self.network).fit(self._frames(sequences), states)
            counts = np.bincount(states, minlength=chain.n_states)
            with np.errstate(divide="ignore"):
                self.log_prior_ = torch.from_numpy(np.log(counts / counts.sum()))
            self.network_, self.chain_ = network, self._counted(paths)
            again = list(self.decode(sequences).path)
            self.agreement_.append(float((np.concatenate(again) == states).mean()))
            paths = again
        return self

    def _first(self, sequences: SequenceList, known: SequenceList | None) -> list[np.ndarray]:
        if known is None:
            return self.hmm.decode(sequences).path
        states, lengths = known_states(known, self.hmm.chain_.n_states)
        if bool((states < 0).any()) or lengths.tolist() != [len(row) for row in sequences]:
            raise DataError("y names a state for every frame here, as many as each sequence of X has")
        return [part.numpy() for part in states.split(lengths.tolist())]

    def _counted(self, paths: list[np.ndarray]) -> Chain:
        """The HMM's chain with the transitions of the paths; what it forbids stays forbidden."""
        old, lengths = self.hmm.chain_, torch.tensor([len(p) for p in paths])
        flat = torch.from_numpy(np.concatenate(paths))
        gamma, xi = path_counts(flat, lengths, torch.ones(len(paths), dtype=torch.float64), n_states=old.n_states)
        ends = lengths.cumsum(0)
        first = torch.where(old.start > 0, gamma[ends - lengths].sum(0) + 1, 0.0)
        pairs = torch.where(old.transitions > 0, xi + 1, 0.0)  # one more of each: no path is lost for want of a count
        leave = torch.where(old.leave > 0, gamma[ends - 1].sum(0) + 1, 0.0)
        has_exit = self.hmm.objective_.entry_exit
        total = pairs.sum(1) + (leave if has_exit else 0)
        total = torch.where(total > 0, total, 1.0)
        return Chain(first / first.sum(), pairs / total[:, None], leave / total if has_exit else old.leave)

    def _frames(self, sequences: SequenceList) -> np.ndarray:
        """Frames of all sequences, each beside its neighbours."""
        parts = []
        for row in sequences:
            frames = np.asarray(row, dtype=np.float64)
            at = np.arange(len(frames))[:, None] + np.arange(-self.context, self.context + 1)
            parts.append(frames[at.clip(0, len(frames) - 1)].reshape(len(frames), -1))
        return np.concatenate(parts)

    def log_emissions(self, X: Any) -> Any:
        """Scaled log likelihoods (time, n_states) of a sequence, or a list of them."""
        given = given_to(self.hmm, X)
        parts = self._logs(given.X)
        return parts[0] if given.single else parts

    def _logs(self, sequences: SequenceList) -> list[Tensor]:
        self._check_fitted()
        self.hmm.codec_.encode(sequences)
        frames = self._frames(sequences)
        posterior = np.zeros((len(frames), len(self.log_prior_)))
        posterior[:, np.asarray(self.network_.classes_, dtype=np.int64)] = self.network_.predict_proba(frames)
        tiny = torch.from_numpy(posterior.clip(min=np.finfo(np.float64).tiny)).log()
        return list(scaled_likelihood(tiny, self.log_prior_).split([len(row) for row in sequences]))

    def _check_fitted(self) -> None:
        if not hasattr(self, "network_"):
            raise not_fitted_error()("This Hybrid is not fitted yet; call fit first")

    def decode(self, X: Any) -> Decoded:
        """The most probable states of a sequence (time,), and their score; lists of both for several.

        Of a table the states are (rows,), as its rows stand.
        """
        given = given_to(self.hmm, X)
        paths, scores = [], []
        for i, one in enumerate(self._logs(given.X)):
            path, score = best_paths(*self.chain_[:2], one, torch.tensor([len(one)]), leave=self._leave)
            if not bool(score.isfinite()):
                raise DataError(f"sequence {i} {why_impossible(self.chain_, one)}")
            paths.append(path.numpy())
            scores.append(float(score))
        return Decoded(given.back(paths), scores[0] if given.single else np.array(scores))

    def predict(self, X: Any) -> Any:
        """The most probable states of a sequence (time,), or a list of them."""
        return self.decode(X).path

    def posterior(self, X: Any) -> Any:
        """p(state | all frames) (time, n_states) of a sequence, or a list of them; of a table (rows, n_states)."""
        given = given_to(self.hmm, X)
        return given.back([self._expected(one).gamma.numpy() for one in self._logs(given.X)])

    def log_prob(self, X: Any) -> Any:
        """log p(x) - sum_t log p(x_t) of a sequence, or (n,) of several, which tells models of equal frames apart."""
        given = given_to(self.hmm, X)
        each = np.array([float(self._expected(one).log_probs) for one in self._logs(given.X)])
        return float(each[0]) if given.single else each

    def _expected(self, logs: Tensor) -> Any:
        return expectations(*self.chain_[:2], logs, torch.tensor([len(logs)]), leave=self._leave)

    @property
    def _leave(self) -> Tensor | None:
        return self.chain_.leave if self.hmm.objective_.entry_exit else None

    # --- one file ---------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike) -> None:
        """Write the HMM, the network and what the rounds found to one file, which `pn.load` reads; no pickle.

        Raises
        ------
        DataError : the network is none of ours, so that only a pickle could hold it.
        """
        store.save(path, self.to_tree())

    def to_tree(self) -> dict[str, Any]:
        """What the file holds."""
        self._check_fitted()
        if not isinstance(self.network, Estimator):
            raise DataError(
                f"cannot save the network, a {type(self.network).__name__}: it is not one of ours, and a pickle runs "
                'code when it is read; take pn.Classifier, such as pn.Classifier("linear")'
            )
        settings = {k: plain(v) for k, v in self.network.get_params(deep=False).items()}
        return {
            "estimator": "Hybrid",
            "hmm": tree_of(self.hmm),
            "unfitted": [type(self.network).__name__, settings],
            "network": tree_of(self.network_),
            "rounds": self.rounds,
            "context": self.context,
            "agreement": self.agreement_,
            "log_prior": self.log_prior_,
            "chain": list(self.chain_),
        }

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Self:
        """The hybrid that `to_tree` took apart."""
        name, settings = tree["unfitted"]
        network = Estimator.kinds[name](**{k: rich(v) for k, v in settings.items()})
        self = cls(rebuilt(tree["hmm"]), network, rounds=tree["rounds"], context=tree["context"])
        self.network_, self.agreement_ = rebuilt(tree["network"]), tree["agreement"]
        self.log_prior_, self.chain_ = tree["log_prior"], Chain(*tree["chain"])
        return self
