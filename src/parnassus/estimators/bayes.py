"""Naive Bayes by its own name."""

from typing import Any

from ..data.codec import Codec, codec_for
from ..data.tables.table import Table
from .classifier import Classifier


class NaiveBayes(Classifier):
    """`Classifier` by naive Bayes: "gaussian_nb" for tables and pictures, "multinomial_nb" for texts, unless named.

    Columns of a table keep their own units, as counts must, unless a codec is given.
    """

    default_models = {"table": "gaussian_nb", "image": "gaussian_nb", "text": "multinomial_nb"}

    def own_codec(self, X: Any) -> Codec:
        chosen = codec_for(X) if self.codec is None else self.codec
        return chosen.in_own_units() if isinstance(chosen, Table) else chosen

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = False
        return tags


NaiveBayes.task = Classifier.task
