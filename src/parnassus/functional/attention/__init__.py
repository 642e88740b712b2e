"""Attention: means of values by weights that queries and keys decide, from kernel regression to linear attention.

Queries, keys and values are (..., length, width); rows of a weight matrix belong to queries and sum to 1. A mask is
True where a query may look; it is put in BEFORE the softmax. Where a query may look nowhere its weights and its output
are 0.
"""

from .costs import Cost, attention_cost, recurrent_cost, state_space_cost
from .masks import causal_mask, padding_mask, prefix_mask, window_mask
from .products import (
    Attended,
    attend,
    multi_head,
    parameter_free,
    pool,
    rank_keys,
    scaled_dot_product,
    scaled_dot_product_backward,
    self_attention,
    self_attention_backward,
)
from .regression import KERNELS, average, best_bandwidth, kernel_weights, nadaraya_watson
from .scores import additive_scores, last_state_weights, multiplicative_scores, seq2seq_attention
from .subquadratic import linear_attention, linear_attention_slowly, local_attention

__all__ = [
    "KERNELS",
    "Attended",
    "Cost",
    "additive_scores",
    "attend",
    "attention_cost",
    "average",
    "best_bandwidth",
    "causal_mask",
    "kernel_weights",
    "last_state_weights",
    "linear_attention",
    "linear_attention_slowly",
    "local_attention",
    "multi_head",
    "multiplicative_scores",
    "nadaraya_watson",
    "padding_mask",
    "parameter_free",
    "pool",
    "prefix_mask",
    "rank_keys",
    "recurrent_cost",
    "scaled_dot_product",
    "scaled_dot_product_backward",
    "self_attention",
    "self_attention_backward",
    "seq2seq_attention",
    "state_space_cost",
    "window_mask",
]
