"""What attention, recurrence and state spaces cost by length and width: operations, memory, steps that must wait."""

from typing import NamedTuple


class Cost(NamedTuple):
    """Of one layer and one row.

    operations : multiplications and additions, of matrix products alone.
    memory : numbers that stay for the backward pass, weights aside, to leading order.
    steps : products that must wait for each other.
    state : numbers that must be kept to read the next step after the row.
    """

    operations: int
    memory: int
    steps: int
    state: int


def attention_cost(n: int, width: int, *, n_heads: int = 1) -> Cost:
    """Self-attention of n places: 8 n d^2 for four projections, 4 n^2 d for scores and means; O(n^2) where n > 2 d.

    The weights of every head are kept (a kernel that computes them again keeps none of them); the state is all keys and
    values seen so far.

    Systems: attention-cost-model
    Source: Vaswani et al. 2017, table 1; Hifny 11.3 and tables 11.1 and 12.1; Baker 6.3.6 names no cost at all.

    >>> attention_cost(10, 4).operations
    2880
    """
    return Cost(8 * n * width**2 + 4 * n**2 * width, n_heads * n**2 + 4 * n * width, 1, 2 * n * width)


def recurrent_cost(n: int, width: int, *, n_gates: int = 1) -> Cost:
    """A recurrent layer: 4 n d^2 for each gate (1 for Elman's net, 3 for a GRU, 4 for an LSTM), n steps in turn.

    Source: as `attention_cost`.
    """
    return Cost(4 * n_gates * n * width**2, (n_gates + 1) * n * width, n, width * (2 if n_gates == 4 else 1))


def state_space_cost(n: int, width: int, *, n_states: int = 16) -> Cost:
    """The selective scan of n places: 6 operations for each of width n_states states; log2 n steps by a parallel scan.

    Projections, which are as those of any layer, are left out.

    Source: Gu and Dao 2023; Hifny table 12.1 (whose L log L is that of the convolution form, not of the scan).
    """
    return Cost(6 * n * width * n_states, n * width * n_states, max((n - 1).bit_length(), 1), width * n_states)
