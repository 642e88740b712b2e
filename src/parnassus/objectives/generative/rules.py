"""What the players of a game lose, how often each moves, and what holds the critic back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ...errors import SettingError, did_you_mean
from ...functional.adversarial import Game, critic_loss, gradient_penalty, zero_centred_penalty
from .image_translation import Past

Lipschitz = Literal["none", "clip", "penalty", "spectral"]


@dataclass(frozen=True)
class Rules:
    """The rules of a game of a generator and a critic, which all kinds of games share.

    Parameters
    ----------
    game : see `functional.adversarial`.
    n_critic : moves of the critic to one of the generator.
    lipschitz : "clip" holds the critic's weights in [-bound, bound], "penalty" its slope near 1, `strength` times;
        "spectral" divides the weights of each of its layers by their largest singular value (Miyato et al. 2018), which
        one step of a power iteration follows.
    smooth : taken from the label of real rows.
    r1 : how much the critic's squared slope on real rows costs it; drift : its squared answer to them.

    Raises
    ------
    SettingError : a number outside its range, a name that is not known.
    """

    game: Game = "nonsaturating"
    n_critic: int = 1
    lipschitz: Lipschitz = "none"
    bound: float = 0.01
    strength: float = 10.0
    smooth: float = 0.0
    r1: float = 0.0
    drift: float = 0.0

    def __post_init__(self) -> None:
        if self.n_critic < 1 or not self.bound > 0 or not self.strength >= 0 or not 0 <= self.smooth < 1:
            raise SettingError(
                "a GAN has n_critic of at least 1, bound > 0, strength >= 0 and smooth in [0, 1); got "
                f"{self.n_critic}, {self.bound}, {self.strength}, {self.smooth}"
            )
        if not min(self.r1, self.drift) >= 0:
            raise SettingError(f"r1 and drift weigh penalties: at least 0; got {self.r1} and {self.drift}")
        if self.lipschitz not in get_args(Lipschitz):
            raise SettingError(f"no lipschitz={self.lipschitz!r}; {did_you_mean(self.lipschitz, get_args(Lipschitz))}")

    @property
    def as_one(self) -> bool:
        """Whether losses look at the critic's weights outside its parts' calls."""
        return self.lipschitz in ("penalty", "spectral") or self.r1 > 0

    def check(self) -> None:
        """Refuses to begin a game that has no end, or a setting that it does not know."""
        if self.game == "wasserstein" and self.lipschitz == "none" and not self.r1:
            raise SettingError("game 'wasserstein' has no bound where the critic's slope has none; give lipschitz="
                               "'spectral' or 'penalty', or another game")  # fmt: skip
        if self.smooth and self.game in ("hinge", "wasserstein"):
            raise SettingError(f"smooth={self.smooth} is taken from labels, and game {self.game!r} has none; leave it "
                               "out, or choose 'nonsaturating' or 'least_squares'")  # fmt: skip

    def bounded(self, parts: Sequence[nn.Module]) -> None:
        """Let the parts of a critic be of spectral norms, where the rules say so."""
        if self.lipschitz == "spectral":
            for part in parts:
                spectral(part)

    def clip(self, parts: Sequence[nn.Module]) -> Callable[[], None] | None:
        """What is done to the parts of a critic after each of its moves."""
        if self.lipschitz != "clip":
            return None

        def clipped() -> None:
            for parameter in (p for part in parts for p in part.parameters()):
                parameter.clamp_(-self.bound, self.bound)

        return clipped

    def cost(self, real: Tensor, fake: Tensor) -> Tensor:
        """What a critic's answers cost it."""
        return critic_loss(self.game, real, fake, smooth=self.smooth)

    def held(self, critic: Callable[[Tensor], Tensor], x: Tensor, fake: Tensor, said: Tensor) -> Tensor | float:
        """What a critic's slope and the size of its answers `said` to rows x cost it."""
        loss: Tensor | float = 0.0
        if self.drift:
            loss = loss + self.drift * said.square().mean()
        if self.r1:
            loss = loss + self.r1 * zero_centred_penalty(critic, x)
        if self.lipschitz == "penalty":
            share = torch.rand(len(x), device=x.device, dtype=x.dtype)
            loss = loss + self.strength * gradient_penalty(critic, x, fake, share)
        return loss


def store(n: int) -> Past | None:
    """Room for so many made rows of earlier steps, or none."""
    if n < 0:
        raise SettingError(f"replay counts rows: at least 0; got {n}")
    return Past(n) if n else None


def with_old(past: Past, fake: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Made rows, some of earlier steps in place of new ones, each with the condition that it was made for."""
    if condition is None:
        return past(fake), None
    rows = past(torch.cat([fake.flatten(1), condition.to(fake)], 1))
    made, told = rows.split([fake[0].numel(), condition.shape[1]], 1)
    return made.reshape(fake.shape), told


def spectral(critic: nn.Module) -> nn.Module:
    """The critic, each of whose layers' weights is divided by its largest singular value."""
    for part in critic.modules():
        if isinstance(part, nn.Linear | nn.Conv1d | nn.Conv2d):
            parametrizations.spectral_norm(part)
    return critic
