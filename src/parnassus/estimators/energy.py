"""Boltzmann machines and belief nets by their own names; their units take numbers from 0 to 1."""

from typing import Any

from ..data.codec import Codec, codec_for
from ..data.table import Table
from .classifier import Classifier
from .density import Density


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

    def own_codec(self, X: Any) -> Codec:
        chosen = codec_for(X) if self.codec is None else self.codec
        return Table(scaling="minmax") if self.codec is None and isinstance(chosen, Table) else chosen


RBM.task, DBN.task = Density.task, Classifier.task
