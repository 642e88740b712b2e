"""CTC and the transducer against torch's loss and against all paths written out."""

import itertools
import math
from collections import defaultdict

import torch

from ..functional.ctc import collapsed, ctc_loss
from ..functional.prefix_beam import prefix_beam
from ..functional.transducer import transducer_loss
from . import check, gap


def _drawn(*shape: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=g, dtype=torch.float64)


@check("asr-map-decision", oracle="torch", tolerance=1e-10)
def ctc_loss_and_gradient_against_torch() -> float:
    """The loss of a transcript with a repeat and its gradient, against torch.nn.functional.ctc_loss in float64."""
    raw, labels = _drawn(30, 6).requires_grad_(), torch.tensor([1, 4, 4, 2, 5, 1])
    log_probs = raw.log_softmax(-1)
    ours = ctc_loss(log_probs, labels)
    sizes = torch.tensor([30]), torch.tensor([6])
    theirs = torch.nn.functional.ctc_loss(log_probs[:, None], labels[None], *sizes, reduction="sum")
    slopes = [torch.autograd.grad(loss, raw, retain_graph=True)[0] for loss in (ours, theirs)]
    return max(gap(ours, theirs), gap(slopes[0], slopes[1]))


@check("asr-map-decision", oracle="(closed form)", tolerance=1e-5)
def prefix_search_against_all_paths() -> float:
    """The five most probable label strings of 6 frames and 3 classes, and log p of each, against all 729 paths."""
    log_probs = _drawn(6, 3).log_softmax(-1)
    sums: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(3), repeat=6):
        sums[tuple(collapsed(path))] += math.exp(sum(float(log_probs[t, k]) for t, k in enumerate(path)))
    truth = sorted(sums.items(), key=lambda one: -one[1])[:5]
    found = prefix_beam(log_probs[None], torch.tensor([6]), beam=100, n_best=5)[0]
    if [tuple(one.labels) for one in found] != [labels for labels, _ in truth]:
        return math.inf
    return max(gap(one.score, math.log(p)) for one, (_, p) in zip(found, truth, strict=True))


@check("asr-map-decision", oracle="(closed form)", tolerance=1e-10)
def transducer_loss_against_all_paths() -> float:
    """-log p of three labels over four frames, against all 20 ways through the lattice."""
    log_probs, labels = _drawn(4, 4, 3).log_softmax(-1), [1, 2, 2]
    total = 0.0
    for frames in itertools.combinations_with_replacement(range(4), 3):
        score, u = 0.0, 0
        for t in range(4):
            while u < 3 and frames[u] == t:
                score, u = score + float(log_probs[t, u, labels[u]]), u + 1
            score += float(log_probs[t, u, 0])
        total += math.exp(score)
    found = transducer_loss(log_probs[None], torch.tensor([4]), torch.tensor([labels]), torch.tensor([3]))
    return gap(found[0], -math.log(total))
