"""Sizes, receptive fields and costs of convolutions, before any is computed."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...errors import SettingError, check_count


def output_size(
    size: int, kernel: int, *, stride: int = 1, padding: int | tuple[int, int] = 0, dilation: int = 1
) -> int:
    """floor((n + p - d (f - 1) - 1) / s) + 1, p being what both sides get together; `padding` is that of one side.

    Where the kernel does not fit it is 0 or less.

    >>> output_size(227, 11, stride=4), output_size(28, 5, padding=2), output_size(7, 3, padding=(0, 1), stride=2)
    (55, 28, 3)

    Systems: conv-stride
    Source: Hifny eqs. 9.6 and 9.7 (floor brackets lost in print), Martinez-Ramon eq. 4.6 (whose p is the total of both
    sides), Jaiswal J77, Keras course K68.
    """
    for name, value in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        check_count(name, value)
    total = 2 * padding if isinstance(padding, int) else sum(padding)
    return (size + total - dilation * (kernel - 1) - 1) // stride + 1


def transposed_size(
    size: int, kernel: int, *, stride: int = 1, padding: int = 0, dilation: int = 1, more: int = 0
) -> int:
    """(n - 1) s - 2 p + d (f - 1) + 1 + more: what a transposed convolution makes of n places.

    Several sizes lead to the same strided output; `more` says which of them is meant.

    >>> transposed_size(2, 2, stride=2), transposed_size(28, 4, stride=2, padding=1)
    (4, 56)

    Systems: transposed-conv
    Source: Dumoulin and Visin 2016; Baker A129, Martinez-Ramon 2c A8.9.
    """
    return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + more


@dataclass(frozen=True)
class Reach:
    """What one place of a layer's output sees of the input along one axis.

    size : places of the input that it sees. jump : places of the input between two neighbours of the output.
    start : where the middle of the first output lies in the input, counted in places from its first edge.
    """

    size: int
    jump: int
    start: float


def receptive_fields(
    layers: Sequence[tuple[int, int] | tuple[int, int, int] | tuple[int, int, int, int]],
) -> list[Reach]:
    """What each layer sees; a layer, or pool, is (kernel, stride), (kernel, stride, dilation) or (..., padding).

        r_l = r_(l-1) + d (f - 1) j_(l-1);   j_l = j_(l-1) s;   start_l = start_(l-1) + (d (f - 1) / 2 - p) j_(l-1)

    Kernels of 3 and stride 1 give 3, 5, 7, ...; dilations 1, 2, 4, ... grow exponentially.

    >>> [r.size for r in receptive_fields([(3, 1)] * 3)], [r.size for r in receptive_fields([(3, 2)] * 3)]
    ([3, 5, 7], [3, 7, 15])

    Systems: receptive-field
    Source: Araujo, Norris and Sim 2019; Baker A154, Martinez-Ramon A4.14, Jaiswal J77, Keras course K71.
    """
    found: list[Reach] = []
    size, jump, start = 1, 1, 0.5
    for i, layer in enumerate(layers):
        if not isinstance(layer, Sequence) or not 2 <= len(layer) <= 4:
            raise SettingError(
                f"layer {i} is (kernel, stride), (kernel, stride, dilation) or (..., padding); got {layer}"
            )
        kernel, stride, dilation, padding = (*layer, 1, 0)[:4] if len(layer) == 2 else (*layer, 0)[:4]
        for name, value in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
            check_count(f"layer {i}: {name}", value)
        check_count(f"layer {i}: padding", padding, least=0)
        wide = dilation * (kernel - 1)
        size, start = size + wide * jump, start + (wide / 2 - padding) * jump
        jump *= stride
        found.append(Reach(size, jump, start))
    return found


def costs(
    n_in: int,
    n_out: int,
    kernel: Sequence[int],
    shape: Sequence[int],
    *,
    groups: int = 1,
    bias: bool = True,
    tied: bool = True,
) -> tuple[int, int]:
    """(parameters, multiplications) of a convolution whose output has this shape.

    `tied=False` counts a kernel for every place (locally connected), and `groups=n_in` a depthwise one.

    >>> costs(512, 512, (3, 3), (14, 14), bias=False)[1]  # a standard convolution, and the two of a separable one
    462422016
    >>> costs(512, 512, (3, 3), (14, 14), groups=512)[1] + costs(512, 512, (1, 1), (14, 14))[1]
    52283392

    Systems: dense-vs-conv-cost
    Source: Hifny A9.15, Baker A067 and B67, Jaiswal J73 and J74, Martinez-Ramon B16.
    """
    a_kernel = math.prod(kernel) * n_in // groups
    sites = math.prod(shape)
    weights = n_out * a_kernel * (1 if tied else sites)
    biases = n_out * (1 if tied else sites) if bias else 0
    return weights + biases, n_out * a_kernel * sites


def dense_cost(n_in: int, n_out: int, *, bias: bool = True) -> tuple[int, int]:
    """(parameters, multiplications) of a dense layer: m n, where a convolution has k n (untied) or k (tied).

    >>> dense_cost(784, 392)[0], dense_cost(200 * 200 * 3, 1, bias=False)[0]
    (307720, 120000)

    Systems: dense-vs-conv-cost
    Source: Jaiswal J69 and J73 (its "grows exponentially" is linear in the pixels), Keras course K62.
    """
    return n_in * n_out + (n_out if bias else 0), n_in * n_out


def every_place(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every place of a shape, the last axis fastest."""
    ranges = [range(n) for n in shape]
    return itertools.product(*ranges)
