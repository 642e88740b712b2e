"""Boltzmann machines and belief nets by their own names; their units take numbers from 0 to 1."""

from typing import Any

from ..data.codec import codec_for
from ..data.table import Table
from .classifier import Classifier
from .density import Density
from .intake import Examples


class RBM(Density):
    """`Density("rbm")`, a transformer: `transform` gives how likely each hidden unit is on.

    Columns of a table are brought to 0 to 1, unless a codec is given or the model is "gaussian_rbm".

    Systems: rbm
    """

    default_models = {"table": "rbm", "text": "rbm", "image": "rbm"}

    def _codec_for(self, X: Any) -> Any:
        chosen = codec_for(X)
        named = self.model if isinstance(self.model, str) else getattr(self.model, "name", "rbm")
        return Table(scaling="minmax") if isinstance(chosen, Table) and named != "gaussian_rbm" else chosen


class DBN(Classifier):
    """`Classifier("dbn")`; columns of a table are brought to 0 to 1, unless a codec is given.

    Systems: deep-belief-network
    """

    default_models = {"table": "dbn", "text": "dbn", "image": "dbn"}

    def _fit_codecs(self, train: Examples, target: Any) -> None:
        given = self.codec
        chosen = codec_for(train.X) if given is None else given
        self.codec = Table(scaling="minmax") if given is None and isinstance(chosen, Table) else chosen
        try:
            super()._fit_codecs(train, target)
        finally:
            self.codec = given


RBM.task, DBN.task = Density.task, Classifier.task
