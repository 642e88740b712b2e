"""Sequences of amino acids in, maps of the residues that touch out, and a structure made of them.

The contract of a model of the task "contact_predictor": a builder whose fact is `vocab_size`; it returns a
`ContactLearning`, whose net gives logits (batch, time, time) that are the same both ways.
"""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from ..data.proteins.residues import (
    ContactTargets,
    Residues,
    check_cutoff,
    check_long_enough,
    contact_rows,
    residue_rows,
)
from ..data.sources import Columns
from ..errors import DataError, SettingError, check_count
from ..evaluation.contacts import evaluate_contacts
from ..evaluation.result import Evaluation
from ..functional.contacts import coordinates_from_distances, distances_from_contacts, separation_scores
from ..objectives.sequence.contacts import ContactLearning
from ..train.randomness import kept_random
from .base import Estimator
from .fitting.assembly import device_under, prepare
from .fitting.intake import Examples
from .fitting.training import threads_for
from .protocol import fitted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .judging.diagnosis import Diagnosis

PAIRS = 2_000_000  # of residues, padding included, that are looked at together


class ContactPredictor(Estimator):
    """Which residues of a protein touch, from its sequence alone.

    Parameters
    ----------
    model : "contact_transformer", or a spec such as `pn.model("contact_transformer", n_layers=4)`.
    cutoff : angstrom between C-alpha atoms below which residues touch, where y holds coordinates.
    least_separation : pairs nearer along the chain are neither learned nor judged: they touch in every fold.
    **training : the settings that all estimators share; see `Estimator`. Memory grows with the square of the longest
        chain: `batch_size` and `micro_batch_size` keep it small.

    Attributes: `shares_`, the share of contacts at each separation in training; `history_`.

    Systems: protein-transformer
    Source: Rao et al. 2020 (contacts from attention); Martinez-Ramon, problem 6.4.
    """

    default_models = {"residues": "contact_transformer"}
    codec_: Residues
    target_: ContactTargets

    def __init__(self, model: Any = None, *, cutoff: float = 8.0, least_separation: int = 6, **training: Any) -> None:
        super().__init__(model, **training)
        self.cutoff, self.least_separation = cutoff, least_separation

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from sequences X and the structure of each, y.

        Parameters
        ----------
        X : a list of sequences of one-letter amino acids; X, B, Z, J, U and O are read as unknown.
        y : for each sequence coordinates (n, 3) of its C-alpha atoms in angstrom, or a map (n, n) of true and false.
        target : not used; give the structures as y.
        validation : a fraction to hold out, or (X, y); watched by `patience`.
        sample_weight : not used; repeat rows.

        Raises
        ------
        DataError : a letter is no amino acid, a structure does not fit its sequence or holds NaN; the row is named.
        """
        if target is not None or sample_weight is not None:
            raise SettingError(
                "a ContactPredictor takes structures as y, all alike: leave target and sample_weight out"
            )
        if y is None:
            raise DataError("there are no structures; give y, coordinates (n, 3) or a map (n, n) for each sequence")
        examples = self._examples(X, y)
        if isinstance(validation, tuple):
            held = self._examples(*validation[:2])
            validation = (held.X, held.y)
        goal = ContactTargets(least=self.least_separation)
        return self._train(self._ready(examples, goal, validation, None))

    def _examples(self, X: Any, y: Any) -> Examples:
        cutoff, least = check_cutoff(self.cutoff), check_count("least_separation", self.least_separation)
        rows = residue_rows(X)
        check_long_enough(rows, least)
        return Examples(rows, contact_rows(y, rows, cutoff=cutoff))

    def _fit_codecs(self, train: Examples, target: Any) -> None:
        if self.codec is not None and not isinstance(self.codec, Residues):
            raise SettingError(f"codec of a ContactPredictor is a Residues, or None; got {self.codec!r}")
        self.codec_ = Residues().fit(train.X)
        self.target_ = target.fit(train.y, self.codec_)

    # --- use --------------------------------------------------------------------------------------

    @property
    def shares_(self) -> np.ndarray:
        """The share of contacts among training's pairs at |i - j| = 0, 1, ...: what separation alone says."""
        return fitted(self).target_.shares.numpy()

    def predict_proba(self, X: Any) -> list[np.ndarray]:
        """The probability (n, n) that residues touch, for each sequence, float64 and the same both ways.

        Pairs nearer along the chain than `least_separation` get the share of training's contacts at their separation.
        """
        objective = fitted(self).objective_
        assert isinstance(objective, ContactLearning)
        rows, device = self.codec_.encode(X), device_under(objective)
        objective.eval()
        found: list[np.ndarray] = [np.empty(0)] * len(rows)
        order = rows.lengths.argsort(stable=True, descending=True)
        with torch.inference_mode(), threads_for(objective, len(rows)), kept_random(device, self.seed, "use"):
            while len(order):
                longest = int(rows.lengths[order[0]])
                index, order = order.tensor_split([max(PAIRS // longest**2, 1)])
                said = objective.outputs(prepare(self, device, rows.take(index))).double().sigmoid().cpu()
                for i, one in zip(index.tolist(), said, strict=True):
                    found[i] = self._with_near(one[: rows.lengths[i], : rows.lengths[i]])
        return found

    def _with_near(self, said: torch.Tensor) -> np.ndarray:
        n, least = len(said), self.target_.options["least"]
        near = torch.ones(n, n, dtype=torch.bool).triu(1 - least).tril(least - 1)
        return torch.where(near, separation_scores(n, self.target_.shares.cpu().double()), said).numpy()

    def predict(self, X: Any, *, threshold: float = 0.5) -> list[np.ndarray]:
        """The pairs (n, n), bool, that touch with a probability of `threshold` or more, for each sequence."""
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
            raise SettingError(f"threshold is a probability from 0 to 1; got {threshold!r}")
        return [one >= threshold for one in self.predict_proba(X)]

    def fold(self, X: Any, *, threshold: float = 0.5) -> list[np.ndarray]:
        """Coordinates (n, 3) in angstrom for each sequence, made of the contacts that are predicted.

        Distances are the shortest ways along the chain and across contacts, coordinates those that fit them best. A
        sketch of the fold, or of its mirror image: contacts do not tell the two apart.
        """
        maps = self.predict(X, threshold=threshold)
        short = next((i for i, one in enumerate(maps) if len(one) < 3), None)
        if short is not None:
            raise DataError(f"row {short} of X has {len(maps[short])} residues; a structure has at least 3")
        distances = (distances_from_contacts(torch.from_numpy(one)).double() for one in maps)
        return [coordinates_from_distances(d).numpy() for d in distances]

    def plot(self, sequence: str, y: Any = None) -> "Figure":
        """The map of one sequence: predicted above the diagonal, true below where its structure is given as y."""
        from ..insight.contacts import draw_contacts

        rows = residue_rows([sequence])
        true = None if y is None else contact_rows([y], rows, cutoff=check_cutoff(self.cutoff))[0]
        return draw_contacts(self.predict_proba(rows)[0], true)

    # --- how good it is ---------------------------------------------------------------------------

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """The precision of the best L pairs of a chain of L residues, a mean over chains."""
        return self.evaluate(X, y, target=target, sample_weight=sample_weight, n_bootstrap=0).headline.value

    def evaluate(
        self,
        X: Any,
        y: Any = None,
        *,
        target: Columns | None = None,
        sample_weight: Any = None,
        n_bootstrap: int = 1000,
    ) -> Evaluation:
        """Precision of the best L, L/2 and L/5 pairs, with intervals over chains, beside what separation alone says.

        Pairs are at least `least_separation` apart. `notes` say the most that the true contacts allow.
        """
        if y is None or target is not None or sample_weight is not None:
            raise SettingError("give the structures as y, and leave target and sample_weight out")
        examples = fitted(self)._examples(X, y)
        return evaluate_contacts(
            examples.y, self.predict_proba(examples.X), shares=self.target_.shares.cpu(),
            least=self.target_.options["least"], seed=self.seed, n_bootstrap=n_bootstrap,
        )  # fmt: skip

    def diagnose(
        self, X: Any = None, y: Any = None, *, target: Columns | None = None, by_heart: bool = True
    ) -> "Diagnosis":
        """Look the training over on sequences X and structures y, or on the validation rows; see `Estimator`."""
        examples = Examples(X, y) if X is None or y is None else fitted(self)._examples(X, y)
        return super().diagnose(examples.X, examples.y, target=target, by_heart=by_heart)

    def report(self, *given: Any, **named: Any) -> Evaluation:
        """Not written yet for contacts: `evaluate` has the numbers and `plot` the maps."""
        raise SettingError("ContactPredictor writes no report page; print evaluate(X, y).table(), and see plot")
