"""Chains of by-hand layers: each layer's slopes against differences, and what a step prints and draws."""

import numpy as np
import pytest

from parnassus.byhand.chain import (
    Activation,
    AveragePool,
    Convolution,
    Dense,
    Flatten,
    Framing,
    Layer,
    MaxPool,
    Standardize,
    chain_trace,
)
from parnassus.byhand.gradients import gradient_error
from parnassus.errors import SettingError

RNG = np.random.default_rng(0)
PICTURES = RNG.normal(size=(2, 2, 6, 6))
LAYERS: list[tuple[Layer, np.ndarray]] = [
    (Dense("d", RNG.normal(size=(3, 4)), RNG.normal(size=3)), RNG.normal(size=(5, 4))),
    (Dense("d", RNG.normal(size=(3, 4)), None), RNG.normal(size=(5, 4))),
    (Convolution("c", RNG.normal(size=(3, 2, 3, 2)), RNG.normal(size=3), 2, 1), PICTURES),
    (MaxPool(2, 2), PICTURES),
    (AveragePool((2, 3), (2, 1)), PICTURES),
    (Activation("gelu"), RNG.normal(size=(5, 4))),
    (Flatten(), PICTURES),
    (Standardize("b", *RNG.normal(size=(3, 2)), np.array([0.5, 2.0]), 1e-5), PICTURES),
]


@pytest.mark.parametrize(("layer", "x"), LAYERS, ids=lambda v: type(v).__name__)
def test_a_layers_slopes_are_the_difference_quotients(layer: Layer, x: np.ndarray) -> None:
    h = layer.forward(x)
    delta = RNG.normal(size=h.shape)
    by_x, gradients = layer.backward(delta, x, h)
    assert set(gradients) == set(layer.weights)
    assert gradient_error(lambda v: float((layer.forward(v) * delta).sum()), by_x, x, step=1e-5) < 1e-8
    for name, g in gradients.items():
        w = layer.weights[name]
        kept = w.copy()

        def moved(v: np.ndarray, w: np.ndarray = w) -> float:
            w[...] = v
            return float((layer.forward(x) * delta).sum())

        assert gradient_error(moved, g, kept, step=1e-5) < 1e-8
        w[...] = kept


def test_a_border_of_the_lowest_value_is_put_about_pictures() -> None:
    framed = Framing(8).forward(PICTURES)
    assert framed.shape == (2, 2, 8, 8)
    assert (framed[:, :, 0] == PICTURES.min((2, 3))[:, :, None]).all()
    assert np.allclose(framed[:, :, 1:7, 1:7], PICTURES)
    with pytest.raises(SettingError, match="6 x 6 would be resized to 32 x 32"):
        Framing(32).forward(PICTURES)


def test_a_step_moves_every_weight_against_its_gradient() -> None:
    layers = [Dense("0", RNG.normal(size=(3, 4)), RNG.normal(size=3)), Activation("tanh"),
              Dense("2", RNG.normal(size=(1, 3)), np.zeros(1))]  # fmt: skip
    step = chain_trace(layers, RNG.normal(size=(5, 4)), lambda z: (float((z**2).sum()), 2 * z), lr=0.5)
    assert set(step.after) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert np.allclose(step.after["0.weight"], layers[0].w - 0.5 * step.gradients["0.weight"])
    text = str(step)
    assert text.index("layer 3: dense 3 -> 1") < text.index("loss") < text.index("layer 3, backward")
    assert len(step.diagram().boxes) == 8
    assert len(step.diagram().lines) == 15
