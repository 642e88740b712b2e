"""Attention in every form: against torch, against its twins, and at the edges of its masks."""

import math

import pytest
import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from parnassus import byhand
from parnassus.errors import SettingError
from parnassus.functional import attention as A
from parnassus.layers.attention import MultiHeadAttention


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def qkv(n: int = 7, m: int = 7, width: int = 4):
    return drawn(2, 3, n, width, seed=1), drawn(2, 3, m, width, seed=2), drawn(2, 3, m, width, seed=3)


def test_the_readable_form_equals_torchs_kernel_under_every_mask():
    q, k, v = qkv()
    lengths = torch.tensor([3, 7])
    for mask in (
        None,
        A.causal_mask(7),
        A.padding_mask(lengths, 7)[:, None],
        A.padding_mask(lengths, 7)[:, None] & A.causal_mask(7),
        A.window_mask(7, window=2),
        A.prefix_mask(7, n_prefix=3),
    ):
        torch.testing.assert_close(
            A.scaled_dot_product(q, k, v, mask=mask).z, F.scaled_dot_product_attention(q, k, v, mask)
        )


def test_a_query_that_may_look_nowhere_gets_nothing_and_no_nan():
    q, k, v = qkv()
    q.requires_grad_()
    found = A.scaled_dot_product(q, k, v, mask=torch.zeros(7, 7, dtype=torch.bool))
    assert not found.z.any()
    assert not found.weights.any()
    found.z.sum().backward()
    assert q.grad.isfinite().all()


def test_huge_scores_do_not_overflow():
    z = A.scaled_dot_product(torch.tensor([[1e30]]), torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [5.0]])).z
    assert z.tolist() == [[5.0]]


@pytest.mark.parametrize("masked", [False, True])
def test_slopes_by_hand_equal_autograds_and_those_in_numpy(masked):
    x, ws = drawn(2, 5, 3), [drawn(3, 4, seed=i).requires_grad_() for i in (4, 5)]
    x.requires_grad_()
    w_v, slope = drawn(3, 2, seed=6).requires_grad_(), drawn(2, 5, 2, seed=7)
    mask = A.causal_mask(5) if masked else None
    wanted = torch.autograd.grad(A.self_attention(x, *ws, w_v, mask=mask).z, (x, *ws, w_v), slope)
    found = A.self_attention_backward(slope, x.detach(), *(w.detach() for w in (*ws, w_v)), mask=mask)
    numpy = byhand.attention.self_attention(
        *(a.detach().numpy() for a in (x, *ws, w_v)), by_z=slope.numpy(), mask=None if mask is None else mask.numpy()
    )
    for one, other, third in zip(found, wanted, (numpy.by_x, numpy.by_w_q, numpy.by_w_k, numpy.by_w_v), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(one, torch.from_numpy(third), rtol=1e-10, atol=1e-12)


def test_self_attention_does_not_see_order_and_two_layers_are_not_one():
    x, w = drawn(6, 3), drawn(3, 3, seed=8)
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    torch.testing.assert_close(A.self_attention(x[order], w, w, w).z, A.self_attention(x, w, w, w).z[order])
    twice = A.parameter_free(A.parameter_free(x).z).z
    weights = A.parameter_free(x).weights
    assert not torch.allclose(twice, weights @ weights @ x, atol=1e-3)  # what constant weights would give


def test_a_changed_future_changes_nothing_before_it():
    q, k, v = qkv()
    before = A.scaled_dot_product(q, k, v, mask=A.causal_mask(7)).z
    k[..., 5:, :], v[..., 5:, :] = 9.0, -9.0
    after = A.scaled_dot_product(q, k, v, mask=A.causal_mask(7)).z
    torch.testing.assert_close(after[..., :5, :], before[..., :5, :])
    assert not torch.allclose(after[..., 5:, :], before[..., 5:, :])


@pytest.mark.parametrize(("n", "window"), [(7, 2), (8, 2), (1, 3), (10, 3), (5, 40)])
def test_local_attention_equals_the_whole_with_a_band(n, window):
    q, k, v = qkv(n, n)
    wanted = A.scaled_dot_product(q, k, v, mask=A.window_mask(n, window=window)).z
    torch.testing.assert_close(A.local_attention(q, k, v, window=window), wanted)


def test_linear_attention_equals_its_twin_both_ways():
    q, k, v = qkv()
    torch.testing.assert_close(A.linear_attention(q, k, v), A.linear_attention_slowly(q, k, v))
    causal = A.linear_attention_slowly(q, k, v, mask=A.causal_mask(7))
    torch.testing.assert_close(A.linear_attention(q, k, v, causal=True), causal)


def test_multiplicative_scores_with_and_without_a_matrix():
    q, k, _ = qkv(5, 7)
    torch.testing.assert_close(A.multiplicative_scores(q, k), q @ k.mT)
    w = drawn(4, 4, seed=9)
    torch.testing.assert_close(A.multiplicative_scores(q, k, w), torch.einsum("bhni,ij,bhmj->bhnm", q, w, k))


def test_additive_scores_equal_each_pair_by_itself():
    q, k, w, v = drawn(2, 3), drawn(4, 5, seed=1), drawn(6, 8, seed=2), drawn(6, seed=3)
    pairs = [[v @ torch.tanh(w @ torch.cat([a, b])) for b in k] for a in q]
    torch.testing.assert_close(A.additive_scores(q, k, w, v), torch.stack([torch.stack(row) for row in pairs]))


def test_seq2seq_attention_leaves_padding_out():
    h, s, w = drawn(2, 4, 3), drawn(2, 3, seed=1), drawn(5, 3, seed=2)
    found = A.seq2seq_attention(s, h, w, w, torch.eye(3).double(), mask=A.padding_mask(torch.tensor([2, 4]), 4)[:, 0])
    alone = A.seq2seq_attention(s[:1], h[:1, :2], w, w, torch.eye(3).double())
    torch.testing.assert_close(found.z[:1], alone.z)


@pytest.mark.parametrize("kernel", sorted(A.KERNELS))
def test_far_queries_take_the_nearest_row_and_no_nan(kernel):
    x, y = torch.tensor([0.0, 1, 2]), torch.tensor([5.0, 6, 7])
    found = A.nadaraya_watson(torch.tensor([1e4, -1e4]), x, y, bandwidth=0.1, kernel=kernel)
    assert found.tolist() == pytest.approx([7.0, 5.0], abs=1e-3)


@pytest.mark.filterwarnings("ignore:After 0.17")
def test_kernel_regression_equals_statsmodels():
    kernel = pytest.importorskip("statsmodels.nonparametric.kernel_regression", reason="statsmodels is not installed")
    x, y, queries = drawn(40), drawn(40, seed=1), drawn(9, seed=2)
    peer = kernel.KernelReg(y.numpy(), x.numpy(), "c", reg_type="lc", bw=[0.37])
    found = A.nadaraya_watson(queries, x, y, bandwidth=0.37)
    torch.testing.assert_close(found, torch.from_numpy(peer.fit(queries.numpy())[0]))


def test_a_wide_kernel_is_the_mean_and_the_best_bandwidth_lies_between():
    x = torch.linspace(0, 6, 60).double()
    y = torch.sin(x) + 0.3 * drawn(60)
    torch.testing.assert_close(A.nadaraya_watson(x, x, y, bandwidth=1e6), A.average(y, 60))
    assert A.best_bandwidth(x, y, (1e-3, 0.3, 50.0)) == 0.3


@pytest.mark.parametrize("settings", [{"bandwidth": 0.0}, {"bandwidth": math.nan}, {"bandwidth": 1.0, "kernel": "g"}])
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(SettingError):
        A.kernel_weights(torch.zeros(1), torch.zeros(2), **settings)


@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize(("n", "width"), [(8, 4), (3, 12)])
def test_the_cost_of_attention_is_what_torch_counts(n, width):
    layer = MultiHeadAttention(width, 2, bias=False)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        layer(torch.randn(1, n, width))
    assert counter.get_total_flops() == A.attention_cost(n, width).operations


@pytest.mark.parametrize(("cell", "n_gates"), [(torch.nn.RNNCell, 1), (torch.nn.GRUCell, 3), (torch.nn.LSTMCell, 4)])
@pytest.mark.usefixtures("draws")
def test_the_cost_of_recurrence_is_the_size_of_its_products(cell, n_gates):
    made = cell(6, 6)
    products = 2 * sum(p.numel() for p in made.parameters() if p.ndim == 2)
    assert A.recurrent_cost(9, 6, n_gates=n_gates).operations == 9 * products
    assert A.recurrent_cost(9, 6).steps == 9
    assert A.attention_cost(9, 6).steps == 1


def test_costs_grow_with_length_as_they_are_known_to():
    long, short = A.attention_cost(20_000, 64).operations, A.attention_cost(10_000, 64).operations
    assert 3.8 < long / short < 4
    assert A.recurrent_cost(20_000, 64).operations == 2 * A.recurrent_cost(10_000, 64).operations
    assert A.state_space_cost(20_000, 64).operations == 2 * A.state_space_cost(10_000, 64).operations
    assert A.state_space_cost(1024, 64).steps == 10
    assert A.state_space_cost(10**6, 64).state == A.state_space_cost(1, 64).state < A.attention_cost(100, 64).state
