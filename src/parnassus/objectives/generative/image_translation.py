"""Pictures of one kind made into pictures of another: with pairs to learn from, and without."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.adversarial import Game, critic_loss, generator_loss
from ...train.phase import Batch, Objective, Phase

ADAM = {"name": "adam", "lr": 2e-4, "betas": (0.5, 0.999)}


class Past(nn.Module):
    """Up to `n` made pictures of earlier steps: each new one is shown, or, with a chance of 1/2, an old one for it.

    The published store replaces at random, which the text's "50 most recent" does not (F8-14). What it holds is part of
    a training's state, and is let go of when training ends.

    Source: Shrivastava et al. 2017; Zhu et al. 2017, section 4; Martinez-Ramon 8.7.1.
    """

    held: Tensor

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.register_buffer("held", torch.zeros(0))

    def forward(self, made: Tensor) -> Tensor:
        if not self.n:
            return made
        shown = made.clone()
        free = min(self.n - len(self.held), len(made))
        self.held = torch.cat([self.held, made[:free]]) if len(self.held) else made[:free].clone()
        for i in range(free, len(made)):
            if torch.rand(()) < 0.5:
                at = int(torch.randint(len(self.held), ()))
                shown[i], self.held[at] = self.held[at].clone(), made[i]
        return shown

    def clear(self) -> None:
        """Hold nothing."""
        self.held = self.held.new_zeros(0)

    def _load_from_state_dict(self, state: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        """What was held may be any number of pictures."""
        if f"{prefix}held" in state:
            self.held = torch.empty_like(state[f"{prefix}held"], device=self.held.device)
        super()._load_from_state_dict(state, prefix, *rest)


class Translating(Objective):
    """Makes pictures of A into pictures of B; a batch holds x, of A, and y, of B, both from -1 to 1."""

    probabilistic = False
    paired = True  # whether x and y of a row show the same
    sides: Sequence[str] = ("B",)  # what pictures can be made into

    def made(self, x: Tensor, to: str) -> Tensor:
        """Pictures x of the other side as pictures of `to`."""
        raise NotImplementedError

    def outputs(self, batch: Batch) -> Tensor:
        return self.made(batch["x"], "B")

    @property
    def by_rows(self) -> bool:
        """Pictures of earlier steps are one store for all rows."""
        return not any(isinstance(part, Past) and part.n for part in self.modules())


class CycleConsistent(Translating):
    """Two translators that undo each other and two critics: no pairs are needed.

        generators   (D_B(G(a)) - 1)^2 + (D_A(F(b)) - 1)^2 + cycle (|F(G(a)) - a| + |G(F(b)) - b|)
                     + cycle identity (|G(b) - b| + |F(a) - a|)
        critics      1/2 (D(real) - 1)^2 + 1/2 D(made)^2 each, of which made pictures may be old ones

    Parameters
    ----------
    to_b, to_a : translators; critic_a, critic_b : pictures -> how real each patch looks.
    cycle, identity : weights, the second times the first.
    game : what the players lose; least squares is the published one.
    n_past : made pictures that are kept for the critics.

    Systems: cyclegan, cycle-consistency-loss
    Source: Zhu, Park, Isola and Efros 2017; Martinez-Ramon 8.7, eqs 8.11 to 8.13, whose losses of the critics lack the
    half (F8-14).
    """

    paired = False
    sides = ("B", "A")

    def __init__(
        self, to_b: nn.Module, to_a: nn.Module, critic_a: nn.Module, critic_b: nn.Module, *, cycle: float = 10.0,
        identity: float = 0.5, game: Game = "least_squares", n_past: int = 50,
    ) -> None:  # fmt: skip
        super().__init__()
        if not cycle >= 0 or not identity >= 0 or n_past < 0:
            raise SettingError(
                f"cycle, identity and n_past are at least 0; got {cycle}, {identity} and {n_past}"
            )  # fmt: skip
        critic_loss(game, torch.zeros(1), torch.zeros(1))  # refuses a game that is none
        self.to_b, self.to_a, self.critic_a, self.critic_b = to_b, to_a, critic_a, critic_b
        self.cycle, self.identity, self.game = cycle, identity, game
        self.past_a, self.past_b = Past(n_past), Past(n_past)

    def phases(self) -> Sequence[Phase]:
        translators = [*self.to_b.parameters(), *self.to_a.parameters()]
        critics = [*self.critic_a.parameters(), *self.critic_b.parameters()]
        return [
            Phase("generator", self.deceive, translators, optimizer=ADAM),
            Phase("critic", self.criticise, critics, optimizer=ADAM),
        ]

    def made(self, x: Tensor, to: str) -> Tensor:
        return self.to_b(x) if to == "B" else self.to_a(x)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """What the translators lose: to the critics, on the way there and back, and to pictures left alone."""
        a, b = batch["x"], batch["y"]
        fake_b, fake_a = self.to_b(a), self.to_a(b)
        batch["made_b"], batch["made_a"] = fake_b.detach(), fake_a.detach()  # for the critics' move of this step
        deceived = generator_loss(self.game, self.critic_b(fake_b)) + generator_loss(self.game, self.critic_a(fake_a))
        if self.game == "least_squares":
            deceived = 2 * deceived  # the published squares of the translators lack the half that the critics' have
        back = (self.to_a(fake_b) - a).abs().mean() + (self.to_b(fake_a) - b).abs().mean()
        found = {"deceived": deceived, "cycle": self.cycle * back}
        if self.identity:
            alone = (self.to_b(b) - b).abs().mean() + (self.to_a(a) - a).abs().mean()
            found["identity"] = self.cycle * self.identity * alone
        return found

    def deceive(self, batch: Batch) -> Tensor:
        """The translators' loss."""
        return torch.stack(list(self.terms(batch).values())).sum()

    def criticise(self, batch: Batch) -> Tensor:
        """The critics' loss."""
        found: list[Tensor] = []
        sides = ((self.critic_b, "y", "made_b", self.past_b), (self.critic_a, "x", "made_a", self.past_a))
        for critic, real, made, past in sides:
            fake = past(batch[made]) if self.training else batch[made]
            found.append(critic_loss(self.game, critic(batch[real]), critic(fake)))
        return torch.stack(found).sum()

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        terms = self.terms(batch)
        total = torch.stack(list(terms.values())).sum()
        return {"loss": total, "critic": self.criticise(batch), **terms}

    def conclude(self, batches: Any) -> None:
        self.past_a.clear()
        self.past_b.clear()


class Paired(Translating):
    """A translator that is told the right picture, and a critic of the pair: the generator's game plus `closeness` L1.

    The critic sees the picture that was given beside the one that was made, so that it also judges whether they belong
    together. There is no noise in the input; what is drawn comes from dropout, while learning.

    Systems: pix2pix
    Source: Isola, Zhu, Zhou and Efros 2017, eq. 4; Martinez-Ramon 8.7.1 cites it as the bound for what has no pairs.
    """

    def __init__(
        self, net: nn.Module, critic: nn.Module, *, closeness: float = 100.0, game: Game = "nonsaturating"
    ) -> None:
        super().__init__()
        if not closeness >= 0:
            raise SettingError(f"closeness is at least 0; got {closeness}")
        critic_loss(game, torch.zeros(1), torch.zeros(1))
        self.net, self.critic, self.closeness, self.game = net, critic, closeness, game

    def phases(self) -> Sequence[Phase]:
        return [
            Phase("generator", self.deceive, self.net.parameters(), optimizer=ADAM),
            Phase("critic", self.criticise, self.critic.parameters(), optimizer=ADAM),
        ]

    def made(self, x: Tensor, to: str) -> Tensor:
        return self.net(x)

    def judged(self, x: Tensor, y: Tensor) -> Tensor:
        """How real each patch of a pair looks."""
        return self.critic(torch.cat([x, y], 1))

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """What the translator loses to the critic, and to the right picture."""
        fake = self.net(batch["x"])
        batch["made_b"] = fake.detach()
        deceived = generator_loss(self.game, self.judged(batch["x"], fake))
        return {"deceived": deceived, "closeness": self.closeness * (fake - batch["y"]).abs().mean()}

    def deceive(self, batch: Batch) -> Tensor:
        """The translator's loss."""
        return torch.stack(list(self.terms(batch).values())).sum()

    def criticise(self, batch: Batch) -> Tensor:
        """The critic's loss, halved as published; of the squares the half is in the game."""
        x = batch["x"]
        return critic_loss(self.game, self.judged(x, batch["y"]), self.judged(x, batch["made_b"]))

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        terms = self.terms(batch)
        total = torch.stack(list(terms.values())).sum()
        return {"loss": total, "critic": self.criticise(batch), **terms}
