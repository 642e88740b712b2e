"""The worked numbers of the books on attention and positions, and the right values where a book's are wrong."""

import math

import pytest
import torch
from torch import Tensor

from parnassus.functional import attention, positions, residual
from parnassus.layers.attention import MultiHeadAttention
from parnassus.models.text.gpt import residual_scale
from parnassus.models.vision.vit import n_patches


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def table(text: str) -> Tensor:
    return torch.tensor([[float(v) for v in row.split()] for row in text.split(";")], dtype=torch.float64)


def near(found: Tensor, wanted: Tensor, atol: float = 6e-7) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=atol)


# --- Hifny -----------------------------------------------------------------------------------------------------------


def test_hifny_b22_keys_are_ranked_by_their_product_with_the_query():
    scores, order = attention.rank_keys(numbers(0.8, 0.3, 0.5), table(".9 .1 .4; .4 .7 .5; .7 .2 .6"))
    near(scores * math.sqrt(3), numbers(0.95, 0.78, 0.92), 1e-12)
    near(scores, numbers(0.5484827557, 0.4503332100, 0.5311622477), 1e-10)
    near(scores.softmax(0), numbers(0.3460995668, 0.3137438703, 0.3401565630), 1e-10)
    assert order.tolist() == [0, 2, 1]


def test_hifny_b23_identity_attention_which_the_book_truncates():
    eye = torch.eye(2, dtype=torch.float64)
    found = attention.self_attention(eye, eye, eye, eye)
    near(found.weights, table(".6697615493 .3302384507; .3302384507 .6697615493"), 1e-10)
    near(found.z, found.weights, 0)
    assert not torch.equal((found.weights * 1000).round(), torch.tensor([[669.0, 330], [330, 669]]))  # the book's
    causal = attention.self_attention(eye, eye, eye, eye, mask=attention.causal_mask(2))
    near(causal.weights, table("1 0; .3302384507 .6697615493"), 1e-10)


def test_hifny_b26_sinusoids():
    small = double_sinusoid(3, 4)
    near(small[1], numbers(0.8414709848, 0.5403023059, 0.0099998333, 0.9999500004), 1e-10)
    near(small[2], numbers(0.9092974268, -0.4161468365, 0.0199986667, 0.9998000067), 1e-10)
    wide = double_sinusoid(50, 256)
    near(wide[1, :4], numbers(0.8414709848, 0.5403023059, 0.8019617952, 0.5973753251), 1e-10)
    near(wide[49, [0, 1, 254, 255]], numbers(-0.9537526528, 0.3005925437, 0.0052655540, 0.9999861369), 1e-10)
    near(wide.square().sum(1), torch.full((50,), 128.0, dtype=torch.float64), 1e-10)


def double_sinusoid(n: int, width: int) -> Tensor:
    torch.set_default_dtype(torch.float64)
    try:
        return positions.sinusoidal(n, width)
    finally:
        torch.set_default_dtype(torch.float32)


X_B47 = "1 0 1 0; 0 2 0 2; 1 1 1 1"


@pytest.mark.usefixtures("draws")
def test_hifny_b47_two_heads_and_their_causal_form():
    x = table(X_B47)
    w = torch.stack([torch.eye(4, dtype=torch.float64)[:, :2], torch.eye(4, dtype=torch.float64)[:, 2:]])
    head = table(".8022241854 .7966637220; .2320820639 1.7225295732; .5988879073 1.2033362780")
    weights = table(
        ".4011120927 .1977758146 .4011120927; .0453883629 .7679179361 .1866937009; .1977758146 .4011120927 .4011120927"
    )
    found = attention.multi_head(x, x, w, w, w)
    near(found.z, torch.cat([head, head], 1), 1e-10)
    near(found.weights, torch.stack([weights, weights]), 1e-10)
    causal = attention.multi_head(x, x, w, w, w, mask=attention.causal_mask(3))
    near(causal.z[:, :2], table("1 0; .0558072192 1.8883855616; .5988879073 1.2033362780"), 1e-10)
    layer = MultiHeadAttention(4, 2, bias=False).double()
    with torch.no_grad():
        layer.qkv.weight.copy_(torch.eye(4).repeat(3, 1))
        layer.out.weight.copy_(torch.eye(4))
        near(layer(x[None])[0], found.z, 1e-12)
        near(layer(x[None], causal=True)[0], causal.z, 1e-12)


def test_hifny_b48_additive_scores():
    scores = attention.additive_scores(
        table(".2 .4"), table("1 0; 0 1; 1 1"), table("1 0 .5 0; 0 1 0 .5"), numbers(1, -1)
    )[0]
    near(scores, numbers(0.2244188149, -0.5189225500, -0.1119300931), 1e-10)
    near(scores.softmax(0), numbers(0.4566426532, 0.2171437941, 0.3262135527), 1e-10)


def test_hifny_b49_an_encoder_layer_with_norms_after():
    x, eye = table("1 0 2; 0 1 1"), torch.eye(3, dtype=torch.float64)
    found = attention.self_attention(x, eye, eye, eye)
    near(found.weights, table(".8496745531 .1503254469; .5 .5"), 1e-10)
    middle = residual.add_norm(x, lambda h: attention.self_attention(h, eye, eye, eye).z, eps=0.0)
    near(middle, table("-.0662848061 -1.1902564458 1.2565412519; -1.2247448714 0 1.2247448714"), 1e-9)
    out = residual.add_norm(middle, torch.relu, eps=0.0)
    near(out, table("-.3129256046 -1.0379233055 1.3508489101; -1.0690449676 -.2672612419 1.3363062096"), 1e-9)


# --- Baker -----------------------------------------------------------------------------------------------------------


def test_baker_b49_attention_and_positions():
    found = attention.scaled_dot_product(
        torch.eye(2, dtype=torch.float64), table("1 0; 0 1; 1 1"), table("1 2; 3 4; 5 6")
    )
    near(found.weights, table(".401112 .197776 .401112; .197776 .401112 .401112"))
    near(found.z, table("3 4; 3.406673 4.406673"))
    near(double_sinusoid(2, 4)[1], numbers(0.841471, 0.540302, 0.01, 0.99995))


# --- Martinez-Ramon --------------------------------------------------------------------------------------------------


def test_martinez_ramon_b25_the_root_divides():
    q, k, v = table("1 0"), table("1 0; 0 1; 1 1"), table("1; 2; 3")
    found = attention.scaled_dot_product(q, k, v)
    near(found.weights[0], numbers(0.401112, 0.197776, 0.401112))
    near(found.z[0], numbers(2.0))
    printed = attention.scaled_dot_product(q, k, v, scale=math.sqrt(2))  # eq. 6.11 has it as a factor
    near(printed.weights[0], numbers(0.445808, 0.108383, 0.445808))


@pytest.mark.parametrize(
    ("kernel", "bandwidth", "queries", "wanted"),
    [
        ("gaussian", 0.5, (0, 0.5, 1, 1.5), (0.120349, 0.531762, 1.213014, 2.477313)),
        ("laplacian", 0.5, (0, 0.5, 1, 1.5), (0.180815, 0.721826, 1.213014, 2.341553)),
        ("epanechnikov", 1.2, (0.9,), (1.026201,)),
        ("triangular", 1.2, (0.9,), (1.0,)),
    ],
)
def test_martinez_ramon_b26_kernel_regression(kernel, bandwidth, queries, wanted):
    found = attention.nadaraya_watson(
        numbers(*queries), numbers(0, 1, 2), numbers(0, 1, 4), bandwidth=bandwidth, kernel=kernel
    )
    near(found, numbers(*wanted))


@pytest.mark.parametrize(
    ("kernel", "bandwidth", "query", "wanted"),
    [
        ("gaussian", 0.5, 0.0, (0.880537, 0.119168, 0.000295)),
        ("gaussian", 0.5, 1.0, (0.106507, 0.786986, 0.106507)),
        ("epanechnikov", 1.2, 0.9, (0.275109, 0.624454, 0.100437)),
        ("triangular", 1.2, 0.9, (0.2, 0.733333, 0.066667)),
    ],
)
def test_martinez_ramon_b26_weights(kernel, bandwidth, query, wanted):
    found = attention.kernel_weights(numbers(query), numbers(0, 1, 2), bandwidth=bandwidth, kernel=kernel)
    near(found[0], numbers(*wanted))


def test_martinez_ramon_b26_the_printed_kernel_grows_with_distance():
    e = torch.exp(numbers(0, 1, 2) / 0.5)
    near((e * numbers(0, 1, 4)).sum() / e.sum(), torch.tensor(3.584564, dtype=torch.float64))


def test_martinez_ramon_b26_bandwidths_between_noise_and_mean():
    """The book's experiment with drawn data: its picture is lost, the shape of the curve is not."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.uniform(0, 10, 100))
    y = torch.sin(x) + torch.from_numpy(rng.normal(size=100))
    queries = torch.arange(11, dtype=torch.float64)
    errors, neighbours = [], []
    for h in (0.05, 0.2, 0.5, 1, 2, 10):
        weights = attention.kernel_weights(queries, x, bandwidth=h)
        near(weights.sum(1), torch.ones(11, dtype=torch.float64), 1e-12)
        errors.append(float((weights @ y - torch.sin(queries)).square().mean()))
        neighbours.append(float((1 / weights.square().sum(1)).mean()))
    assert min(errors) == errors[2]
    assert neighbours == sorted(neighbours)
    assert neighbours[0] < 4
    assert neighbours[-1] == pytest.approx(99.0, abs=0.5)
    assert errors[-1] == pytest.approx(0.442, abs=0.05)


def test_martinez_ramon_b27_a_table_of_a_hundred():
    found = double_sinusoid(100, 512)
    near(found[0, :4], numbers(0, 1, 0, 1))
    near(found[1, :6], numbers(0.841471, 0.540302, 0.821856, 0.569695, 0.801962, 0.597375))
    near(found[99, :2], numbers(-0.999207, 0.039821))
    near(found[1, 510:], numbers(1.0366e-4, 0.99999999), 1e-8)
    near(found[99, 510:], numbers(0.010262, 0.999947))
    near(found.square().sum(1), torch.full((100,), 256.0, dtype=torch.float64), 1e-9)
    near(torch.stack([found[0] @ found[1], found[10] @ found[11]]), numbers(249.1021, 249.1021), 5e-5)


def test_martinez_ramon_b28_masks_go_in_before_the_softmax():
    scores, mask = table("2 1 3; 0 1 2; 1 0 1"), attention.causal_mask(3)
    v = torch.eye(3, dtype=torch.float64)
    near(attention.attend(scores, v, mask=mask).weights, table("1 0 0; .2689 .7311 0; .4223 .1554 .4223"), 5e-5)
    leaking = attention.attend(scores * mask, v).weights  # the book's triangle of ones, multiplied
    near(leaking[:2], table(".787 .1065 .1065; .2119 .5761 .2119"), 5e-5)
    near((attention.attend(scores, v).weights * mask).sum(1), numbers(0.2447, 0.3348, 1), 5e-5)


def test_martinez_ramon_b29_additive_attention():
    h = table("1 0; 0 1; .5 .5")
    scores = attention.additive_scores(table(".5 -.5"), h, table("1 0 1 0; 0 1 0 1"), numbers(1, -1))
    near(scores[0], numbers(1.367265, 0, 0.761594))
    found = attention.attend(scores, h)
    near(found.weights[0], numbers(0.555398, 0.141517, 0.303085))
    near(found.z[0], numbers(0.706941, 0.293059))


@pytest.mark.usefixtures("draws")
def test_martinez_ramon_b42_the_books_slopes_with_queries_in_columns():
    x, delta = torch.randn(3, 5).double(), torch.randn(2, 5).double()  # X is D x N
    w_q, w_k, w_v = torch.randn(3, 4).double(), torch.randn(3, 4).double(), torch.randn(3, 2).double()
    q, k, v = w_q.T @ x, w_k.T @ x, w_v.T @ x
    a = (k.T @ q / 2).softmax(0)
    g = v.T @ delta
    by_s = a * (g - (a * g).sum(0))
    found = attention.self_attention_backward(delta.T, x.T, w_q, w_k, w_v)
    near(found[1], x @ (k @ by_s).T / 2, 1e-12)
    near(found[2], x @ (q @ by_s.T).T / 2, 1e-12)
    near(found[3], x @ a @ delta.T, 1e-12)
    assert not torch.allclose(a.sum(1), torch.ones(5).double())
    near(a.sum(0), torch.ones(5).double(), 1e-12)


def test_martinez_ramon_b34_and_b35_arithmetic():
    assert residual_scale(12) == pytest.approx(0.204124, abs=1e-6)
    assert residual_scale(48) == pytest.approx(0.102062, abs=1e-6)
    counts = [n_patches((side, side), p) for side, p in ((224, 16), (224, 14), (384, 16), (512, 16), (518, 14))]
    assert counts == [196, 256, 576, 1024, 1369]
    assert n_patches((64, 64), 1) ** 2 == 16_777_216


# --- Jaiswal ---------------------------------------------------------------------------------------------------------


def test_jaiswal_b37_pooling_and_the_last_state():
    h = table("1 0; 0 1; 1 1")
    near(torch.softmax(h @ numbers(1, 0.5), 0), numbers(0.307196, 0.186324, 0.506480))
    near(attention.pool(h @ numbers(1, 0.5), h), numbers(0.813676, 0.692804))
    eye = torch.eye(2, dtype=torch.float64)
    found = attention.seq2seq_attention(numbers(1, 0.5), h, eye, eye, eye)
    near(found.z, numbers(0.813676, 0.692804))
    last = attention.last_state_weights(torch.tensor([3]), 3).double()
    near((last @ h)[0], h[2], 0)


def test_jaiswal_b38_scaled_and_unscaled():
    q, k, v = torch.eye(2, dtype=torch.float64), table("1 0; 1 1; 0 2"), table("1 2; 3 4; 5 6")
    found = attention.scaled_dot_product(q, k, v)
    near(found.weights, table(".401112 .401112 .197776; .140029 .283995 .575975"))
    near(found.z, table("2.593327 3.593327; 3.871892 4.871892"))
    near(attention.scaled_dot_product(q, k, v, scale=1.0).z, table("2.466087 3.466087; 4.150421 5.150421"))


@pytest.mark.parametrize(("width", "sharpest"), [(4, 0.504), (64, 0.866), (512, 0.951)])
def test_jaiswal_b39_products_spread_with_the_width_and_the_root_takes_it_away(width, sharpest):
    g = torch.Generator().manual_seed(0)
    q, k = torch.randn(4000, width, generator=g), torch.randn(4000, 10, width, generator=g)
    plain = (k @ q[..., None])[..., 0]
    scaled = torch.stack([attention.rank_keys(q[i], k[i])[0] for i in range(500)])
    assert float(plain.var()) == pytest.approx(width, rel=0.05)
    assert float(scaled.var()) == pytest.approx(1, rel=0.1)
    assert float(plain.softmax(1).amax(1).mean()) == pytest.approx(sharpest, abs=0.02)
    assert float(scaled.softmax(1).amax(1).mean()) == pytest.approx(0.315, abs=0.02)


# --- Keras course ----------------------------------------------------------------------------------------------------


def test_keras_course_b55_binary_positions():
    assert positions.binary(8).int().tolist() == [[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)]
    assert positions.integer(3)[:, 0].tolist() == [0, 1, 2]


def test_keras_course_b56_sinusoids():
    found = double_sinusoid(4, 4)
    near(found[3], numbers(0.141120, -0.989992, 0.029996, 0.999550))
    with pytest.raises(ZeroDivisionError):
        1 / (100002 * 0 / 4)  # the printed denominator at i = 0


def test_keras_course_b57_attention_without_parameters():
    found = attention.parameter_free(table("1 0; 0 1; 1 1"))
    near(found.weights, table(".422319 .155362 .422319; .155362 .422319 .422319; .211942 .211942 .576117"))
    near(found.z, table(".844638 .577681; .577681 .844638; .788058 .788058"))


def test_keras_course_b58_projected_attention():
    eye = torch.eye(2, dtype=torch.float64)
    found = attention.self_attention(table("1 0; 0 1; 1 1"), eye, table("0 1; 1 0"), table("1 2; 3 4"))
    near(found.weights, table(".197776 .401112 .401112; .401112 .197776 .401112; .248255 .248255 .503490"))
    near(found.z, table("3.005560 4.406673; 2.598888 4; 3.006980 4.510470"))


def test_keras_course_b59_a_feed_forward_layer_at_each_place():
    w_1, w_2 = table("1 0 -1; 2 1 0"), table("1 0; 0 1; 1 1")
    found = residual.position_wise(table("2 1; 1 -1"), w_1.T, numbers(0, 0.5, 0.5), w_2.T, numbers(0.1, -0.1))
    near(found, table("4.1 1.4; .1 -.1"), 1e-12)
