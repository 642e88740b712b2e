"""Boltzmann machines and belief nets by their own names; their units take numbers from 0 to 1."""

from numbers import Integral
from typing import Any

import numpy as np
import torch

from ..data.codec import Codec, codec_for
from ..data.table import Table
from ..errors import SettingError
from ..objectives.energy import BeliefNet
from .classifier import Classifier
from .density import Density
from .protocol import fitted


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
    """`Classifier("dbn")`, a transformer too: `transform` gives how likely each unit of the top layer is on.

    Columns of a table are brought to 0 to 1, unless a codec is given.

    Systems: deep-belief-network
    """

    default_models = {"table": "dbn", "text": "dbn", "image": "dbn"}

    def own_codec(self, X: Any) -> Codec:
        chosen = codec_for(X) if self.codec is None else self.codec
        return Table(scaling="minmax") if self.codec is None and isinstance(chosen, Table) else chosen

    def transform(self, X: Any) -> np.ndarray:
        """How likely each unit of the top layer is on (rows, units), by the weights as fine-tuning left them."""
        return self.features(X)

    def fit_transform(self, X: Any, y: Any, *, sample_weight: Any = None) -> np.ndarray:
        """`fit(X, y)`, and the top layer of these rows."""
        return self.fit(X, y, sample_weight=sample_weight).transform(X)

    def sample(self, n: int = 1, *, n_sweeps: int = 1000, seed: int | None = None) -> Any:
        """Rows dreamt, in the user's terms: chains in the top machine, then down; each number is a mean, not a draw.

        `seed` None takes the estimator's own; equal seeds give equal rows.
        """
        for name, value in (("n", n), ("n_sweeps", n_sweeps)):
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                raise SettingError(f"sample's {name} is a whole number, 1 or more; got {value!r}")
        objective = fitted(self).objective_
        if not isinstance(objective, BeliefNet):
            raise SettingError(f"model {self.model_name!r} has no machine to dream with; fit DBN()")
        generator = torch.Generator().manual_seed(self.seed if seed is None else seed)
        with torch.no_grad():
            x = objective.draw(int(n), generator, n_sweeps=int(n_sweeps))
        decode = getattr(self.codec_, "decode", None)
        return decode(x) if decode is not None and self.codec_.kind == "table" else x.numpy()

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import TransformerTags

        tags = super().__sklearn_tags__()
        tags.transformer_tags = TransformerTags()
        return tags


RBM.task, DBN.task = Density.task, Classifier.task
