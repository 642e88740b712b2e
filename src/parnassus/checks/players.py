"""Generators against critics as they play: moves in turn, classes told, stages, features and ensembles."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.rows import Dense
from ..estimators.generator_ensemble import sample_together
from ..models.generative.gan import critic_features, dcgan_critic, dense_game
from ..objectives.generative.gan import Adversarial
from ..registry import model, optimizer, schedule
from ..train.plan import Plan
from ..train.randomness import kept_random
from ..train.trainer import Trainer
from . import check, gap

BCE = F.binary_cross_entropy_with_logits


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, float32."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


class FixedRows(nn.Module):
    """A generator that is its rows, whatever the noise: then the game has no chance in it."""

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(rows.clone())

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.rows


class LinearCritic(nn.Module):
    """w x + b of the rows and their squares."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(0.1 * drawn(2 * n, seed=2)), nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return torch.cat([x, x.square()], 1) @ self.w + self.b


@check("gan", "gan-alternating-training", oracle="torch", tolerance=1e-5)
def moves_in_turn_against_a_loop() -> float:
    """Both players' weights after seven steps, two moves of the critic to one of the generator, by torch's own loop."""
    x, start = drawn(12, 3), drawn(12, 3, seed=1)
    ones, zeros = torch.ones(12), torch.zeros(12)
    costs: dict[str, Any] = {"minimax": lambda said: -BCE(said, zeros), "nonsaturating": lambda said: BCE(said, ones)}
    worst = 0.0
    for name, cost in costs.items():
        game: Any = Adversarial(FixedRows(start), LinearCritic(3), (3,), 0, n_noise=1, game=name, n_critic=2)
        rule = optimizer("sgd", lr=0.2, momentum=0.9)
        plan = Plan(epochs=7, batch_size=12)
        given: Any = {"plan": plan, "optimizer": rule, "schedule": schedule("constant"), "n_rows": 12}
        Trainer(game, lambda batch, training=False: batch, **given).fit(Dense(x=x))
        maker, critic = FixedRows(start), LinearCritic(3)
        moves = [torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9) for net in (critic, maker)]
        with torch.enable_grad():
            for step in range(7):
                moves[0].zero_grad()
                (0.5 * (BCE(critic(x), ones) + BCE(critic(maker.rows.detach()), zeros))).backward()
                moves[0].step()
                if step % 2:
                    moves[1].zero_grad()
                    cost(critic(maker.rows)).backward()
                    moves[1].step()
        worst = max(worst, gap(game.generator.rows.detach(), maker.rows.detach()))
        worst = max(worst, gap(game.critic.w.detach(), critic.w.detach()))
    return worst


def dense(layers: list[nn.Linear], x: Tensor, bend: Any) -> Tensor:
    """Linear layers with an activation between."""
    for i, layer in enumerate(layers):
        x = F.linear(bend(x) if i else x, layer.weight, layer.bias)
    return x


@check("conditional-gan", oracle="torch", tolerance=1e-6)
def players_that_are_told_the_class() -> float:
    """Losses of two dense players whose noise and rows have one-hot classes beside them, by torch's layers and BCE."""
    x, y = drawn(10, 4), torch.arange(10) % 3
    with kept_random(torch.device("cpu"), 0):
        game: Any = dense_game(4, 3, (6, 5), 2)
    told = torch.eye(3)[y]
    maker, critic = ([m for m in net.modules() if isinstance(m, nn.Linear)] for net in (game.generator, game.critic))
    batch, found, wanted = {"x": x, "y": y}, [], []
    with torch.no_grad():
        for seed, move in enumerate((game.criticise, game.deceive)):
            torch.manual_seed(seed)
            found.append(float(move(batch)))
            torch.manual_seed(seed)
            made = dense(maker, torch.cat([torch.randn(10, 2), told], 1), torch.relu)
            real, fake = (dense(critic, torch.cat([r, told], 1), lambda h: F.leaky_relu(h, 0.01))[:, 0]
                          for r in (x, made))  # fmt: skip
            half = 0.5 * (BCE(real, torch.ones(10)) + BCE(fake, torch.zeros(10)))
            wanted.append(float(BCE(fake, torch.ones(10)) if seed else half))
    return gap(found, wanted)


class Drawer:
    """Rows that are known beforehand."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def sample(self, n: int, *, condition: Any = None, seed: int = 0) -> np.ndarray:
        """The first n."""
        return self.rows[:n]


@check("gan-ensemble", oracle="(closed form)", tolerance=1e-12)
def rows_of_generators_that_are_known() -> float:
    """Means by weight, rounded where they are bytes, the row that a judge likes best, and shares of a mixture."""
    known = np.random.default_rng(0).normal(size=(3, 4000, 2))
    three: Any = [Drawer(rows) for rows in known]
    bytes_: Any = [Drawer(np.full((2, 3), v, dtype=np.uint8)) for v in (10, 21, 250)]
    mean = sample_together(three, 4000, how="average", weights=[1, 3, 0])
    best = sample_together(three, 4000, how="vote", judge=lambda rows: -np.abs(rows[:, 0] - 0.5))
    nearest = np.abs(known[:, :, 0] - 0.5).argsort(0)[0]
    mixed = sample_together(three, 4000, how="blend", weights=[1, 2, 1])
    of = (mixed[None] == known).all(2)
    off = np.abs(of.sum(1) - [1000, 2000, 1000]) / np.sqrt(4000 * np.array([0.1875, 0.25, 0.1875]))
    return max(
        gap(mean, (known[0] + 3 * known[1]) / 4),
        gap(sample_together(bytes_, 2, how="average"), 94),  # 281 / 3
        gap(best, [known[k, i] for i, k in enumerate(nearest)]),
        float(not ((of.sum(0) == 1).all() and off.max() <= 4)),  # four standard errors of a binomial law
    )


@check("dcgan-features-svm", oracle="torch", tolerance=1e-5)
def what_a_critic_sees() -> float:
    """Largest values of a critic's deeper maps on 4 x 4 places, and the published 28,672 numbers at width 128."""
    with kept_random(torch.device("cpu"), 0):
        critic = dcgan_critic(3, (32, 32), 4, nn.BatchNorm2d).eval()
        wide = dcgan_critic(3, (64, 64), 128, nn.BatchNorm2d).to("meta")
    x, wanted = drawn(5, 3, 32, 32), []
    parts: list[Any] = list(critic.children())
    with torch.no_grad():
        h = F.leaky_relu(F.conv2d(x, parts[0].weight, stride=2, padding=1), 0.2)
        for conv, norm in zip(parts[2:-1:3], parts[3:-1:3], strict=True):
            h = F.conv2d(h, conv.weight, stride=2, padding=1)
            h = F.batch_norm(h, norm.running_mean, norm.running_var, norm.weight, norm.bias)
            h = F.leaky_relu(h, 0.2)
            side = h.shape[2] // 4
            wanted.append(h.reshape(5, -1, 4, side, 4, side).amax((3, 5)).flatten(1))
        found = critic_features(critic, x)
        n = critic_features(wide, torch.empty(1, 3, 64, 64, device="meta")).shape[1]
    return max(gap(found, torch.cat(wanted, 1)), gap(n, 28_672))


@check("stackgan", oracle="torch", tolerance=1e-5)
def a_second_stage_on_a_first_that_stays() -> float:
    """Losses of stage II's players by torch's convolutions and BCE, with the class, with another, and of made ones."""
    builder = next(b for b in model.builders("stackgan", "generator") if "n_outputs" in b.facts)
    tiny: Any = {"in_channels": 1, "image_size": (16, 16), "n_outputs": 1, "width": 4, "n_noise": 3, "n_condition": 2}
    with kept_random(torch.device("cpu"), 0):
        game: Any = builder.make(**dict(builder.defaults) | tiny | {"n_blocks": 1}).eval()
    x, y = drawn(6, 1, 16, 16).tanh(), torch.arange(6) % 2
    told, other = torch.eye(2)[y], torch.eye(2)[1 - y]
    first, second, critic = game.makers[0], game.makers[1], game.critics[1].net

    def normed(h: Tensor, norm: Any) -> Tensor:
        return F.batch_norm(h, norm.running_mean, norm.running_var, norm.weight, norm.bias)

    def judged(rows: Tensor, classes: Tensor) -> Tensor:
        return critic(torch.cat([rows, classes[:, :, None, None].expand(-1, -1, 16, 16)], 1)).flatten()

    with torch.no_grad():
        for part in (p for p in critic if isinstance(p, nn.Conv2d)):
            part.weight *= 10.0  # a fresh critic hardly says anything
        mean, log_variance = second.condition.dense(told).chunk(2, 1)
        c = mean[:, :, None, None].expand(-1, -1, 8, 8)
        law, prior = torch.distributions.Normal(mean, (log_variance / 2).exp()), torch.distributions.Normal(0.0, 1.0)
        divergence = torch.distributions.kl_divergence(law, prior).sum(1).mean()
        found, wanted = [], []
        for seed, move in enumerate((game.criticise_second, game.deceive_second)):
            torch.manual_seed(seed)
            found.append(float(move({"x": x, "y": y})))
            torch.manual_seed(seed)
            z = torch.cat([torch.randn(6, 3), first.condition.dense(told).chunk(2, 1)[0]], 1)
            h = F.conv2d(first.net.net(z[:, :, None, None]), second.first[0].weight, second.first[0].bias, padding=1)
            h = F.conv2d(torch.cat([h.relu(), c], 1), second.joined[0].weight, padding=1)
            h = normed(h, second.joined[1]).relu()
            body, last = second.blocks[0].body, second.last
            inner = normed(F.conv2d(h, body[0].weight, padding=1), body[1]).relu()
            h = (h + normed(F.conv2d(inner, body[3].weight, padding=1), body[4])).relu()
            h = normed(F.conv_transpose2d(h, last[0].weight, stride=2, padding=1), last[1]).relu()
            made = F.conv2d(h, last[3].weight, last[3].bias, padding=1).tanh()
            real, wrong, fake = judged(x, told), judged(x, other), judged(made, told)
            ones, zeros = torch.ones(6), torch.zeros(6)
            told_apart = BCE(real, ones) / 2 + (BCE(wrong, zeros) + BCE(fake, zeros)) / 4
            wanted.append(float(BCE(fake, ones) + divergence if seed else told_apart))
    return gap(found, wanted)
