"""Games whose critic also says what a row is of: the class that was told, or a code that was not."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError
from ...functional.adversarial import generator_loss, information_bound
from ...train.phase import Batch, Phase
from .gan import Adversarial


class Answering(nn.Module):
    """A critic of two answers out of one body: `critic(x)` is how real rows are (n,), `said(x)` what they are of."""

    def __init__(self, body: nn.Module, judge: nn.Module, namer: nn.Module) -> None:
        super().__init__()
        self.body, self.judge, self.namer = body, judge, namer

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """How real rows are; the condition is not told."""
        return self.judge(self.body(x)).reshape(len(x))

    def said(self, x: Tensor) -> Tensor:
        """What rows are of (n, n_said)."""
        return self.namer(self.body(x).flatten(1))

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The two answers by one pass of the body."""
        h = self.body(x)
        return self.judge(h).reshape(len(x)), self.namer(h.flatten(1))


def judging_parts(critic: nn.Module) -> Sequence[nn.Module]:
    """What says how real a row is: the layer that names it is held by no bound."""
    assert isinstance(critic, Answering)
    return [critic.body, critic.judge]


class AuxiliaryClassifier(Adversarial):
    """A game in which the critic also learns to name the class of real rows, and the generator to be named rightly.

    The generator is told the class, the critic is not: it says it. The critic adds the cross-entropy of what it says of
    real rows, `naming` times, to its loss, and the generator that of its own rows. The paper has the critic name made
    rows too; then both can agree on wrong names.

    Source: Odena, Olah and Shlens 2017.
    """

    def __init__(self, *given: Any, naming: float = 1.0, **options: Any) -> None:
        super().__init__(*given, **options)
        if not naming >= 0:
            raise SettingError(f"naming weighs a loss, and is 0 or more; got {naming}")
        self.naming = naming

    @property
    def judging(self) -> Sequence[nn.Module]:
        return judging_parts(self.critic)

    def judged(self, x: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor | float]:
        assert isinstance(self.critic, Answering)
        assert condition is not None
        real, said = self.critic.both(x)
        return real, self.naming * F.cross_entropy(said, condition.argmax(1))


class InformationGAN(Adversarial):
    """A game whose generator is given a code, a kind and some numbers, that the critic can read off what it made.

    Nobody tells what kinds there are: the generator and the reader raise a lower bound of the mutual information of the
    code and the rows, `informing` times, and kinds that rows fall into are what is easiest to read.

    Source: Chen et al. 2016, eqs 5 and 6.
    """

    def __init__(self, *given: Any, n_kinds: int, n_numbers: int, informing: float = 1.0, **options: Any) -> None:
        super().__init__(*given, **options)
        if n_kinds < 2 or n_numbers < 0 or not informing >= 0:
            raise SettingError(
                f"a code has n_kinds of 2 or more, n_numbers and informing of 0 or more; got {n_kinds}, {n_numbers} "
                f"and {informing}"
            )
        self.n_kinds, self.n_numbers, self.informing = n_kinds, n_numbers, informing

    def phases(self) -> Sequence[Phase]:
        self.rules.check()
        assert isinstance(self.critic, Answering)
        judging = [p for part in self.judging for p in part.parameters()]
        making = [*self.generator.parameters(), *self.critic.namer.parameters()]
        own, clip, every = self.optimizer, self.rules.clip(self.judging), self.rules.n_critic
        return [Phase("critic", self.criticise, judging, optimizer=own, after=clip),
                Phase("generator", self.deceive, making, optimizer=own, every=every)]  # fmt: skip

    @property
    def judging(self) -> Sequence[nn.Module]:
        return judging_parts(self.critic)

    def code(self, kinds: Tensor, numbers: Tensor) -> Tensor:
        """What the generator is given for kinds (n,) and numbers (n, n_numbers) from -1 to 1."""
        return torch.cat([F.one_hot(kinds, self.n_kinds).to(numbers), numbers], 1)

    def made(self, n: int, like: Tensor, condition: Tensor | None) -> Tensor:
        kinds = torch.randint(self.n_kinds, (n,), device=like.device)
        numbers = 2 * torch.rand(n, self.n_numbers, device=like.device, dtype=like.dtype) - 1
        return super().made(n, like, self.code(kinds, numbers))

    def deceive(self, batch: Batch) -> Tensor:
        assert isinstance(self.critic, Answering)
        x = batch["x"]
        kinds = torch.randint(self.n_kinds, (len(x),), device=x.device)
        numbers = 2 * torch.rand(len(x), self.n_numbers, device=x.device, dtype=x.dtype) - 1
        judged, said = self.critic.both(self.seen(super().made(len(x), x, self.code(kinds, numbers))))
        read, guessed = said.split([self.n_kinds, self.n_numbers], 1)
        informed = information_bound(read, kinds) - 0.5 * (guessed - numbers).square().sum(1).mean()
        return generator_loss(self.rules.game, judged) - self.informing * informed

    @property
    def noise_shape(self) -> tuple[int, ...] | None:
        return None  # a row is of a code too: see `drawn_of`

    def drawn(self, n: int, condition: Tensor | None, generator: torch.Generator) -> Tensor:
        kinds = torch.randint(self.n_kinds, (n,), generator=generator)
        return self.drawn_of(kinds, 2 * torch.rand(n, self.n_numbers, generator=generator) - 1, generator)

    def drawn_of(self, kinds: Tensor, numbers: Tensor, generator: torch.Generator) -> Tensor:
        """Rows of these kinds (n,) and numbers (n, n_numbers)."""
        like = next(self.generator.parameters())
        z = torch.randn(len(kinds), self.n_noise, generator=generator).to(like)
        return self.generator(z, self.code(kinds.to(like.device), numbers.to(like)))

    def kinds_of(self, batch: Batch) -> Tensor:
        """How likely each row is of each kind (n, n_kinds)."""
        assert isinstance(self.critic, Answering)
        return self.critic.said(batch["x"])[:, : self.n_kinds].softmax(1)
