"""Toy data: the numbers of the book's seeds, and the errors that theory gives."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from parnassus.data import samples
from parnassus.errors import SettingError


def test_2a_B14_xor_and_circle_of_seed_30():
    random = np.random.RandomState(30)
    x, y = samples.xor_clusters(100, spread=0.6, seed=random)
    assert (x.shape, y.shape, y.sum()) == ((400, 2), (400,), 200)
    assert x[0] == pytest.approx([-1.7584315989, -1.1880367646])
    assert x[1] == pytest.approx([-0.0832567890, -1.3447707472])
    assert x[-1] == pytest.approx([0.4004559911, 0.8571267950])
    assert x.sum(0) == pytest.approx([-14.3456563823, 12.7684326892])
    assert y[::100].tolist() == [0, 1, 1, 0]
    wrong = (x[:, 0] * x[:, 1] < 0) != y
    assert wrong.mean() == pytest.approx(0.095)  # Bayes error 0.0910
    c, label = samples.rings(250, spread=0.05, seed=random)
    assert c.shape == (500, 2)
    assert c[0] == pytest.approx([0.8365828708, -0.5548768559])
    assert c[250] == pytest.approx([0.6563770750, -0.2014251109])
    assert c.sum(0) == pytest.approx([-0.9998831248, -35.7442608345])
    radius = np.hypot(*c.T)
    assert [radius[label == k].mean() for k in (0, 1)] == pytest.approx([0.9962718163, 0.8003945226])
    assert ((radius < 0.9) != label).mean() == pytest.approx(0.030)  # Bayes error 0.02275


@pytest.mark.parametrize(
    ("gate", "outputs"),
    [
        ("and", [0, 0, 0, 1]),
        ("or", [0, 1, 1, 1]),
        ("xor", [0, 1, 1, 0]),
        ("nand", [1, 1, 1, 0]),
        ("nor", [1, 0, 0, 0]),
        ("xnor", [1, 0, 0, 1]),
    ],
)
def test_0_B32_truth_tables(gate, outputs):
    x, y = samples.truth_table(gate)
    assert x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert y.tolist() == outputs


def test_a_gate_may_have_more_inputs():
    assert samples.truth_table("xor", n_inputs=3)[1].tolist() == [0, 1, 1, 0, 1, 0, 0, 1]
    with pytest.raises(SettingError, match="did you mean"):
        samples.truth_table("xorr")


@pytest.mark.parametrize("make", [samples.xor_clusters, samples.rings, samples.circle, samples.blobs])
def test_a_seed_gives_the_same_rows(make):
    (x, y), (again, _), (other, _) = make(20, seed=1), make(20, seed=1), make(20, seed=2)
    assert np.array_equal(x, again)
    assert not np.array_equal(x, other)
    assert len(x) == len(y)
    assert y.dtype == np.int64


def test_blobs_lie_around_their_centers():
    x, y = samples.blobs(400, centers=[(0, 0, 9), (5, 5, 5)], spread=0.5)
    assert np.stack([x[y == k].mean(0) for k in (0, 1)]) == pytest.approx(np.array([(0, 0, 9), (5, 5, 5)]), abs=0.1)
    assert x.std(0, where=(y == 0)[:, None]) == pytest.approx([0.5] * 3, abs=0.05)


def test_half_the_disc_is_inside():
    x, y = samples.circle(4000, radius=1, size=1)
    assert y.mean() == pytest.approx(np.pi / 4, abs=0.02)
    assert (np.hypot(*x.T) < 1).tolist() == y.astype(bool).tolist()


def test_digits_are_bytes_that_give_the_ink_back():
    x, y = samples.digits()
    assert (x.shape, x.dtype, x.max()) == ((1797, 8, 8), np.uint8, 255)
    assert np.array_equal(np.rint(x / 255 * 16), load_digits().images)
    assert np.bincount(y).tolist() == np.bincount(load_digits().target).tolist()
