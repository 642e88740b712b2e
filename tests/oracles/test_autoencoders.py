"""Numbers of the books on autoencoders, corrected where a book is wrong."""

import numpy as np
import pytest
import torch

from parnassus.functional.autoencoding import reconstruction_errors
from parnassus.models.generative.autoencoder import ConvAutoencoder, DenseAutoencoder, LSTMAutoencoder

pytestmark = pytest.mark.usefixtures("draws")


def n_parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_b7_7_half_the_sum_of_squares_over_a_row():
    x, made = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]])
    assert float(reconstruction_errors(made, x, "half_squared_error").sum()) == 2.5
    assert float(reconstruction_errors(made, x, "squared_error").mean()) == 2.5  # equal as d = 2


def test_b7_9_lstm_autoencoder():
    net = LSTMAutoencoder(1, 64, 0.2)
    assert n_parameters(net) == 49_985 + 512  # torch's cells have a second bias of 4 x 64 each
    assert 4 * (64 * (1 + 64) + 64), 4 * (64 * (64 + 64) + 64) == (16_896, 33_024)


def test_b7_10_convolutional_autoencoder():
    net = ConvAutoencoder(1, (28, 28), (32, 32))
    assert [n_parameters(m) for m in [*net.encoder, *net.decoder] if n_parameters(m)] == [320, 9248, 9248, 9248, 289]
    assert n_parameters(net) == 28_353
    x = torch.zeros(2, 1, 28, 28)
    sizes = [28]
    for layer in net.encoder:
        x = layer(x)
        sizes += [x.shape[-1]] if x.shape[-1] != sizes[-1] else []
    assert sizes == [28, 14, 7]
    assert net.n_code == 7 * 7 * 32 == 1568  # more than 784 pixels: the text calls it a bottleneck
    assert net.decode(net.encode(torch.zeros(2, 1, 28, 28))).shape == (2, 1, 28, 28)


def test_b7_11_the_data_of_the_imputation_example():
    rng = np.random.RandomState(0)  # the book seeds NumPy's global state
    d = rng.randn(100, 1)
    mask = rng.choice([0, 1], size=(100, 1), p=[0.2, 0.8])
    assert d[:3, 0] == pytest.approx([1.76405235, 0.40015721, 0.97873798])
    assert mask[:10, 0].tolist() == [1, 1, 0, 1, 1, 1, 1, 1, 0, 1]
    assert mask.sum() == 80


def test_b44_and_b45_dense_autoencoders():
    assert n_parameters(DenseAutoencoder([5, 2], activation="linear")) == 27
    net = DenseAutoencoder([784, 256, 128, 64, 32])
    layers = [n_parameters(m) for m in [*net.encoder, *net.decoder] if n_parameters(m)]
    assert layers == [200_960, 32_896, 8_256, 2_080, 2_112, 8_320, 33_024, 201_488]
    assert n_parameters(net) == 489_136
    assert n_parameters(net.encoder) == 244_192


def test_b46_errors_of_one_row():
    x, r = torch.tensor([[1.0, 0.0, 0.5]], dtype=torch.float64), torch.tensor([[0.8, 0.1, 0.5]], dtype=torch.float64)
    assert float(reconstruction_errors(r, x).mean()) == pytest.approx(0.016667, abs=1e-6)
    assert float(reconstruction_errors(r.logit(), x, "cross_entropy").mean()) == pytest.approx(0.340551, abs=1e-6)
    same = x.clamp(1e-12, 1 - 1e-12).logit()
    assert float(reconstruction_errors(same, x, "cross_entropy").mean()) == pytest.approx(0.231049, abs=1e-6)
