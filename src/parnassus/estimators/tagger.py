"""Rows of tokens or steps in, a tag for each out: names of people and places, parts of speech, what a sensor sees.

The contract of a model of the task "tagger": a builder whose facts are `n_outputs` and one of `cardinalities` (of the
ids of a token's word, ending and shape), `step_features` (numbers) and `vocab_size` (symbols); it returns a
`TokenTagging`.
"""

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from ..data.codec import Codec
from ..data.masked_arrays import in_a_list
from ..data.sources import TABLES, Columns
from ..data.text.tags import Tags, TokenList, Tokens, are_whole, tag_rows, token_rows
from ..data.timeseries.sequences import SequenceList, Sequences, is_steps, step_rows
from ..data.timeseries.step_tables import StepTable, is_frame, read_steps
from ..errors import DataError, SettingError, did_you_mean
from ..evaluation.result import Evaluation
from ..evaluation.tagging import evaluate_tagging
from ..functional.metrics.tagging import Entity, entities
from ..objectives.text.tagging import ChainTagging, TagRules, TokenTagging
from ..train.phase import Batch
from ..train.randomness import kept_random
from .base import Estimator
from .fitting.assembly import device_under, prepare
from .fitting.intake import Examples, is_path, weights_of
from .fitting.sequence_intake import opened
from .fitting.training import threads_for
from .judging.reporting import report_on
from .protocol import fitted

CONSTRAINTS = ("decoding", "training", "none")
TOKEN_SETTINGS = {"lower": True, "min_count": 1, "n_endings": 3}
TOGETHER = 256  # rows that are tagged at a time


class Tagger(Estimator):
    """A tag for every token of a text, or for every step of a sequence of numbers or symbols.

    Parameters
    ----------
    model : "bilstm_crf", "bilstm", "bimamba" or "transformer", which read rows to their end, "crf", which reads a step
        and its neighbours, "lstm", "gru" or "mamba", which say a tag of what came so far, or a spec such as
        `pn.model("bilstm_crf", hidden=100)`.
    scheme : how entities are written: "bio", "iobes", "bilou", "plain" (tags that are no entities), or "auto".
    constraints : where steps that a scheme knows not, such as O to I-name, are impossible: "decoding" (no answer has
        one), "training" too (of "crf" and "bilstm_crf"; the chain then shares no probability with them), or "none".
    lower : of tokens: fold upper case into lower case; the shape of a word is read besides.
    min_count : of tokens: words seen less often are unknown.
    n_endings : of tokens: letters of a word's ending that are read besides.
    sequence : of a table with a row a step or token, the column that says which row of X it is of; None takes one.
    time : of a table, the column that orders the rows of a sequence; None takes them as they stand.
    **training : the settings that all estimators share; see `Estimator`.

    Attributes: `tags_`, `scheme_`, `history_`.
    """

    default_models = {"tokens": "bilstm_crf", "sequences": "bilstm_crf"}
    codec_: Tokens | Sequences
    target_: Tags
    whole_: bool = False  # whether tags came as whole numbers
    columns_: list[str] | None = None  # of a table, what was seen at a step

    def __init__(
        self, model: Any = None, *, scheme: str = "auto", lower: bool = True, min_count: int = 1, n_endings: int = 3,
        constraints: str = "decoding", sequence: str | None = None, time: str | None = None, **training: Any,
    ) -> None:  # fmt: skip
        super().__init__(model, **training)
        self.sequence, self.time = sequence, time
        self.constraints = constraints
        self.scheme, self.lower, self.min_count, self.n_endings = scheme, lower, min_count, n_endings

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from rows X and their tags y.

        Parameters
        ----------
        X : lists of tokens, or texts, which are cut into words and signs; or sequences, arrays (time, features) of
            numbers or (time,) of whole numbers, which are symbols. Or a data frame with a row a step or token, or the
            path of a CSV or Parquet file of one: its columns are numbers, or one of tokens.
        y : a list of tags for each row, or a text of tags with spaces between; whole numbers are said as such again.
        target : of a table, the column of tags.
        validation : a fraction to hold out, or (X, y); watched by `patience`.
        sample_weight : not used; repeat rows.

        Raises
        ------
        DataError : tags do not match tokens, or break their scheme; the message names row and token.
        """
        if sample_weight is not None:
            raise SettingError("a Tagger takes rows of tags, all alike: leave sample_weight out, and repeat rows")
        if self.constraints not in CONSTRAINTS:
            raise SettingError(f"constraints={self.constraints!r}; {did_you_mean(self.constraints, CONSTRAINTS)}")
        self.columns_, self.target_name_ = None, None
        rows, tags = self._read(X, y, target)
        examples = Examples(rows, tag_rows(tags, rows))
        self.whole_ = are_whole(tags)
        if validation is not None and not isinstance(validation, int | float):
            other, said = validation[:2] if isinstance(validation, tuple) else (validation, None)
            held = self._examples(other, said, target if said is None else None)
            validation = (held.X, held.y)
        self._train(self._ready(examples, Tags(scheme=self.scheme), validation, None))
        self.target_name_ = target
        return self

    def _examples(self, X: Any, y: Any, target: Columns | None = None) -> Examples:
        """Rows of tokens or steps, and their tags as texts."""
        rows, tags = self._read(X, y, target)
        return Examples(rows, tag_rows(tags, rows))

    def _read(self, X: Any, y: Any, target: Columns | None) -> tuple[TokenList | SequenceList, Any]:
        """Rows of tokens or steps, and their tags as they came."""
        if target is not None and (y is not None or not isinstance(target, str)):
            raise SettingError(f"target names the one column of tags of a table, in place of y; got {target!r}")
        rows, table = self._rows(X, target)
        if table is None and target is not None:
            raise SettingError(f"target={target!r} names a column, and X is no table with a row a step; give y")
        if table is not None:
            y = table.answers if y is None else table.apart(y)
        if y is None:
            raise DataError(
                "there are no tags; give y, a list of tags for each row of tokens, or target=, their column"
            )
        return rows, in_a_list(y)

    def _rows(self, X: Any, target: str | None = None) -> tuple[TokenList | SequenceList, StepTable | None]:
        """Rows of tokens or steps, and the table that they came from."""
        X = in_a_list(opened(X) if is_path(X) and Path(X).suffix.lower() in (*TABLES, ".npz") else X)
        if not is_frame(X):
            if self.columns_ is None and (self.sequence or self.time):
                raise SettingError("sequence and time name columns, and X is no table with a row a step; give one")
            return _listed(X), None
        symbols = getattr(self.codec, "options", {}).get("n_symbols") is not None
        learned = self.target_name_ if isinstance(self.target_name_, str) else None
        own: dict[str, Any] = {"sequence": self.sequence, "time": self.time, "columns": self.columns_}
        table = read_steps(X, target=target or learned, symbols=symbols, **own)
        self.columns_ = table.columns
        return _listed([row.tolist() for row in table.X] if table.X[0].dtype.kind == "U" else table.X), table

    def _fit_codecs(self, train: Examples, target: Any) -> None:
        given: Codec | None = self.codec
        own = {"lower": self.lower, "min_count": self.min_count, "n_endings": self.n_endings}
        kind: type[Tokens | Sequences] = Sequences if isinstance(train.X, SequenceList) else Tokens
        if kind is Sequences and own != TOKEN_SETTINGS:
            raise SettingError(f"{', '.join(TOKEN_SETTINGS)} are of tokens, and X holds sequences: leave them out")
        if given is not None and not isinstance(given, kind):
            raise SettingError(f"codec of a Tagger of such rows is a {kind.__name__}; got {given!r}")
        options = given.options if given is not None else own if kind is Tokens else {}
        self.codec_ = kind(**options).fit(train.X)
        self.target_ = target.fit(train.y, self.codec_)

    def _build(self, device: torch.device) -> None:
        super()._build(device)
        if self.constraints != "training":
            return
        if not isinstance(self.objective_, ChainTagging):
            raise SettingError("constraints='training' is for chains, as 'bilstm_crf' learns them; take 'decoding'")
        self.objective_.rules = self._rules()

    def _rules(self) -> TagRules | None:
        found = None if self.constraints == "none" else self.target_.rules()
        return None if found is None else TagRules(*found)

    # --- use --------------------------------------------------------------------------------------

    @property
    def tags_(self) -> list[str]:
        """The tags that training saw, sorted."""
        return list(fitted(self).target_.names)

    @property
    def scheme_(self) -> str:
        """How entities are written: "bio", "iobes", "bilou" or "plain"."""
        return fitted(self).target_.scheme

    def predict(self, X: Any) -> Any:
        """A list of tags for each row, one a token or step; of a table an array (rows,), as its rows stand."""
        rows, table = fitted(self)._rows(X)
        said: list[list[Any]] = self._said(rows)
        if self.whole_:
            said = [[int(tag) for tag in row] for row in said]
        return said if table is None else table.in_rows(said)

    def predict_proba(self, X: Any) -> Any:
        """p of each tag at each token or step, in the order of `tags_`: (its length, tags) float64 a row.

        Of a table (rows, tags), as its rows stand. Of "crf" and "bilstm_crf" they are marginals of the chain, by
        forward-backward, of others each token's softmax; where `constraints` hold, given that a row keeps its scheme.
        `predict` says the likeliest chain, which is not always the likeliest tag of each token.
        """
        rows, table = fitted(self)._rows(X)
        found = said_of(self, rows, lambda objective, batch: objective.probabilities(batch, self._rules()))
        each = [row.cpu().numpy() for row in found]
        return each if table is None else table.in_rows(each)

    def _said(self, held: TokenList | SequenceList) -> list[list[str]]:
        said = said_of(self, held, lambda objective, batch: objective.tags(batch, self._rules()))
        return self.target_.decode(said)

    def entities(self, X: Any) -> list[list[Entity]]:
        """The entities of each row: name, first token, and the one behind the last."""
        if self.scheme_ == "plain":
            raise SettingError("these tags are plain and mark no entities; ask predict(X)")
        return [entities(row) for row in self._said(self._rows(X)[0])]

    def show(self, X: Any, y: Any = None) -> str:
        """Rows as text, entities (or plain tags) in brackets behind what they mark: those of y, or those predicted."""
        rows = self._rows(X)[0]
        tags = self._said(rows) if y is None else tag_rows(y, rows)
        if isinstance(rows, SequenceList):
            return "\n".join(map(in_stretches, tags))
        return "\n".join(marked(row, said, self.scheme_) for row, said in zip(rows, tags, strict=True))

    # --- how good it is ---------------------------------------------------------------------------

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """F1 of entities, exact in name and place; of plain tags the share that is right."""
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
        """F1, precision and recall of entities and accuracy of tags, with intervals over rows.

        `by_class` has a row an entity (or a plain tag), and `confusion` counts tokens by their tags, `classes`.
        """
        examples = fitted(self)._asked(X, y, target)
        return evaluate_tagging(
            examples.y, self._said(examples.X), commonest=self.target_.commonest, plain=self.scheme_ == "plain",
            sample_weight=weights_of(sample_weight, len(examples)), seed=self.seed, n_bootstrap=n_bootstrap,
        )  # fmt: skip

    def _asked(self, X: Any, y: Any, target: Columns | None) -> Examples:
        """Rows and tags to score: without y, those of the column that `fit` learned from."""
        return self._examples(X, y, self.target_name_ if y is None and target is None else target)

    def report(self, path: str | os.PathLike, X: Any = None, y: Any = None, **settings: Any) -> Evaluation:
        """Write one HTML page on how good the tags of rows X (or the validation ones) are; see `Estimator.report`."""
        given = None if X is None else fitted(self)._asked(X, y, settings.pop("target", None))
        return report_on(fitted(self), path, given, answers=False, **settings)

    def taken_apart(self, examples: Examples) -> Examples:
        """Rows of a table as rows of tokens or steps; others as they are."""
        return self._examples(examples.X, examples.y, None) if is_frame(examples.X) else examples

    def worst(self, examples: Examples, n: int) -> list[tuple[int, str, str, str, str, dict[str, Any]]]:
        """The rows with most wrong tags: (row, tags, predicted, score, what it is, what else to show)."""
        said = self._said(examples.X)
        wrong = np.array(
            [np.mean([a != b for a, b in zip(*pair, strict=True)]) for pair in zip(examples.y, said, strict=True)]
        )
        order = [int(i) for i in np.argsort(-wrong, kind="stable")[:n] if wrong[i] > 0]
        look = self._looked(examples.X)
        return [
            (i, look(examples.y[i], i), look(said[i], i), f"{wrong[i]:.3f}", "share of tags wrong", {}) for i in order
        ]

    def _looked(self, rows: TokenList | SequenceList) -> Any:
        """A function that writes the tags of row i as text."""
        if isinstance(rows, SequenceList):
            return lambda tags, i: in_stretches(tags)
        return lambda tags, i: marked(rows[i], tags, self.scheme_)

    learned = (*Estimator.learned, "whole_", "columns_")


def said_of(
    tagger: Tagger, held: TokenList | SequenceList, ask: Callable[[TokenTagging, Batch], list[Any]]
) -> list[Any]:
    """What `ask` says of batches of rows of like length, in the order of the rows."""
    objective = fitted(tagger).objective_
    assert isinstance(objective, TokenTagging)
    rows: Any = tagger.codec_.encode(held)  # which know their lengths
    device = device_under(objective)
    objective.eval()
    found: list[Any] = [None] * len(rows)
    order = rows.lengths.argsort(stable=True)
    with torch.no_grad(), threads_for(objective, TOGETHER), kept_random(device, tagger.seed, "use"):
        for index in order.split(TOGETHER):
            said = ask(objective, prepare(tagger, device, rows.take(index)))
            for i, row in zip(index.tolist(), said, strict=True):
                found[i] = row
    return found


def _listed(X: Any) -> TokenList | SequenceList:
    return step_rows(X) if is_steps(X) else token_rows(X)


def in_stretches(tags: list[str]) -> str:
    """Tags of steps, and from which to which they last.

    >>> in_stretches(["rest", "rest", "walk"])
    'rest 0-1, walk 2'
    """
    found, at = [], 0
    for tag, same in itertools.groupby(tags):
        end = at + len(list(same)) - 1
        found.append(f"{tag} {at}-{end}" if end > at else f"{tag} {at}")
        at = end + 1
    return ", ".join(found)


def marked(tokens: list[str], tags: list[str], scheme: str) -> str:
    """One row as text with what its tags say.

    >>> marked(["Anna", "Lee", "sings"], ["B-PER", "I-PER", "O"], "bio")
    '[Anna Lee PER] sings'
    """
    if scheme == "plain":
        return " ".join(f"{token}/{tag}" for token, tag in zip(tokens, tags, strict=True))
    found, at = [], 0
    for name, start, end in entities(tags):
        found += [*tokens[at:start], f"[{' '.join(tokens[start:end])} {name}]"]
        at = end
    return " ".join([*found, *tokens[at:]])
