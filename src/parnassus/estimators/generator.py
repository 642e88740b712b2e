"""New rows like those seen: pictures and tables, of a class if wanted."""

from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np
import torch

from ..data.codec import Codec
from ..data.images.image import Image
from ..data.sources import Columns
from ..data.targets import Labels
from ..errors import DataError, SettingError, did_you_mean
from ..evaluation.result import Evaluation, Metric
from ..functional.metrics.generation import squared_mmd
from ..functional.metrics.latent_space import Path
from ..models.generative.gan import critic_features
from ..objectives.generative.generating import Generating
from ..train.randomness import seeded
from ..train.trainer import Trainer
from .answers.drawing import (
    STAGED,
    check_stages,
    drawn,
    figures_of,
    first_noises,
    noise_shape_of,
    noises_given,
    stage,
    way,
)
from .answers.refilling import refilled, varied
from .answers.using import EVALUATED
from .fitting.conditions import asked_of, check_taken, conditions_shown, goal_of
from .fitting.intake import Examples, examples_of
from .fitting.training import threads_for
from .protocol import fitted, unfitted_on_error
from .unsupervised import Unsupervised

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMPARED = 2_000  # rows that a sample is compared with


class Generator(Unsupervised):
    """Rows drawn anew, like those seen: pictures and tables, of a given class where classes were told.

    Parameters
    ----------
    condition : what y says of a row: its "class", a "text" of words (for "latent_diffusion"), or "numbers", one or
        many, which are standardised.
    pictures_every : epochs from one grid of pictures to the next, drawn from the same noises by the net as it is then,
        or by its average: into the folder `out`, as pictures/epoch_0001.png and so on, and into its TensorBoard events.
    **training : the settings that all estimators share; see `Estimator`.

    Pictures run from -1 to 1 while learning and come back as bytes; columns of a table are standardised unless a
    `codec` says otherwise, and come back in their own units.
    """

    default_models = {"table": "ddpm", "image": "ddpm", "text": "ddpm", "sequences": "ddpm"}

    _shown: torch.Tensor | None  # what the pictures of a grid drawn while learning are asked to be of

    def __init__(
        self, model: Any = None, *, condition: str = "class", pictures_every: int | None = None, **training: Any
    ) -> None:
        super().__init__(model, **training)
        self.condition, self.pictures_every = condition, pictures_every

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from rows X, and from what they are of, where y says so.

        Parameters
        ----------
        X : pictures, an array, a frame, or a path.
        y : the condition: the class, text or numbers (rows,) or (rows, columns) of each row, which `sample` may then
            ask for; None knows none.
        target : the column of X, or columns, that hold the condition, in place of y.
        validation : a fraction to hold out, or (X, y) of other rows.
        sample_weight : how much each row counts (rows,).

        Raises
        ------
        DataError : the data break a contract; the message names the row, column or file and the remedy.
        """
        check_stages(self)
        examples = examples_of(X, y, target=target, sample_weight=sample_weight, memory=self.memory)
        goal = goal_of(self.condition, examples.y)
        held = self._held_out(validation) if goal is None else validation
        if len(examples) < 2:
            raise DataError("a generator learns how rows differ, and X holds one row; give 2 or more")
        ready = self._ready(examples, goal, held, None)
        with unfitted_on_error(self):
            check_taken(self)
            self._stage(examples.y)
        return self._train(self._started(ready))

    def _stage(self, y: Any) -> None:
        """Note what the pictures drawn while learning are to be of."""
        if self.pictures_every is None:
            return
        if not isinstance(self.codec_, Image):
            raise SettingError("pictures_every draws pictures, and these rows are none; leave it out")
        self._shown = asked_of(self, conditions_shown(self, y, STAGED), STAGED)

    def stage(self, trainer: Trainer) -> np.ndarray | None:
        """The grid of pictures that is due at the end of an epoch, bytes, or None where none is."""
        done, every = len(trainer.history), self.pictures_every
        ended = trainer.step >= trainer.steps or trainer.stopped
        return stage(self, trainer, self._shown) if every is not None and (ended or done % every == 0) else None

    def figures(self, examples: Examples) -> dict[str, str]:
        """What a report shows beside the numbers: the grids drawn while learning, pictures as training changes them."""
        return figures_of(self, examples)

    def worst(self, examples: Examples, n: int) -> list[Any]:
        """The rows answered worst, for a report: a generator answers none."""
        return []

    def _fit_codecs(self, train: Examples, target: Any) -> None:
        super()._fit_codecs(train, target)
        if isinstance(self.codec_, Image):
            self.codec_.mean, self.codec_.std = torch.full((1, 1, 1), 127.5), torch.full((1, 1, 1), 127.5)

    def own_codec(self, X: Any) -> Codec | None:
        return self.codec

    @property
    def classes_(self) -> np.ndarray | None:
        """The classes that may be asked for, or None."""
        return self.target_.classes if isinstance(fitted(self).target_, Labels) else None

    def _drawn(self, n: int, condition: Any, seed: int | None, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Rows as the model has them."""
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise SettingError(f"sample draws 1 row or more; got n={n!r}")
        made = fitted(self).objective_
        assert isinstance(made, Generating)
        made.eval()
        told = asked_of(self, condition, int(n))
        with torch.inference_mode(), threads_for(made, EVALUATED):
            x = drawn(made, int(n), told, self.seed if seed is None else seed, noise)
        if not x.isfinite().all():
            raise DataError(
                f"{self.model_name} draws rows with NaN or infinite numbers: it has learned too little, or diverged; "
                "train for more epochs=, or with a lower lr="
            )
        return x

    def sample(self, n: int = 1, *, condition: Any = None, seed: int | None = None, noise: Any = None) -> Any:
        """Rows drawn anew, in the user's terms: pictures as bytes, tables in their units, texts as numbers of words.

        Parameters
        ----------
        condition : a class, a text, or numbers (columns,), or one for each row, where fit was told such.
        seed : None takes the estimator's own; equal seeds give equal rows.
        noise : the noises that rows come of, one a row, as `noises` gives them; then n is their number.

        Raises
        ------
        SettingError : n is no number of rows; a noise for a model that draws on its way, such as "gsn".
        DataError : a condition that fit did not see; noises of another shape, or that are not finite; rows drawn that
            are not.
        """
        if noise is not None:
            fitted(self)
            noise = noises_given(self, noise)
            if n not in (1, len(noise)):
                raise SettingError(
                    f"sample(noise=...) draws a row of each noise: {len(noise)}; got n={n}: leave it out"
                )
            n = len(noise)
        return self._said_drawn(self._drawn(n, condition, seed, noise))

    def noises(self, n: int = 1, *, seed: int | None = None) -> np.ndarray:
        """The noises (n, ...) that `sample(n, seed=seed)` makes rows of, for `sample(noise=...)` and `interpolate`.

        Models have them whose rows are decided by one: GANs ("info_gan" and "stackgan" apart), "flow_matching", and
        diffusions with any sampler but "ddpm". A "stylegan" adds noise to pixels beside, which is the seed's.
        """
        shape = noise_shape_of(fitted(self))
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise SettingError(f"noises draws 1 noise or more; got n={n!r}")
        return first_noises(shape, int(n), self.seed if seed is None else seed).numpy()

    def interpolate(
        self,
        a: Any,
        b: Any,
        *,
        n_steps: int = 8,
        path: Path = "spherical",
        condition: Any = None,
        seed: int | None = None,
    ) -> Any:
        """Rows on the way from noise a to noise b, ends included, in the user's terms.

        Parameters
        ----------
        a, b : noises, such as two of `noises(2)`.
        path : "spherical" goes round the origin, where normal noises lie; "straight" through what lies between.
        condition : a class, a text or numbers, or one a step.

        Raises
        ------
        SettingError : fewer than 2 steps, another path, a model whose rows have no noise of their own.
        DataError : noises of another shape; opposite ones, between which no way round the origin is the shortest.

        Source: White 2016.
        """
        fitted(self)
        if isinstance(n_steps, bool) or not isinstance(n_steps, int | np.integer) or n_steps < 2:
            raise SettingError(f"interpolate takes 2 steps or more, the ends among them; got n_steps={n_steps!r}")
        if path not in get_args(Path):
            raise SettingError(f"path={path!r}; {did_you_mean(str(path), get_args(Path))}")
        first, last = noises_given(self, a, name="a", one=True), noises_given(self, b, name="b", one=True)
        return self.sample(noise=way(first, last, int(n_steps), path), condition=condition, seed=seed)

    # --- from rows that are there -----------------------------------------------------------------

    def impute(self, X: Any, *, missing: Any = None, n_draws: int | None = None, condition: Any = None,
               n_again: int = 10, seed: int | None = None) -> Any:  # fmt: skip
        """Rows with their holes filled by draws of a diffusion that agree with the rest: an array or frame like X.

        Parameters
        ----------
        X : a table or pictures in which NaN stands for what is missing.
        missing : True where an entry is missing, for what has no NaN; of pictures also (rows, height, width).
        n_draws : a number gives a list of so many X; None is one draw.
        condition : as of `sample`.
        n_again : how often each step back is taken; the more, the better a draw agrees with what is observed.

        Source: Lugmayr et al. 2022 (RePaint).
        """
        return refilled(self, X, missing=missing, n_draws=n_draws, condition=condition, n_again=n_again, seed=seed)

    def vary(self, X: Any, *, strength: float = 0.5, condition: Any = None, seed: int | None = None) -> Any:
        """Rows near rows X: a diffusion adds noise for a share `strength` of its steps, and takes it away again.

        `condition` is as of `sample`: rows may be drawn towards another class than their own.

        Source: Meng et al. 2022 (SDEdit).
        """
        return varied(self, X, strength=strength, condition=condition, seed=seed)

    # --- how good ---------------------------------------------------------------------------------

    def _compared(self, X: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows, and as many drawn, of the same classes, as vectors of the model."""
        x = torch.from_numpy(self._asked(self._rows(X), lambda batch: batch["x"]))[:COMPARED]
        if self.target_ is not None and y is None:
            raise DataError("this generator draws rows of a class; give the class of each row, y, to compare it with X")
        labels = None if self.target_ is None else np.asarray(y)[: len(x)]
        return x.flatten(1), self._drawn(len(x), labels, None).flatten(1)

    def _examined(self, X: Any, y: Any, target: Columns | None) -> tuple[torch.Tensor, torch.Tensor]:
        named = target or (self.target_name_ if y is None else None)
        found = examples_of(X, y, target=named, memory=self.memory)
        return self._compared(found.X, found.y)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """Minus the squared maximum mean discrepancy between rows X and as many drawn: 0 is best."""
        return -squared_mmd(*self._examined(X, y, target))

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """The squared maximum mean discrepancy of drawn rows, beside that of one Gaussian a column."""
        x, drawn = self._examined(X, y, target)
        generator = seeded(self.seed)
        alone = x.mean(0) + x.std(0) * torch.randn(x.shape, generator=generator)
        task: Any = "generator"
        metric = Metric("squared_mmd", squared_mmd(x, drawn), None, None, squared_mmd(x, alone), False)
        return Evaluation(task, [metric], len(x), "one Gaussian a column, fitted on these very rows")

    def features(self, X: Any) -> np.ndarray:
        """What the critic of a DCGAN sees in pictures X, as rows for a linear classifier (rows, features).

        The largest of each of 4 x 4 places of each map, of all convolutions but the first. Standardise them, or scale
        them to unit length, before `sklearn.svm.LinearSVC`.
        """
        critic = getattr(getattr(fitted(self).objective_, "critic", None), "net", None)
        pictures = isinstance(self.codec_, Image) and self.target_ is None
        if not pictures or not isinstance(critic, torch.nn.Sequential):
            raise SettingError("features are of a critic of pictures that was told no classes: fit Generator('dcgan')")
        return self._asked(self._rows(X), lambda batch: critic_features(critic, batch["x"]))

    def plot(self, n: int = 32, *, condition: Any = None, seed: int | None = None) -> "Figure":
        """A grid of pictures drawn."""
        from ..insight.generated import plot_grid

        if not isinstance(fitted(self).codec_, Image):
            raise SettingError("plot shows pictures; these rows are none: plot columns of sample(n)")
        return plot_grid(np.asarray(self.sample(n, condition=condition, seed=seed)))
