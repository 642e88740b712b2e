"""Numbers by seed and place: published bits, laws of the normal, and the same with and without the compiled kernel."""

import pytest
import torch
from scipy.stats import kstest

from parnassus import kernels
from parnassus.functional.places import bits_at, compiled, normals, normals_twin

needs_kernel = pytest.mark.skipif(compiled() is None, reason=kernels.status()["mean_field"])


def test_the_bits_are_splitmix64s():
    # of the generator's C code by Vigna, seed 1234567
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    found = bits_at(torch.tensor(1234567), 4)
    assert [z & (1 << 64) - 1 for z in found.tolist()] == published


@needs_kernel
@pytest.mark.parametrize("n", [1, 127, 128, 129, 1000])
@pytest.mark.parametrize("seed", [0, 7, -3, 2**63 - 1])
def test_the_kernel_draws_what_its_twin_draws(n, seed):
    state = torch.tensor(seed)
    exact = normals_twin(state, torch.empty(n, dtype=torch.float64))
    torch.testing.assert_close(normals(state, torch.empty(n)).double(), exact, rtol=1e-5, atol=3e-6)


def test_many_are_normal_and_independent_of_their_neighbours():
    drawn = normals(torch.tensor(5), torch.empty(200_000)).double()
    assert kstest(drawn.numpy(), "norm").pvalue > 1e-3
    assert abs(float(drawn.mean())) < 4 / 200_000**0.5
    for lag in (1, 63, 64, 128):  # of one pair, and of neighbouring ones
        assert abs(float((drawn[lag:] * drawn[:-lag]).mean())) < 4.5 / 200_000**0.5
        assert abs(float((drawn[lag:].square() * drawn[:-lag].square()).mean()) - 1) < 4.5 * 8**0.5 / 200_000**0.5


def test_neighbouring_seeds_are_unrelated():
    one, other = (normals(torch.tensor(seed), torch.empty(100_000)).double() for seed in (11, 12))
    assert abs(float((one * other).mean())) < 4.5 / 100_000**0.5


def test_nothing_is_taken_from_torchs_generator(draws):
    before = torch.get_rng_state()
    normals(torch.tensor(3), torch.empty(10))
    assert torch.equal(before, torch.get_rng_state())
