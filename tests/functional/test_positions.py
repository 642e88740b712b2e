"""Positions: what each promises, and transformers' numbers where it has them."""

import pytest
import torch

from parnassus.errors import SettingError
from parnassus.functional import positions as P


def test_sinusoids_of_an_odd_width_and_of_a_later_start():
    assert P.sinusoidal(3, 5).shape == (3, 5)
    torch.testing.assert_close(P.sinusoidal(3, 6, start=4), P.sinusoidal(7, 6)[4:])


def test_bits_too_few_are_refused():
    with pytest.raises(SettingError, match="4 bits"):
        P.binary(9, 3)
    assert P.binary(1).tolist() == [[0.0]]


def test_products_of_turned_vectors_depend_on_distance_alone():
    g = torch.Generator().manual_seed(0)
    q, k = torch.randn(8, generator=g, dtype=torch.float64), torch.randn(8, generator=g, dtype=torch.float64)

    def product(i: int, j: int) -> float:
        return float(P.rotary(q[None], start=i)[0] @ P.rotary(k[None], start=j)[0])

    assert product(3, 1) == pytest.approx(product(13, 11), abs=1e-6)
    assert product(3, 1) != pytest.approx(product(1, 3), abs=1e-3)


def test_rotary_positions_are_llamas():
    llama = pytest.importorskip("transformers.models.llama.modeling_llama", reason="transformers is not installed")
    x = torch.randn(2, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    rate = 10_000.0 ** (-torch.arange(0, 8, 2) / 8)
    angle = torch.cat([torch.arange(6.0)[:, None] * rate] * 2, -1)[None]
    wanted, _ = llama.apply_rotary_pos_emb(x, x, angle.cos(), angle.sin())
    torch.testing.assert_close(P.rotary(x), wanted)
    rows = P.rotary(x, start=torch.tensor([0, 4]))
    torch.testing.assert_close(rows[1], P.rotary(x[1], start=4))


def test_rotary_positions_are_products_with_complex_numbers():
    """Pairs (i, i + 3) as a_i + i b_i, times e^(i t / base^(2 i / 6)): the equation of the paper."""
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rate = torch.tensor([1.0, 100 ** (-1 / 3), 100 ** (-2 / 3)], dtype=torch.float64)
    angle = torch.arange(2.0, 7.0, dtype=torch.float64)[:, None] * rate
    turned = torch.complex(x[:, :3], x[:, 3:]) * torch.polar(torch.ones_like(angle), angle)
    wanted = torch.cat([turned.real, turned.imag], 1)
    torch.testing.assert_close(P.rotary(x, base=100.0, start=2), wanted, rtol=0, atol=1e-5)


def test_an_odd_width_cannot_be_turned():
    with pytest.raises(SettingError, match="even"):
        P.rotary(torch.zeros(2, 3))


@pytest.mark.parametrize("causal", [False, True])
def test_distance_buckets_are_t5s(causal):
    t5 = pytest.importorskip("transformers.models.t5.modeling_t5", reason="transformers is not installed")
    far = torch.arange(-300, 301)
    wanted = t5.T5Attention._relative_position_bucket(far, bidirectional=not causal)
    assert P.distance_buckets(far, causal=causal).tolist() == wanted.tolist()


def test_distance_buckets_widen_by_powers():
    """8 buckets up to 16, causal: 0 to 3 alone, and bucket 4 + k begins at 4 * 4^(k / 4): 4, 5.7, 8, 11.3."""
    far = -torch.arange(20)
    causal = [0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7]
    assert P.distance_buckets(far, n_buckets=8, furthest=16, causal=True).tolist() == causal
    assert P.distance_buckets(far, n_buckets=16, furthest=16).tolist() == causal
    assert P.distance_buckets(-far[1:], n_buckets=16, furthest=16).tolist() == [8 + b for b in causal[1:]]
    assert P.distance_buckets(-far, n_buckets=8, furthest=16, causal=True).tolist() == [0] * 20


def test_alibi_slopes_of_six_heads_are_those_of_four_and_every_second_of_eight():
    assert P.alibi_slopes(6).tolist() == pytest.approx([1 / 4, 1 / 16, 1 / 64, 1 / 256, 1 / 2, 1 / 8])
    assert P.alibi_slopes(7)[4:].tolist() == pytest.approx([1 / 2, 1 / 8, 1 / 32])


def test_alibi_slopes_are_blooms():
    bloom = pytest.importorskip("transformers.models.bloom.modeling_bloom", reason="transformers is not installed")
    for n_heads in (4, 6):
        theirs = bloom.build_alibi_tensor(
            torch.ones(1, 5), n_heads, torch.float32
        )  # -slope 0, ..., up to a row constant
        ours = P.alibi(n_heads, 1, 5)[:, 0]
        torch.testing.assert_close(ours - ours[:, :1], (theirs - theirs[..., :1])[:, 0])


def test_a_grid_of_positions_resized_keeps_its_class_token_and_its_corners():
    table = torch.randn(1, 1 + 6, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(P.resized_grid(table, (2, 3), (2, 3)), table)
    larger = P.resized_grid(table, (2, 3), (4, 6))
    assert larger.shape == (1, 25, 3)
    assert torch.equal(larger[:, 0], table[:, 0])
