"""Recipes on nets: shapes, counts and inequalities that the books or the papers give."""

import gzip
import json
import struct

import numpy as np
import pytest
import torch

from parnassus import recipes
from parnassus.functional.energy.restricted import hidden_probability, visible_mean
from parnassus.recipes.digit_sets import digits_of
from parnassus.recipes.dropped_units import machine_of
from parnassus.recipes.image_nets import thin, without_shortcuts

READS_MNIST = [name for name, one in recipes.all_recipes().items() if one.reads == "mnist"]


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    """Files of MNIST's form: scikit-learn's digits, each pixel as three, in a border of two."""
    folder, digits = tmp_path_factory.mktemp("mnist"), digits_of(None, n_train=160, n_test=60)
    for part, X, y in (("train", digits.X, digits.y), ("t10k", digits.X_test, digits.y_test)):
        pictures = np.pad(np.kron(X, np.ones((1, 3, 3), np.uint8)), ((0, 0), (2, 2), (2, 2)))
        for kind, values in (("images", pictures), ("labels", y.astype(np.uint8))):
            raw = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()
            (folder / f"{part}-{kind}-idx{values.ndim}-ubyte.gz").write_bytes(gzip.compress(raw))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", READS_MNIST)
def test_a_recipe_reads_mnist_from_disk(name, mnist):
    table = recipes.run(name, "tiny", mnist)
    assert table.rows
    assert any("MNIST" in note for note in table.notes)


def rows_of(name):
    return {row[0]: row for row in recipes.run(name, "tiny").rows}


def test_lenet_has_the_shapes_and_weights_of_the_books():
    rows = rows_of("lenet")
    assert rows["weights and biases"][2] == 61706
    assert rows["second convolution"][2] == "16x10x10"
    assert rows["first convolution, Baker's 2 x 2 kernels on 28 or 32"][2] == "6x27x27 or 6x31x31"


def test_shortcuts_save_no_operations():
    rows = rows_of("costs-of-image-nets")
    with_them, without = rows["resnet34, shortcuts without weights"], rows["plain-34"]
    assert with_them[3] == without[3] == pytest.approx(3.644, abs=0.001)
    assert rows["alexnet on two devices (2012)"][2] == pytest.approx(60.965224)
    assert rows["alexnet without groups"][2] == pytest.approx(62.378344)


def test_a_plain_net_is_the_residual_one_without_its_shortcuts(draws):
    net = without_shortcuts(thin((1, 1, 1)))
    block = net.stages[0][0].eval()
    x = torch.randn(1, 8, 8, 8)
    h = torch.relu(block.bn1(block.conv1(x)))
    torch.testing.assert_close(block(x), torch.relu(block.bn2(block.conv2(h))))


def test_softmaxes_of_the_books():
    rows = rows_of("softmax-by-hand")
    assert rows["dog, cat (Baker)"][2:5] == ("0.7109 0.2891", "0.3412 1.2412", "-0.2891 0.2891")
    assert rows["cat, dog, horse (Jaiswal)"][2:5] == (
        "0.7054 0.2595 0.0351",
        "0.3490 1.3490 3.3490",
        "-0.2946 0.2595 0.0351",
    )


def test_sizes_and_weights_of_the_recurrent_listing():
    rows = rows_of("recurrent-shapes")
    assert rows["output"][1] == rows["output"][2] == rows["output"][3] == "(3, 5)"
    assert rows["weights and biases"][2] == 745


def test_a_negative_mean_lets_the_gradient_through():
    shares = {row[1]: row[2] for row in recipes.run("depth-by-start", "tiny").rows}
    assert shares["mean max(-1, -8/n)"] > 10 * shares["N(0, 3.6/sqrt(n))"] > 1000 * shares["N(0, 1/sqrt(n))"]


def test_small_batches_are_ahead_after_one_pass():
    rows = rows_of("batch-sizes")
    assert rows["one row"][3] < rows["32 rows"][3]


def test_rectified_units_alone_are_exactly_zero():
    rows = rows_of("hidden-unit-map")
    assert rows["ReLU"][1] > 0.2
    assert rows["tanh"][1] == rows["sigmoid"][1] == 0


@pytest.mark.slow
def test_adam_without_its_correction_begins_too_fast():
    notes = recipes.run("seven-optimizers", "tiny").notes
    assert "3.16 times" in notes[1]  # sqrt(0.001) / 0.1 taken over 1 - 0.9


def test_the_worked_convolutions_are_those_of_the_book():
    rows = rows_of("kernels-by-hand")
    assert rows["the whole map"][2] == "[[45.0, 110.0], [40.0, 40.0]]"
    assert rows["the same without turning the kernel"][2] == "[[70.0, 30.0], [10.0, 40.0]]"
    aside = rows["a line that turns aside, under [[0, .5], [.5, 0]]"]
    np.testing.assert_allclose(json.loads(aside[2]), json.loads(aside[1]), atol=0.5)


def test_a_map_moves_with_its_picture_and_its_largest_value_stays():
    for move, follows, changed, pooled, largest, *_ in recipes.run("strokes-anywhere", "tiny").rows:
        assert follows < 1e-12
        assert largest < 1e-12
        assert (changed > pooled > 0) == (move > 0)


def test_dropout_follows_the_binomial_law():
    rows = [row[2] for row in recipes.run("dropout", "tiny").rows]
    assert rows[0] == pytest.approx(2, abs=0.05)
    assert rows[1] == pytest.approx(37.5, abs=2)
    assert rows[2] == pytest.approx(12.5, abs=1.5)
    assert max(rows[3:5]) < 0.05


def test_a_machine_rebuilds_better_the_longer_it_learns():
    v = torch.from_numpy(digits_of(None, n_train=200).X.reshape(200, -1) / 255).float()
    errors = []
    for epochs in (0, 150):
        machine = machine_of(v, n_hidden=16, rate=0.0, epochs=epochs, seed=0)
        errors.append(float((visible_mean(hidden_probability(v, machine), machine) - v).square().mean()))
    assert errors[1] < 0.8 * errors[0]


def test_changes_change_and_excited_pictures_excite():
    assert min(row[2] for row in recipes.run("changed-pictures", "tiny").rows if row[2] != "") > 5
    assert len(recipes.run("what-units-like", "tiny").rows) == 2
