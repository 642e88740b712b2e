"""Two players: a critic that tells real rows from generated ones, and a generator that learns from its answers."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import DataWarning, SettingError
from ...functional.adversarial import generator_loss
from ...functional.augmentation.differentiable import differentiable_changes
from ...train.phase import Batch, Phase
from ...train.randomness import kept_random
from .generating import Generating
from .rules import Rules, store, with_old

N_LOOKED_AT = 512  # rows drawn when training ended
NARROW = 0.1  # of the rows' spread: below it samples have collapsed


class Adversarial(Generating):
    """A critic's move, and on each `n_critic`-th step the generator's; each leaves the other's weights alone.

    Parameters
    ----------
    generator : (z, one-hot classes or numbers) -> rows; critic : (rows, the same) -> one number a row (n,).
    n_noise : numbers in z ~ N(0, I).
    replay : made rows of earlier steps that the critic is shown again, an old one for a new one half of the time.
    augment : changes of pictures that the critic sees, real and made; see `functional.augmentation.differentiable`.
    optimizer : of both players, unless the user's.
    **rules : see `Rules`.

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
        replay: int = 0,
        augment: str = "",
        optimizer: dict[str, Any] | None = None,
        **rules: Any,
    ) -> None:
        super().__init__(shape, n_classes, n_told)
        if n_noise < 1:
            raise SettingError(f"a GAN has n_noise of at least 1; got {n_noise}")
        if augment:
            differentiable_changes(torch.zeros(1, 1, 2, 2)[:0], augment)  # which refuses what it does not know
        self.rules, self.augment = Rules(**rules), augment
        self.as_one = self.rules.as_one
        self.past = store(replay)
        self.generator, self.critic, self.n_noise = generator, critic, n_noise
        self.rules.bounded(self.judging)
        self.optimizer = dict(optimizer or {})

    @property
    def by_rows(self) -> bool:
        return self.past is None and not getattr(self.critic, "sees_batches", False)

    @property
    def judging(self) -> Sequence[nn.Module]:
        """The parts of the critic that say how real a row is."""
        return [self.critic]

    def phases(self) -> Sequence[Phase]:
        self.rules.check()
        clip, own = self.rules.clip(self.judging), self.optimizer
        every = self.rules.n_critic
        return [
            Phase("critic", self.criticise, self.critic.parameters(), optimizer=own, after=clip),
            Phase("generator", self.deceive, self.generator.parameters(), optimizer=own, every=every),
        ]

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
        return (fake, condition) if self.past is None or not self.training else with_old(self.past, fake, condition)

    def judged(self, x: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor | float]:
        """What the critic says of rows (n,), and what else they cost who shows them."""
        return self.critic(x, condition), 0.0

    def criticise(self, batch: Batch) -> Tensor:
        """The critic's loss."""
        x, condition = batch["x"], self.told(self.condition_of(batch))
        fake, asked = self.shown(x, condition)
        x, fake = self.seen(x), self.seen(fake)
        said, more = self.judged(x, condition)
        loss = self.rules.cost(said, self.critic(fake, asked)) + more
        return loss + self.rules.held(lambda at: self.critic(at, condition), x, fake, said)

    def deceive(self, batch: Batch) -> Tensor:
        """The generator's loss."""
        x, condition = batch["x"], self.told(self.condition_of(batch))
        said, more = self.judged(self.seen(self.made(len(x), x, condition)), condition)
        return generator_loss(self.rules.game, said) + more

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
        other = "" if self.rules.lipschitz == "penalty" or len(self.shape) > 1 else "pn.model('wgan_gp'), "
        warn_of_collapse(made, x.flatten(1), f"{other}a lower lr, or more epochs")


def warn_of_collapse(made: Tensor, rows: Tensor, remedy: str) -> None:
    """Say so where a generator's rows have collapsed; called by `conclude`, whom its caller's caller is shown for."""
    what = collapse(made, rows)
    if what:
        warnings.warn(f"the generator has collapsed: {what}; try {remedy}", DataWarning, stacklevel=7)


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
