"""Codes put to use: odd rows, holes, sums of codes, labels that are few, texts through one vector."""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..estimators.autoencoder import Autoencoder
from ..models.generative.text_autoencoder import TextAutoencoder
from ..objectives.generative.text_autoencoder import TextReconstruction
from ..objectives.generative.vae import Variational
from ..registry import model
from ..train.randomness import kept_random
from . import check, gap


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, float64."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def built(name: str, task: str, **facts: Any) -> Any:
    """A registered model in float64, with first weights that are the same each time."""
    builder = next(b for b in model.builders(name, task) if b.facts <= facts.keys())
    with kept_random(torch.device("cpu"), 0):
        return builder.make(**dict(builder.defaults) | facts).double().requires_grad_(False)


def linears(net: nn.Module) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases of the linear layers of a net, in order."""
    layers = [m for m in net.modules() if isinstance(m, nn.Linear)]
    return [(m.weight.detach().double().numpy(), m.bias.detach().double().numpy()) for m in layers]


@check("reconstruction-anomaly", "latent-arithmetic", oracle="(closed form)", tolerance=1e-5)
def odd_rows_and_sums_of_codes_by_matrices() -> float:
    """Errors, their quantile that parts odd rows, and rows moved by mean codes, of a linear net by its matrices."""
    X = (drawn(80, 3) @ drawn(3, 5, seed=1) + 2).numpy()
    net = Autoencoder(model("autoencoder", hidden=(), n_latent=2), epochs=2, quantile=0.9, seed=0).fit(X)
    (w, b), (v, c) = linears(net.objective_)
    centre, spread = X.mean(0), X.std(0)
    rows = (X - centre) / spread
    codes = rows @ w.T + b
    score = np.square(codes @ v.T + c - rows).mean(1)
    moved = codes[:4] + codes[10:30].mean(0) - codes[50:70].mean(0)
    threshold = np.quantile(score, 0.9)
    return max(
        gap(net.anomaly_score(X), score),
        gap(net.threshold_, threshold),
        gap(net.is_anomaly(X), score > threshold),
        gap(net.arithmetic(X[10:30], X[50:70], X[:4]), (moved @ v.T + c) * spread + centre),
    )


@check("beta-vae-imputation", oracle="torch", tolerance=1e-9)
def a_bound_that_leaves_holes_out() -> float:
    """The loss with beta 4 and holes, and what codes for these count, by torch.distributions at the same weights."""
    vae: Variational = built("vae", "autoencoder", in_features=5, hidden=(6,), n_latent=2, beta=4.0)
    net: Any = vae.net
    net.holes.weight.copy_(drawn(6, 5, seed=3))
    x, observed = drawn(9, 5), (drawn(9, 5, seed=1) > -0.8).double()
    normal = torch.distributions.Normal
    first = net.body[0]
    h = F.linear(x * observed, first.weight, first.bias) + (1 - observed) @ net.holes.weight.T
    h = h.tanh()
    mean, log_variance = (F.linear(h, part.weight, part.bias) for part in (net.mean, net.log_variance))
    q = normal(mean, (log_variance / 2).exp())
    divergence = torch.distributions.kl_divergence(q, normal(torch.zeros(9, 2).double(), 1.0)).sum(1)

    def law(z: Tensor) -> Any:
        back = F.linear(z, net.unbody[0].weight, net.unbody[0].bias).tanh()
        return normal(F.linear(back, net.made.weight, net.made.bias), (net.features / 2).exp())

    batch = {"x": x, "observed": observed}
    torch.manual_seed(0)
    found = vae.loss(batch)
    torch.manual_seed(0)
    told = (law(mean + q.stddev * torch.randn(1, 9, 2, dtype=torch.float64)[0]).log_prob(x) * observed).sum(1)
    z, shares = vae.tried(batch, None, 7)
    joint = (law(z).log_prob(x) * observed).sum(2) + normal(torch.zeros(2).double(), 1.0).log_prob(z).sum(2)
    wanted = (joint - q.log_prob(z).sum(2)).softmax(0)
    torch.manual_seed(1)
    filled = vae.drawn_of(z[0])
    torch.manual_seed(1)
    drawn_by_hand = law(z[0]).mean + law(z[0]).stddev * torch.randn(9, 5, dtype=torch.float64)
    return max(gap(found, (4 * divergence - told).mean()), gap(shares, wanted), gap(filled, drawn_by_hand))


@check("semi-supervised-vae", oracle="torch", tolerance=1e-9)
def rows_with_labels_and_rows_without() -> float:
    """The loss of labelled rows and the bound of others, every class in turn, by torch.distributions."""
    game = built("vae_m2", "classifier", in_features=4, n_outputs=3, hidden=(5,), n_latent=2, alpha=7.0)
    game.spread.copy_(drawn(4, seed=5) / 3)
    x, y, others = drawn(6, 4), torch.arange(6) % 3, drawn(8, 4, seed=1)
    normal, categorical = torch.distributions.Normal, torch.distributions.Categorical

    def dense(net: nn.Module, rows: Tensor) -> Tensor:
        one, two = (m for m in net.modules() if isinstance(m, nn.Linear))
        return F.linear(F.linear(rows, one.weight, one.bias).relu(), two.weight, two.bias)

    def bound(rows: Tensor, told: Tensor) -> Tensor:
        mean, log_variance = dense(game.encoder, torch.cat([rows, told], 1)).split(2, 1)
        q = normal(mean, (log_variance / 2).exp())
        z = mean + q.stddev * torch.randn(mean.shape, dtype=torch.float64)
        made = normal(dense(game.decoder, torch.cat([z, told], 1)), (game.spread / 2).exp())
        prior = normal(torch.zeros_like(mean), 1.0)
        return made.log_prob(rows).sum(1) + math.log(1 / 3) - torch.distributions.kl_divergence(q, prior).sum(1)

    unit = torch.eye(3, dtype=torch.float64)
    torch.manual_seed(0)
    found = [float(game.loss({"x": x, "y": y})), *game.unlabelled(others).tolist()]
    torch.manual_seed(0)
    named = categorical(logits=dense(game.namer, x))
    wanted = [float((-bound(x, unit[y]) - 7 * named.log_prob(y)).mean())]
    q = categorical(logits=dense(game.namer, others))
    each = torch.stack([bound(others, unit[k].expand(8, -1)) for k in range(3)], 1)
    return gap(found, [*wanted, *((q.probs * each).sum(1) + q.entropy()).tolist()])


@check("seq2seq-ae", oracle="torch", tolerance=1e-10)
def a_text_read_into_a_vector_and_written_again() -> float:
    """-ln p of each id and of the end by torch's own cells, id by id, and the ids that greed writes from the vector."""
    with kept_random(torch.device("cpu"), 0):
        net = TextAutoencoder(7, 4, 5, 3, 0.0).double().requires_grad_(False)
        reader = nn.GRU(4, 5, bidirectional=True).double().requires_grad_(False)
        cell = nn.GRUCell(7, 5).double().requires_grad_(False)
    reader.load_state_dict(net.reader.state_dict())
    cell.load_state_dict({name.removesuffix("_l0"): p for name, p in net.writer.state_dict().items()})
    texts = [[3, 1, 4, 1, 5], [2, 6], [5, 5, 1]]
    x = torch.tensor([row + [0] * (5 - len(row)) for row in texts])
    game = TextReconstruction(net).eval()
    game.longest.fill_(5)
    batch = {"x": x, "lengths": torch.tensor([5, 2, 3])}
    losses, written = [], torch.zeros(3, 5).long()
    for i, row in enumerate(texts):
        last = reader(F.embedding(torch.tensor(row), net.table.weight)[:, None])[1]
        code = F.linear(last.flatten(), net.code.weight, net.code.bias)
        first = F.linear(code, net.start.weight, net.start.bias).tanh()
        h, told = first, 0.0
        for given, due in zip([0, *row], [*row, 0], strict=True):
            h = cell(torch.cat([net.table.weight[given], code]), h)
            told -= float(F.linear(h, net.head.weight, net.head.bias).log_softmax(0)[due])
        losses.append(told / (len(row) + 1))
        h, given = first, 0
        for step in range(5):
            h = cell(torch.cat([net.table.weight[given], code]), h)
            given = int(F.linear(h, net.head.weight, net.head.bias).argmax())
            if not given:
                break
            written[i, step] = given
    return max(gap(game.row_losses(batch), losses), gap(game.rebuilt(batch), written))
