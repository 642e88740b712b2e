"""Two games one after the other: a small rough picture of what is asked for, then a larger one made from it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError
from ...functional.adversarial import Game, critic_loss, generator_loss
from ...train.phase import Batch, Phase
from ...train.randomness import kept_random
from .gan import N_LOOKED_AT, warn_of_collapse
from .generating import Generating
from .rules import Rules, store, with_old


def wrong_of(condition: Tensor, n_classes: int) -> Tensor:
    """Another class for each row, all others as likely."""
    shift = torch.randint(1, n_classes, condition.shape, device=condition.device)
    return (condition + shift) % n_classes


def matching_loss(
    right: Tensor, wrong: Tensor, fake: Tensor, *, game: Game = "nonsaturating", smooth: float = 0.0
) -> Tensor:
    """-ln D on real rows of their class, against the mean of -ln(1 - D) on real rows of another class and on made ones.

    Other games have their own loss in the place of -ln D and -ln(1 - D); see `functional.adversarial.critic_loss`.

    The equations print no term of real rows of another description, which the text asks for (F8-16).

    Systems: stackgan
    Source: Reed et al. 2016, algorithm 1; Zhang et al. 2017, section 3.5; Martinez-Ramon 8.9.1.

    >>> round(float(matching_loss(torch.zeros(2), torch.zeros(2), torch.zeros(2))), 6)
    0.693147
    """
    return (critic_loss(game, right, wrong, smooth=smooth) + critic_loss(game, right, fake, smooth=smooth)) / 2


class Stacked(Generating):
    """Stage I learns for the first half of training, stage II, on a stage I that stays as it is, for the second.

        critic      matching_loss of real pictures with their class, with another class, and of made ones
        generator   -ln D(made, class) + weight KL(N(mean, std^2) || N(0, I))

    Parameters
    ----------
    makers : (z, one-hot classes) -> (small pictures, KL), and (small pictures, one-hot classes) -> (pictures, KL).
    critics : (pictures, one-hot classes) -> one number each, of either stage.
    n_noise : numbers in z.
    weight : of the divergence; 1 is published.
    words : whether texts of `n_classes` words are asked for, and not classes: then a text is told as 1 for each word
        that it holds, so that its order is not, and a wrong text is that of another row.
    replay : made pictures of earlier steps that the critic of a stage is shown again, in place of half of the new ones.
    optimizer : of all players, unless the user's.
    **rules : see `Rules`; those of both stages.

    Systems: stackgan
    Source: Zhang et al. 2017; Martinez-Ramon 8.9, eqs 8.17 to 8.20: the left side of 8.20 is the loss of stage II's
    generator and not of stage I's (F8-16).
    """

    def __init__(self, makers: Sequence[nn.Module], critics: Sequence[nn.Module], shape: tuple[int, ...],
                 n_classes: int, *, n_noise: int, weight: float = 1.0, words: bool = False,
                 replay: int = 0, optimizer: dict[str, Any] | None = None, **rules: Any) -> None:  # fmt: skip
        super().__init__(shape, n_classes)
        if n_noise < 1 or not weight >= 0:
            raise SettingError(f"n_noise is at least 1 and weight at least 0; got {n_noise} and {weight}")
        self.makers, self.critics = nn.ModuleList(makers), nn.ModuleList(critics)
        self.n_noise, self.weight_of_kl, self.optimizer = n_noise, weight, dict(optimizer or {})
        self.words, self.rules = words, Rules(**rules)
        self.as_one = self.rules.as_one
        self.rules.bounded(self.critics)  # type: ignore[arg-type]
        self.pasts = nn.ModuleList(past for past in (store(replay) for _ in self.critics) if past is not None)

    @property
    def by_rows(self) -> bool:
        return not self.pasts

    def phases(self) -> Sequence[Phase]:
        self.rules.check()
        found, every = [], self.rules.n_critic
        for i, during in enumerate(((0.0, 0.5), (0.5, 1.0))):
            shared: dict[str, Any] = {"during": during, "optimizer": self.optimizer}
            critic = self.criticise_second if i else self.criticise_first
            maker = self.deceive_second if i else self.deceive_first
            named, clip = ("first", "second")[i], self.rules.clip([self.critics[i]])
            found.append(Phase(f"{named}_critic", critic, self.critics[i].parameters(), after=clip, **shared))
            found.append(Phase(f"{named}_generator", maker, self.makers[i].parameters(), every=every, **shared))
        return found

    def sketched(self, like: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Small pictures out of fresh noise, and the divergence of their conditions."""
        z = torch.randn(len(like), self.n_noise, device=like.device, dtype=like.dtype)
        return self.makers[0](z, condition)

    def made(self, stage: int, like: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures of a stage, and the divergence of their conditions; stage II leaves stage I as it is."""
        if stage == 0:
            return self.sketched(like, condition)
        training = self.makers[0].training
        self.makers[0].eval()
        with torch.no_grad():
            small, _ = self.sketched(like, condition)
        self.makers[0].train(training)
        return self.makers[1](small, condition)

    def _criticise(self, stage: int, batch: Batch) -> Tensor:
        x = batch["x"] if stage else F.avg_pool2d(batch["x"], 2)
        right = self.told(self.condition_of(batch))
        wrong = self._another(right)
        differs = (wrong != right).any(1)
        fake, asked = self.shown(stage, x, right)
        critic, rules = self.critics[stage], self.rules
        said, of_fake = critic(x, right), critic(fake, asked)
        if not differs.any():  # all rows of a batch say the same
            loss = rules.cost(said, of_fake)
        else:
            others = critic(x, wrong)[differs]
            loss = matching_loss(said, others, of_fake, game=rules.game, smooth=rules.smooth)
        return loss + rules.held(lambda at: critic(at, right), x, fake, said)

    def shown(self, stage: int, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor | None]:
        """Made pictures for a stage's critic and what they were made for; while training with `replay` some are old."""
        with torch.no_grad():
            fake, _ = self.made(stage, x, condition)
            if not self.pasts or not self.training:
                return fake, condition
            return with_old(self.pasts[stage], fake, condition)  # type: ignore[arg-type]

    def condition_of(self, batch: Batch) -> Tensor:
        """The class of each row (n,), or the ids of its words (n, longest), filled up with 0."""
        return batch["y"].long() if self.words else batch["y"].flatten().long()

    def told(self, condition: Tensor) -> Tensor:  # type: ignore[override]
        """Classes as unit vectors, words as 1 for each that a text holds (n, n_classes)."""
        if not self.words:
            return super().told(condition)
        return torch.zeros(len(condition), self.n_classes + 1, device=condition.device).scatter(1, condition, 1.0)[
            :, 1:
        ]

    def _another(self, told: Tensor) -> Tensor:
        """Another class for each row; of texts that of another row, which may be the same."""
        if not self.words:
            return self.told(wrong_of(told.argmax(1), self.n_classes))
        return told.roll(int(torch.randint(1, max(len(told), 2), ())), 0)

    def _deceive(self, stage: int, batch: Batch) -> Tensor:
        right = self.told(self.condition_of(batch))
        fake, divergence = self.made(stage, batch["x"], right)
        loss = generator_loss(self.rules.game, self.critics[stage](fake, right))
        return loss + self.weight_of_kl * divergence.mean()

    def criticise_first(self, batch: Batch) -> Tensor:
        """The loss of stage I's critic."""
        return self._criticise(0, batch)

    def deceive_first(self, batch: Batch) -> Tensor:
        """The loss of stage I's generator."""
        return self._deceive(0, batch)

    def criticise_second(self, batch: Batch) -> Tensor:
        """The loss of stage II's critic."""
        return self._criticise(1, batch)

    def deceive_second(self, batch: Batch) -> Tensor:
        """The loss of stage II's generator."""
        return self._deceive(1, batch)

    def drawn(self, n: int, condition: Tensor | None, generator: torch.Generator) -> Tensor:
        assert condition is not None
        z = torch.randn(n, self.n_noise, generator=generator).to(next(self.makers.parameters()))
        told = self.told(condition)
        return self.makers[1](self.makers[0](z, told)[0], told)[0]

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        critic, maker = self.criticise_second(batch), self.deceive_second(batch)
        return {"loss": critic, "critic": critic, "generator": maker}

    def conclude(self, batches: Callable[[], Iterable[Batch]]) -> None:
        self.eval()
        for past in self.pasts:
            past.clear()  # type: ignore[operator]
        batch = next(iter(batches()))
        x = batch["x"][:N_LOOKED_AT]
        with torch.no_grad(), kept_random(x.device, "conclude"):
            made, _ = self.made(1, x, self.told(self.condition_of(batch)[: len(x)]))
        warn_of_collapse(made.flatten(1), x.flatten(1), "a lower lr, or more epochs")
