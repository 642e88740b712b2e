"""The neocognitron: the first net of convolutions and pooling, which learns by competition and not by a gradient."""

import torch

from ...errors import SettingError
from ...layers.neocognitron import NeocognitronStage
from ...objectives.templates import TemplateClassifier
from ...registry import model


@model.register("classifier")
def neocognitron(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    planes: tuple[int, ...] = (32, 200),
    sizes: tuple[int, ...] = (3, 7),
    pools: tuple[int, ...] = (3, 3),
    strides: tuple[int, ...] = (1, 1),
    selectivity: tuple[float, ...] = (4.0, 3.0),
    n_shown: int = 2000,
) -> TemplateClassifier:
    """The neocognitron (Fukushima 1980): templates that win take a picture's likeness; labels only name the last ones.

    Each stage has a number of `planes`, templates of `sizes` pixels a side, C-cells that look at `pools` pixels a side
    and keep every `strides`-th place, and a `selectivity`: at r a template answers where the cosine with what it sees
    is over r / (1 + r). A stage learns from `n_shown` pictures at most. It is meant for figures on an even ground.

    Source: Fukushima 1980; Martinez-Ramon A4.1; Jaiswal J67.
    """
    given = (planes, sizes, pools, strides, selectivity)
    if not planes or len({len(one) for one in given}) > 1 or n_shown < 1:
        raise SettingError(
            "model 'neocognitron': planes, sizes, pools, strides and selectivity have one entry a stage each, and "
            f"n_shown is at least 1; got {', '.join(map(str, given))} and {n_shown}"
        )
    before = [2 * in_channels, *planes[:-1]]
    stages = [
        NeocognitronStage(
            n_in, n, size=size, pool=pool, stride=stride, selectivity=r, seed=int(torch.randint(2**31, ()))
        )
        for n_in, n, size, pool, stride, r in zip(before, *given, strict=True)
    ]
    return TemplateClassifier(stages, in_channels, n_outputs, n_shown=n_shown)
