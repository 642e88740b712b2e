"""A tree over the vocabulary, in which frequent words are near the root, and a softmax along its branches."""

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ...errors import DataError


class Paths(NamedTuple):
    """The way from the root to every word: `nodes` and `turns` of word w are those from starts[w] to starts[w + 1].

    nodes are inner nodes, from 0 to n_words - 2, the root being the last; a turn is 1 to the left and 0 to the right.
    """

    starts: Tensor
    nodes: Tensor
    turns: Tensor


def huffman_paths(counts: Sequence[float] | Tensor) -> Paths:
    """The paths of the tree that keeps the mean length of a path over occurrences least.

    The two lightest nodes become one, again and again; of equally light ones the older is taken first and goes left.

    Source: Huffman 1952; Morin and Bengio 2005 and Mikolov et al. 2013 for its use here.

    >>> huffman_paths([5, 1, 1]).starts.diff().tolist()
    [1, 2, 2]
    """
    weights = [float(n) for n in counts]
    n = len(weights)
    if n < 2 or not all(w > 0 for w in weights):
        raise DataError(f"a tree needs 2 words or more that were seen at least once; got counts {weights[:3]}")
    queue = [(w, i) for i, w in enumerate(weights)]
    heapq.heapify(queue)
    parent, turn = [0] * (2 * n - 1), [0] * (2 * n - 1)
    for new in range(n, 2 * n - 1):
        (light, left), (heavy, right) = heapq.heappop(queue), heapq.heappop(queue)
        parent[left], parent[right], turn[left], turn[right] = new, new, 1, 0
        heapq.heappush(queue, (light + heavy, new))
    starts, nodes, turns = [0], [], []
    for word in range(n):
        way, at = [], word
        while at != 2 * n - 2:
            way.append((parent[at] - n, turn[at]))
            at = parent[at]
        nodes += [node for node, _ in reversed(way)]
        turns += [left for _, left in reversed(way)]
        starts.append(len(nodes))
    return Paths(torch.tensor(starts), torch.tensor(nodes, dtype=torch.int32), torch.tensor(turns, dtype=torch.int32))


def hierarchical_log_softmax(v: Tensor, inner: Tensor, paths: Paths) -> Tensor:
    """ln P of every word (n_words,): the sum over its path of ln sigma(u_node^T v), or of ln sigma(-u_node^T v).

    v (d,), inner (n_words - 1, d). P of all words is 1, whatever the vectors, and one word costs ln(n_words) products
    and not n_words.

    Systems: hierarchical-softmax
    Source: Morin and Bengio 2005; Mikolov et al. 2013; Baker A184 (by name).

    >>> paths = huffman_paths([3, 2, 1])
    >>> log_p = hierarchical_log_softmax(torch.tensor([1.0, -2.0]), torch.tensor([[0.5, 1.0], [2.0, 0.1]]), paths)
    >>> round(float(log_p.exp().sum()), 6)
    1.0
    """
    sign = 2.0 * paths.turns.to(v.dtype) - 1
    each = logsigmoid(sign * (inner @ v)[paths.nodes.long()])
    word = torch.arange(len(paths.starts) - 1).repeat_interleave(paths.starts.diff())
    return torch.zeros(len(paths.starts) - 1, dtype=v.dtype).index_add_(0, word, each)
