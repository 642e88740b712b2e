"""States of units with mixtures of Gaussians: scores of frames, expected counts, and what they call for."""

import json
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...data.audio.lexicon import Lexicon
from ...functional.search_graph import SearchGraph, expected_counts
from ...layers.emissions import Gaussian, Mixture
from .topology import Topology, table_of

STAY = (0.02, 0.98)  # what the probability of staying is held between: no duration is ruled out


class Acoustic(nn.Module):
    """A topology, the probability to stay in each position, and a mixture of diagonal Gaussians for each density.

    Frames are scaled to mean 0 and variance 1 over training, so that the floor of variances means the same for all
    features (slopes vary far less than what they are slopes of). What the model is made of (units, lexicon, trees,
    number of Gaussians) is learned; it travels with the weights as the buffer `structure`, JSON in bytes.
    """

    topology: Topology
    emissions: Mixture
    stay: Tensor
    structure: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(self, n_features: int, *, floor: float) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(n_features, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(n_features, dtype=torch.float64))
        self.n_features, self.floor = n_features, floor
        self.register_buffer("structure", torch.zeros(0, dtype=torch.uint8))
        self.register_buffer("stay", torch.zeros(0, dtype=torch.float64))
        self.emissions = Mixture(1, n_features, n_mixtures=1)

    @property
    def begun(self) -> bool:
        return len(self.structure) > 0

    def arrange(self, description: dict[str, Any]) -> None:
        """Units, lexicon, trees and sizes as described; parameters get the shapes that follow, and first values."""
        self.description = description
        text = json.dumps(description, sort_keys=True).encode()
        device = self.stay.device
        self.structure = torch.tensor(list(text), dtype=torch.uint8, device=device)
        self.topology = Topology(
            Lexicon(description["lexicon"]),
            n_states=description["n_states"],
            n_silence=description["n_silence"],
            trees=description["trees"],
        )
        n = self.topology.n_positions
        if len(self.stay) != n:
            self.stay = torch.full((n,), 0.7, dtype=torch.float64, device=device)
        self.emissions = Mixture(
            self.topology.n_densities, self.n_features, n_mixtures=description["n_mixtures"], floor=self.floor
        ).to(device)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take on the structure that comes with the weights before the weights."""
        held = state.get(prefix + "structure")
        if held is not None and len(held):
            self.arrange(json.loads(bytes(held.tolist()).decode()))
        elif held is not None:
            self.structure, self.stay = held.clone(), state[prefix + "stay"].clone()
        super()._load_from_state_dict(state, prefix, *rest)

    @property
    def table(self) -> Tensor:
        """Log probabilities of staying in and leaving each position."""
        return table_of(self.stay.cpu())

    # --- scores and sums --------------------------------------------------------------------------

    def scaled(self, x: Tensor) -> Tensor:
        """Frames (frames, features) as the Gaussians see them."""
        return (x.double() - self.centre) / self.scale

    def parts(self, x: Tensor) -> Tensor:
        """log c_jm N(z; m_jm, S_jm) (frames, densities, Gaussians) of scaled frames z."""
        own = self.emissions
        return own.gaussians.log_prob(x).reshape(len(x), own.n_states, own.n_mixtures) + own.weights.log()

    def log_prob(self, x: Tensor) -> Tensor:
        """log b_j(x_t) (frames, densities)."""
        found = self.parts(self.scaled(x))
        return found[..., 0] if found.shape[2] == 1 else torch.logsumexp(found, 2)

    def count(
        self,
        x: Tensor,
        lengths: Sequence[int],
        graphs: Sequence[SearchGraph],
        weights: Sequence[float],
        *,
        scale: float = 1.0,
    ) -> tuple[list[float], list[Tensor]]:
        """log p of each sequence and the weighted sums of one step: of staying and leaving, and of the emissions.

        `scale` multiplies log probabilities of frames and of staying and leaving, and not what is fixed.
        """
        x = self.scaled(x)
        parts = self.parts(x)
        logs = torch.logsumexp(parts, 2).contiguous()
        table = self.table
        gammas, log_probs, moves = [], [], torch.zeros(len(table), dtype=torch.float64)
        for graph, own, weight in zip(graphs, logs.cpu().split(list(lengths)), weights, strict=True):
            found = expected_counts(graph, graph.weighted(scale * table), scale * own)
            gammas.append(found.gamma * weight)
            log_probs.append(found.log_prob)
            trained = graph.kinds >= 0
            moves.index_add_(0, graph.kinds[trained], found.arcs[trained] * weight)
        gamma = torch.cat(gammas).to(x.device)
        shares = (parts - logs[..., None]).exp_().mul_(gamma[..., None])
        return log_probs, [moves, *self.emissions.gaussians.statistics(x, shares.flatten(1))]

    def update(self, sums: Sequence[Tensor]) -> list[str]:
        """Set the parameters that the sums call for; what had to be repaired, a line each."""
        moves, *own = sums
        stayed, left = moves.view(2, -1)
        total = stayed + left
        share = torch.where(total > 1e-6, stayed / total.clamp(min=1e-6), self.stay.cpu())
        self.stay.copy_(share.clamp(*STAY))
        return self.emissions.update(own)

    # --- growing ----------------------------------------------------------------------------------

    def begin(self, x: Tensor, gamma: Tensor) -> None:
        """First Gaussians, one a density, from frames and the density each is first given to (frames, densities)."""
        frames = x.double()
        self.centre.copy_(frames.mean(0))
        spread = frames.std(0, correction=0)
        self.scale.copy_(torch.where(spread > 1e-8, spread, 1.0))
        self.emissions.begin(self.scaled(x), gamma)

    def regrown(self, changes: dict[str, Any]) -> Gaussian:
        """Rearrange with these changes of the description; what the data as a whole are like stays known."""
        old = self.emissions.gaussians
        self.arrange(self.description | changes)
        new = self.emissions.gaussians
        for name in ("centre", "overall", "least"):
            getattr(new, name).copy_(getattr(old, name))
        return new

    def split(self, n_mixtures: int) -> None:
        """Grow each density to n_mixtures Gaussians: the heaviest are put to either side of where they were.

        Each of the two gets half the weight, a fifth of a standard deviation away from the other's side.

        Source: Young et al., The HTK Book, "mixture incrementing".
        """
        weights, means = self.emissions.weights, self.emissions.gaussians.means.view(*self.emissions.weights.shape, -1)
        spread = self.emissions.gaussians.covariances.view_as(means)
        while weights.shape[1] < n_mixtures:
            n = min(weights.shape[1], n_mixtures - weights.shape[1])
            heavy = weights.topk(n, 1)[1]
            at = heavy[..., None].expand(-1, -1, means.shape[2])
            step = 0.2 * spread.gather(1, at).sqrt()
            halved = weights.scatter(1, heavy, weights.gather(1, heavy) / 2)
            added = means.gather(1, at) + step
            means = torch.cat([means.scatter(1, at, means.gather(1, at) - step), added], 1)
            spread = torch.cat([spread, spread.gather(1, at)], 1)
            weights = torch.cat([halved, halved.gather(1, heavy)], 1)
        new = self.regrown({"n_mixtures": n_mixtures})
        self.emissions.weights.copy_(weights)
        new.means.copy_(means.flatten(0, 1))
        new.covariances.copy_(spread.flatten(0, 1))
