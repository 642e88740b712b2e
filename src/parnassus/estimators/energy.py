"""Boltzmann machines and belief nets by their own names; their units take numbers from 0 to 1."""

from numbers import Integral
from typing import Any

import numpy as np
import torch

from ..data.codec import Codec, codec_for
from ..data.images.image import Image
from ..data.tables.table import Table
from ..errors import SettingError
from ..objectives.generative.belief_net import BeliefNet
from ..train.randomness import seeded
from .classifier import Classifier
from .density import Density
from .fitting.intake import Examples
from .protocol import fitted


class RBM(Density):
    """`Density("rbm")`, a transformer: `transform` gives how likely each hidden unit is on.

    Columns of a table are brought to 0 to 1, unless a codec is given or the model takes other numbers ("gaussian_rbm",
    "replicated_softmax"); so are pictures.

    Systems: rbm
    """

    default_models = {"table": "rbm", "text": "rbm", "image": "rbm"}

    @property
    def _of_numbers(self) -> bool:
        named = self.model if isinstance(self.model, str) else getattr(self.model, "name", "rbm")
        return named in ("gaussian_rbm", "replicated_softmax")

    def _codec_for(self, X: Any) -> Any:
        chosen = codec_for(X)
        return Table(scaling="minmax") if isinstance(chosen, Table) and not self._of_numbers else chosen

    def _fit_codecs(self, train: Examples, target: Any) -> None:
        super()._fit_codecs(train, target)
        if not self._of_numbers:
            from_0_to_1(self.codec_)


class DBN(Classifier):
    """`Classifier("dbn")`, a transformer too: `transform` gives how likely each unit of the top layer is on.

    Columns of a table are brought to 0 to 1, unless a codec is given; so are pictures. With
    `pn.model("dbn", wake_sleep=0.3)` so much of the training, after the greedy layers, goes to wake-sleep: `transform`
    and the classifier go up by the weights that recognise, `sample` comes down by those that make.

    Systems: deep-belief-network
    """

    default_models = {"table": "dbn", "text": "dbn", "image": "dbn"}

    def own_codec(self, X: Any) -> Codec:
        chosen = codec_for(X) if self.codec is None else self.codec
        return Table(scaling="minmax") if self.codec is None and isinstance(chosen, Table) else chosen

    def _fit_codecs(self, train: Examples, target: Any) -> None:
        super()._fit_codecs(train, target)
        from_0_to_1(self.codec_)

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
        generator = seeded(self.seed if seed is None else seed)
        with torch.no_grad():
            x = objective.draw(int(n), generator, n_sweeps=int(n_sweeps))
        decode = getattr(self.codec_, "decode", None)
        return decode(x) if decode is not None and self.codec_.kind in ("table", "image") else x.numpy()

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import TransformerTags

        tags = super().__sklearn_tags__()
        tags.transformer_tags = TransformerTags()
        return tags


def from_0_to_1(codec: Codec) -> None:
    """Pictures as numbers from 0 to 1, which units of 0 and 1 take."""
    if isinstance(codec, Image):
        codec.mean, codec.std = torch.zeros(1, 1, 1), torch.full((1, 1, 1), 255.0)


RBM.task, DBN.task = Density.task, Classifier.task
