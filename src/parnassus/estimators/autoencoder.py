"""Rows as short codes and back: what is odd, what is missing, and, of variational ones, new rows."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ..data.codec import Codec, form_of
from ..data.images.image import Image
from ..data.sources import Columns
from ..data.tables.holed import HoledTable
from ..data.timeseries.sequences import Sequences
from ..errors import DataError, SettingError, did_you_mean
from ..evaluation.result import Evaluation
from ..evaluation.unsupervised import mean_of
from ..objectives.generative.autoencoder import Autoencoding, observed_of, row_means
from ..objectives.generative.text_autoencoder import TextReconstruction
from ..objectives.generative.vae import Variational
from ..train.phase import Batch
from ..train.randomness import kept_random, seed_device, seed_of, seeded
from .answers.imputing import holed_rows
from .answers.using import EVALUATED, spread, usable
from .fitting.assembly import codec_called_for, device_under
from .fitting.intake import Examples
from .protocol import fitted
from .unsupervised import Unsupervised

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawing = Literal["pairs", "codes", "manifold", "traverse"]
N_WEIGHED = 64  # draws of a bound of the likelihood
HELD = 1 << 25  # numbers of x that draws of codes are compared with at once


class Autoencoder(Unsupervised):
    """Rows as codes and back: compression, odd rows, missing values, and with "vae" likelihoods and new rows.

    Parameters
    ----------
    quantile : the share of training rows whose score lies below `threshold_`; 1 is their largest score.
    **training : the settings that all estimators share; see `Estimator`.

    Columns of a table are standardised unless a `codec` says otherwise. Pictures run from 0 to 1. Scores, errors and
    likelihoods are in these units. Missing values are taken, in stacks of float pictures and in sequences too (NaN):
    they are told to a VAE's encoder and scored by nobody.

    Systems: reconstruction-anomaly, beta-vae-imputation
    Source: Martinez-Ramon examples 7.4.1 and 7.9.1.
    """

    default_models = {"table": "vae", "holed_table": "vae", "image": "vae", "text": "vae", "sequences": "lstm_ae"}

    def __init__(self, model: Any = None, *, quantile: float = 1.0, **training: Any) -> None:
        super().__init__(model, **training)
        self.quantile = quantile

    def _fit_codecs(self, train: Examples, target: Any) -> None:
        if isinstance(self.quantile, bool) or not isinstance(self.quantile, int | float) or not 0 < self.quantile <= 1:
            raise SettingError(f"quantile is a share of the training rows in (0, 1]; got {self.quantile!r}")
        if len(train) < 2:
            raise DataError("an autoencoder learns how rows differ, and there is one row; give 2 or more")
        super()._fit_codecs(train, target)
        if isinstance(self.codec_, Image):
            self.codec_.mean, self.codec_.std = torch.zeros(1, 1, 1), torch.full((1, 1, 1), 255.0)

    def own_codec(self, X: Any) -> Codec | None:
        if self.codec is None and form_of(X) == "table":
            return HoledTable()
        codec = codec_called_for(self, X) if self.codec is None else self.codec
        return codec.with_holes() if isinstance(codec, Image | Sequences) else codec

    # --- codes ------------------------------------------------------------------------------------

    @property
    def _coder(self) -> Autoencoding:
        objective = fitted(self).objective_
        assert isinstance(objective, Autoencoding)
        return objective

    def _variational(self, wish: str) -> Variational:
        if not isinstance(self._coder, Variational):
            raise SettingError(
                f"{self.model_name} cannot {wish}: its codes have no distribution; fit Autoencoder('vae')"
            )
        return self._coder

    def _given(self, ask: Callable[[Tensor], Tensor], codes: Any, seed: int | None = None) -> Tensor:
        """What `ask` makes of codes."""
        z = torch.as_tensor(np.asarray(codes), dtype=torch.float32, device=device_under(self._coder))
        if z.ndim != 2:
            raise DataError(f"codes are (rows, numbers in a code), as `encode` gives them; got shape {tuple(z.shape)}")
        with torch.inference_mode(), kept_random(z.device, self.seed if seed is None else seed, "use"):
            try:
                return ask(z).cpu()
            except RuntimeError as error:
                raise DataError(f"codes of shape {tuple(z.shape)} do not fit this model: {error}") from error

    def encode(self, X: Any) -> np.ndarray:
        """The code of each row (rows, numbers in a code); of a VAE the mean of q(z | x)."""
        return self._asked(self._rows(X), self._coder.codes)

    def transform(self, X: Any) -> np.ndarray:
        """`encode` under scikit-learn's name."""
        return self.encode(X)

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """`fit(X)`, and the codes of these rows."""
        return self.fit(X).encode(X)

    def decode(self, codes: Any) -> Any:
        """Rows in the user's terms from codes (rows, numbers in a code)."""
        self._coder.eval()
        return self._said(self._given(self._coder.decoded, codes))

    def reconstruct(self, X: Any) -> Any:
        """Rows by way of their codes, in the user's terms; texts as bags of words come back as numbers of words."""
        return self._said(torch.from_numpy(self._asked(self._rows(X), self._coder.rebuilt)))

    @property
    def compression_(self) -> float:
        """How many numbers of a row stand for one of its code, as the rows of fit were shaped."""
        steps = getattr(self.codec_, "n_steps", 1) or 1
        n_in = float(np.prod(self.facts_.get("image_size", (1,)))) * self.facts_.get("in_channels", 1)
        n_in *= self.facts_.get("in_features", 1) * (self.facts_["step_features"] * steps if self._in_steps else 1)
        return n_in / self._coder.n_code

    @property
    def _in_steps(self) -> bool:
        return "step_features" in self.facts_

    # --- odd rows ---------------------------------------------------------------------------------

    def anomaly_score(self, X: Any) -> np.ndarray:
        """How badly each row is described (rows,): its mean error; of a VAE, minus the lower bound of ln p(x)."""
        return self._asked(self._rows(X), self._coder.scores)

    def predict(self, X: Any, *, on_error: str = "raise") -> np.ndarray:
        """`anomaly_score`; NaN for rows that `on_error="skip"` passed over."""
        X, good = usable(self, X, on_error)
        return spread(self.anomaly_score(X), good)

    @property
    def threshold_(self) -> float:
        """The score above which a row is odd: the training rows' at `quantile`."""
        return self._coder.threshold(float(self.quantile))

    def is_anomaly(self, X: Any) -> np.ndarray:
        """Whether each row is described worse than the training rows were, at `quantile` of them (rows,) bool."""
        return self.anomaly_score(X) > self.threshold_

    # --- missing values ---------------------------------------------------------------------------

    def impute(self, X: Any, *, missing: Any = None, n_draws: int | None = None, seed: int | None = None) -> Any:
        """Rows with their holes filled and nothing else changed: an array, frame or list like X.

        Parameters
        ----------
        X : a table, pictures or sequences in which NaN stands for what is missing.
        missing : True where an entry is missing, in the shape of X, for what has no NaN, such as bytes; of pictures
            also (rows, height, width), of a sequence (time,). The entries themselves are not looked at.
        n_draws : None fills in means; a number gives a list of so many X, each filled with a draw. A model that is no
            VAE has no law to draw from: its draws are equal.
        seed : of the draws; None takes the estimator's own.

        A VAE's are draws of what is missing given what is observed, weighed by importance; other models rebuild the row
        from its observed entries, and once more from what they made. Texts are refused: `LanguageModel.fill` is theirs.
        """
        if n_draws is not None and (isinstance(n_draws, bool) or n_draws < 1):
            raise SettingError(f"impute draws 1 filling or more; got n_draws={n_draws!r}")
        coder, given = self._coder, holed_rows(self, X, missing)
        rows = self._rows(given.raw)
        asks = [coder.expected] if n_draws is None else [coder.imputed] * n_draws
        made = []
        for i, ask in enumerate(asks):
            seeded_ask = self._seeded(ask, self.seed if seed is None else seed, i)
            found = torch.from_numpy(self._asked(rows, seeded_ask, at_once=self._weighed_at_once))
            made.append(given.filled(self._said(found)))
        return made[0] if n_draws is None else made

    @property
    def _weighed_at_once(self) -> int:
        """Rows for which many codes are drawn at a time."""
        return max(1, min(EVALUATED, int(HELD / (N_WEIGHED * self.compression_ * self._coder.n_code))))

    @staticmethod
    def _seeded(ask: Callable[[Batch], Tensor], *seed: int) -> Callable[[Batch], Tensor]:
        """`ask` whose first batch starts draws of its own."""
        begun: list[bool] = []

        def asked(batch: Batch) -> Tensor:
            if not begun:
                begun.append(True)
                seed_device(batch["x"].device, seed_of("impute", *seed))
            return ask(batch)

        return asked

    # --- new rows ---------------------------------------------------------------------------------

    def sample(self, n: int = 1, *, of: Literal["rows", "means"] = "rows", seed: int | None = None) -> Any:
        """Rows drawn from a VAE, in the user's terms: z of N(0, I), then x given z, or its mean (of="means")."""
        vae = self._variational("sample")
        if isinstance(n, bool) or n < 1:
            raise SettingError(f"sample draws 1 row or more; got n={n!r}")
        if of not in ("rows", "means"):
            raise SettingError(f"sample gives of='rows' or of='means'; got {of!r}")
        vae.eval()
        generator = seeded(self.seed if seed is None else seed)
        z = torch.randn(n, vae.n_code, generator=generator)
        if of == "means":
            return self._said(self._given(vae.decoded, z, seed))
        return self._said_drawn(self._given(vae.sampled, z, seed))

    def interpolate(self, a: Any, b: Any, *, n_steps: int = 8) -> Any:
        """Rows on the straight line between the codes of two rows, ends included, in the user's terms."""
        if n_steps < 2:
            raise SettingError(f"interpolate takes 2 steps or more, the ends among them; got n_steps={n_steps!r}")
        first, last = self.encode(a), self.encode(b)
        if len(first) != 1 or len(last) != 1:
            raise DataError(f"interpolate goes from one row to another; got {len(first)} and {len(last)}: give X[:1]")
        share = np.linspace(0, 1, n_steps, dtype=first.dtype)[:, None]
        return self.decode(first * (1 - share) + last * share)

    def arithmetic(self, plus: Any, minus: Any, to: Any) -> Any:
        """Rows `to` moved by the mean code of rows `plus` less that of rows `minus`, in the user's terms.

        Systems: latent-arithmetic
        """
        return self.decode(self.encode(to) + self.encode(plus).mean(0) - self.encode(minus).mean(0))

    # --- how good ---------------------------------------------------------------------------------

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """Of a VAE the mean lower bound of ln p(x), importance-weighted over 64 draws; else minus the mean error."""
        examples = self._examples(X, target=target, sample_weight=sample_weight)
        rows, coder = self._rows(examples.X), self._coder
        if isinstance(coder, Variational):
            each = self._weighed_at_once
            values = self._asked(rows, lambda batch: coder.log_density(batch, N_WEIGHED), at_once=each)
        else:
            values = -self._asked(rows, coder.scores)
        return float(np.average(values, weights=examples.weight))

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """The mean squared error of rows' reconstruction with its interval, beside that of their own mean row.

        Of "text_ae" the share of ids that are not written again in their places, beside writing nothing.
        """
        rows, coder = self._rows(self._examples(X, target=target).X), self._coder
        if isinstance(coder, TextReconstruction):
            wrong = self._asked(rows, coder.wrong)
            nothing = self._asked(rows, lambda batch: 1 - 1 / coder.due(batch)[1].sum(1))
            metric = mean_of("wrong_ids", wrong, float(nothing.mean()), higher_is_better=False)
            own: Any = "autoencoder"
            return Evaluation(own, [metric], len(wrong), "an empty text for each of them")
        errors = self._asked(
            rows, lambda batch: row_means((coder.rebuilt(batch) - batch["x"]).square(), observed_of(batch))
        )
        task: Any = "autoencoder"
        if self._in_steps:
            centre: Tensor | float = 0.0  # sequences are standardised, and of different lengths
        else:
            centre = torch.from_numpy(self._asked(rows, lambda batch: batch["x"]).mean(0))
        alone = self._asked(rows, lambda batch: row_means((batch["x"] - centre).square(), observed_of(batch)))
        metric = mean_of("reconstruction_error", errors, float(alone.mean()), higher_is_better=False)
        return Evaluation(task, [metric], len(errors), "the mean of these very rows for each of them")

    def plot(self, X: Any, *, n: int = 10, kind: Drawing = "pairs", y: Any = None) -> "Figure":
        """Pictures and what their codes give back; "codes" of rows on a map (of colours y); n x n decoded "manifold"s;
        or a "traverse" of n steps through the first row's code. `insight.codes` has the last two as arrays.
        """
        from ..insight import codes, generated, maps

        if kind not in get_args(Drawing):
            raise SettingError(f"kind={kind!r}; {did_you_mean(str(kind), get_args(Drawing))}")
        if kind == "codes":
            return maps.project(self.encode(X)).plot(y)
        if kind != "pairs":
            return (codes.manifold if kind == "manifold" else codes.traverse)(self, X, n=n).plot()
        if not isinstance(fitted(self).codec_, Image):
            raise SettingError("plot shows pictures beside what their codes give back; other rows: kind='codes'")
        return generated.plot_pairs(np.asarray(X[:n]), self.reconstruct(X[:n]))
