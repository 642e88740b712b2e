"""Two players: a critic that tells real rows from generated ones, and a generator that learns from its answers."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ...errors import DataWarning, SettingError, did_you_mean
from ...functional.adversarial import (
    Game,
    critic_loss,
    generator_loss,
    gradient_penalty,
    zero_centred_penalty,
)
from ...functional.augmentation.differentiable import differentiable_changes
from ...train.phase import Batch, Phase
from ...train.randomness import kept_random
from .generating import Generating
from .image_translation import Past

Lipschitz = Literal["none", "clip", "penalty", "spectral"]
N_LOOKED_AT = 512  # rows drawn when training ended
NARROW = 0.1  # of the rows' spread: below it samples have collapsed


class Adversarial(Generating):
    """A critic's move, and on each `n_critic`-th step the generator's; each leaves the other's weights alone.

    Parameters
    ----------
    generator : (z, one-hot classes or numbers) -> rows; critic : (rows, the same) -> one number a row (n,).
    n_noise : numbers in z ~ N(0, I).
    game : see `functional.adversarial`.
    n_critic : moves of the critic to one of the generator.
    lipschitz : "clip" holds the critic's weights in [-bound, bound], "penalty" its slope near 1, `strength` times;
        "spectral" divides the weights of each of its layers by their largest singular value (Miyato et al. 2018), which
        one step of a power iteration follows.
    smooth : taken from the label of real rows.
    replay : made rows of earlier steps that the critic is shown again, an old one for a new one half of the time.
    r1 : how much the critic's squared slope on real rows costs it; drift : its squared answer to them.
    augment : changes of pictures that the critic sees, real and made; see `functional.augmentation.differentiable`.
    optimizer : of both players, unless the user's.

    `generator` rows are made without a gradient in the critic's move. When training ends, samples that have
    collapsed are warned of; see `collapse`.

    Systems: gan, gan-alternating-training, wgan, wgan-gp, conditional-gan, gan-mode-collapse
    Source: Martinez-Ramon 8.2 to 8.6; a WGAN also drops the logistic function and lets the critic move several times,
    which the text leaves out (F8-7).
    """

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        shape: tuple[int, ...],
        n_classes: int,
        *,
        n_told: int = 0,
        n_noise: int,
        game: Game = "nonsaturating",
        n_critic: int = 1,
        lipschitz: Lipschitz = "none",
        bound: float = 0.01,
        strength: float = 10.0,
        smooth: float = 0.0,
        replay: int = 0,
        r1: float = 0.0,
        drift: float = 0.0,
        augment: str = "",
        optimizer: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(shape, n_classes, n_told)
        if n_critic < 1 or n_noise < 1 or not bound > 0 or not strength >= 0 or not 0 <= smooth < 1:
            raise SettingError(
                "a GAN has n_critic and n_noise of at least 1, bound > 0, strength >= 0 and smooth in [0, 1); "
                f"got {n_critic}, {n_noise}, {bound}, {strength}, {smooth}"
            )
        if not min(r1, drift) >= 0 or replay < 0:
            raise SettingError(
                f"r1 and drift weigh penalties, replay counts rows: at least 0; got {r1}, {drift} and {replay}"
            )
        if lipschitz not in get_args(Lipschitz):
            raise SettingError(f"no lipschitz={lipschitz!r}; {did_you_mean(lipschitz, get_args(Lipschitz))}")
        if augment:
            differentiable_changes(torch.zeros(1, 1, 2, 2)[:0], augment)  # which refuses what it does not know
        self.r1, self.drift, self.augment = r1, drift, augment
        self.as_one = lipschitz in ("penalty", "spectral") or r1 > 0
        self.past = Past(replay) if replay else None
        self.generator, self.n_noise = generator, n_noise
        self.critic = spectral(critic) if lipschitz == "spectral" else critic
        self.game, self.n_critic, self.lipschitz = game, n_critic, lipschitz
        self.bound, self.strength, self.smooth, self.optimizer = bound, strength, smooth, dict(optimizer or {})

    @property
    def by_rows(self) -> bool:
        return self.past is None

    def check_game(self) -> None:
        """Refuses to begin a game that has no end, or a setting that it does not know."""
        if self.game == "wasserstein" and self.lipschitz == "none" and not self.r1:
            raise SettingError("game 'wasserstein' has no bound where the critic's slope has none; give lipschitz="
                               "'spectral' or 'penalty', or another game")  # fmt: skip
        if self.smooth and self.game in ("hinge", "wasserstein"):
            raise SettingError(f"smooth={self.smooth} is taken from labels, and game {self.game!r} has none; leave it "
                               "out, or choose 'nonsaturating' or 'least_squares'")  # fmt: skip

    def phases(self) -> Sequence[Phase]:
        self.check_game()
        clip = self._clip if self.lipschitz == "clip" else None
        own = self.optimizer
        return [
            Phase("critic", self.criticise, self.critic.parameters(), optimizer=own, after=clip),
            Phase("generator", self.deceive, self.generator.parameters(), optimizer=own, every=self.n_critic),
        ]

    def _clip(self) -> None:
        for parameter in self.critic.parameters():
            parameter.clamp_(-self.bound, self.bound)

    def made(self, n: int, like: Tensor, condition: Tensor | None) -> Tensor:
        """Rows out of fresh noise."""
        z = torch.randn(n, self.n_noise, device=like.device, dtype=like.dtype)
        return self.generator(z, condition)

    def seen(self, x: Tensor) -> Tensor:
        """Rows as the critic sees them."""
        return differentiable_changes(x, self.augment) if self.augment else x

    def shown(self, x: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Made rows for the critic, and what they were made for; while training with `replay` some are old."""
        with torch.no_grad():
            fake = self.made(len(x), x, condition)
            if self.past is None or not self.training:
                return fake, condition
            if condition is None:
                return self.past(fake), None
            rows = self.past(torch.cat([fake.flatten(1), condition.to(fake)], 1))
        made, told = rows.split([fake[0].numel(), condition.shape[1]], 1)
        return made.reshape(fake.shape), told

    def criticise(self, batch: Batch) -> Tensor:
        """The critic's loss."""
        x, condition = batch["x"], self.told(self.condition_of(batch))
        fake, asked = self.shown(x, condition)
        x, fake = self.seen(x), self.seen(fake)
        said = self.critic(x, condition)
        loss = critic_loss(self.game, said, self.critic(fake, asked), smooth=self.smooth)
        if self.drift:
            loss = loss + self.drift * said.square().mean()
        if self.r1:
            loss = loss + self.r1 * zero_centred_penalty(lambda at: self.critic(at, condition), x)
        if self.lipschitz == "penalty":
            share = torch.rand(len(x), device=x.device, dtype=x.dtype)
            loss = loss + self.strength * gradient_penalty(lambda at: self.critic(at, condition), x, fake, share)
        return loss

    def deceive(self, batch: Batch) -> Tensor:
        """The generator's loss."""
        x, condition = batch["x"], self.told(self.condition_of(batch))
        return generator_loss(self.game, self.critic(self.seen(self.made(len(x), x, condition)), condition))

    def drawn(self, n: int, condition: Tensor | None, generator: torch.Generator) -> Tensor:
        return self.rows_of(torch.randn(n, self.n_noise, generator=generator), condition)

    @property
    def noise_shape(self) -> tuple[int, ...] | None:
        return (self.n_noise,)

    def rows_of(self, noise: Tensor, condition: Tensor | None, generator: torch.Generator | None = None) -> Tensor:
        return self.generator(noise.to(next(self.generator.parameters())), self.told(condition))

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        critic = self.criticise(batch)
        return {"loss": critic, "critic": critic, "generator": self.deceive(batch)}

    def conclude(self, batches: Callable[[], Iterable[Batch]]) -> None:
        self.eval()
        if self.past is not None:
            self.past.clear()
        batch = next(iter(batches()))
        x = batch["x"][:N_LOOKED_AT]
        with torch.no_grad(), kept_random(x.device, "conclude"):
            condition = self.condition_of(batch)
            condition = None if condition is None else condition[: len(x)]
            made = self.made(len(x), x, self.told(condition)).flatten(1)
        what = collapse(made, x.flatten(1))
        if what:
            other = "" if self.lipschitz == "penalty" or len(self.shape) > 1 else "pn.model('wgan_gp'), "
            warnings.warn(
                f"the generator has collapsed: {what}; try {other}a lower lr, or more epochs",
                DataWarning,
                stacklevel=6,
            )


def spectral(critic: nn.Module) -> nn.Module:
    """The critic, each of whose layers' weights is divided by its largest singular value."""
    for part in critic.modules():
        if isinstance(part, nn.Linear | nn.Conv1d | nn.Conv2d):
            parametrizations.spectral_norm(part)
    return critic


def collapse(made: Tensor, rows: Tensor) -> str:
    """In what way samples have collapsed beside rows (n, d), or nothing where they have not.

    Either their spread is under a tenth of the rows', or their distance to the nearest fellow, by the median: many
    noises make few rows, be they far apart (F8-22).

    >>> rows = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    >>> collapse(rows + 1, rows), collapse(rows[:1] + 1e-3 * rows, rows)
    ('', 'its samples hardly differ from one another')
    >>> collapse(10 * rows.sign() + 1e-3 * rows, rows)
    'its samples fall together in a few places'
    """
    if len(made) < 3:
        return ""
    if float(made.std(0).mean()) < NARROW * float(rows.std(0).mean()):
        return "its samples hardly differ from one another"
    near = [torch.cdist(side, side).fill_diagonal_(torch.inf).min(1).values.median() for side in (made, rows)]
    return "its samples fall together in a few places" if float(near[0]) < NARROW * float(near[1]) else ""
