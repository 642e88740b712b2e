"""Walks through codes: the grid, what stays and what moves, and their refusals."""

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.insight.codes import manifold, traverse


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, 5))


@pytest.fixture(scope="module")
def linear(rows: np.ndarray) -> pn.Autoencoder:
    return pn.Autoencoder(pn.model("linear_ae", n_latent=3), epochs=2, progress=False).fit(rows)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 6, 4), dtype=np.uint8)


@pytest.fixture(scope="module")
def painter(pictures: np.ndarray) -> pn.Autoencoder:
    spec = pn.model("vae", n_latent=3, hidden=(8,), likelihood="bernoulli")
    return pn.Autoencoder(spec, epochs=1, progress=False).fit(pictures)


def test_a_linear_decoder_makes_a_plane_of_the_grid_and_straight_lines_of_walks(
    linear: pn.Autoencoder, rows: np.ndarray
) -> None:
    grid = manifold(linear, rows, n=4)
    assert np.linalg.matrix_rank(grid.rows - grid.rows.mean(0), tol=1e-4) == 2
    walk = traverse(linear, rows, row=7, n=5).rows.reshape(3, 5, 5)
    np.testing.assert_allclose(np.diff(walk, 2, axis=1), 0, atol=1e-5)
    assert np.abs(np.diff(walk, axis=1)).max() > 0.01


def test_a_grid_grows_to_the_right_and_upwards_while_other_numbers_stay_at_their_means(
    linear: pn.Autoencoder, rows: np.ndarray
) -> None:
    grid = manifold(linear, rows, n=3, numbers=(2, 0))
    codes = grid.codes.reshape(3, 3, 3)
    assert (np.diff(codes[:, :, 2], axis=1) > 0).all()
    assert (np.diff(codes[:, :, 2], axis=0) == 0).all()
    assert (np.diff(codes[:, :, 0], axis=0) < 0).all()
    np.testing.assert_allclose(codes[:, :, 1], linear.encode(rows)[:, 1].mean(), rtol=1e-5)
    assert grid.codes[:, 2].min() == pytest.approx(np.quantile(linear.encode(rows)[:, 2], 0.025), rel=1e-5)


def test_a_vae_is_walked_by_its_prior(painter: pn.Autoencoder, pictures: np.ndarray) -> None:
    quartiles = [-1.1503494, -0.3186394, 0.3186394, 1.1503494]  # of N(0, 1) at 1/8, 3/8, 5/8 and 7/8
    np.testing.assert_allclose(manifold(painter, pictures, n=4).values, [quartiles] * 2, atol=1e-6)
    walk = traverse(painter, pictures, n=3, numbers=[1])
    assert walk.values.tolist() == [[-3, 0, 3]]
    own = painter.encode(pictures[:1])[0]
    np.testing.assert_allclose(walk.codes, [[own[0], v, own[2]] for v in (-3, 0, 3)], rtol=1e-6)
    np.testing.assert_array_equal(walk.rows, painter.decode(walk.codes))


def test_numbers_that_vary_most_are_walked_first(linear: pn.Autoencoder, rows: np.ndarray) -> None:
    spread = linear.encode(rows).std(0)
    assert set(manifold(linear, rows).numbers) == set(range(3)) - {int(spread.argmin())}


@pytest.mark.parametrize("kind", ["manifold", "traverse", "codes", "pairs"])
def test_pictures_are_drawn(painter: pn.Autoencoder, pictures: np.ndarray, kind: str) -> None:
    figure = painter.plot(pictures, n=3, kind=kind)
    pages = {"manifold": 1, "traverse": 3 * 3, "codes": 1, "pairs": 6}
    assert len(figure.axes) == pages[kind]
    if kind == "manifold":
        assert figure.axes[0].images[0].get_array().shape[0] > 3 * 6
        assert figure.axes[0].get_xlabel().startswith("number ")


@pytest.mark.parametrize("kind", ["manifold", "traverse"])
def test_of_a_frame_columns_are_drawn_under_their_names(kind: str) -> None:
    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(30, 3)), columns=["age", "weight", "height"])
    model = pn.Autoencoder(pn.model("linear_ae", n_latent=2), epochs=2, progress=False).fit(frame)
    figure = model.plot(frame, n=4, kind=kind)
    drawn = [ax.get_title("left") for ax in figure.axes] if kind == "manifold" else []
    drawn += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert {"age", "weight", "height"} <= set(drawn)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"n": 1}, "2 or more"),
        ({"numbers": (0, 9)}, "0 to 2"),
        ({"numbers": (1, 1)}, "different"),
        ({"numbers": (0, 1, 2)}, "two numbers"),
        ({"numbers": (0.5, 1)}, "0 to 2"),
        ({"numbers": 1}, "a list"),
        ({"numbers": "01"}, "a list"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(linear: pn.Autoencoder, rows: np.ndarray, wish: dict, words: str) -> None:
    with pytest.raises(pn.SettingError, match=words):
        manifold(linear, rows, **wish)


def test_walks_that_cannot_be_are_refused(linear: pn.Autoencoder, rows: np.ndarray) -> None:
    for row in (40, 0.5, "1"):
        with pytest.raises(pn.SettingError, match="none of the 40 rows"):
            traverse(linear, rows, row=row)  # type: ignore[arg-type]
    with pytest.raises(pn.SettingError, match="traverse"):
        linear.plot(rows, kind="travers")  # type: ignore[arg-type]
    with pytest.raises(pn.DataError, match="40 rows and y 2"):
        linear.plot(rows, kind="codes", y=[0, 1])
    with pytest.raises(pn.SettingError, match="kind='codes'"):
        linear.plot(rows)
    one = pn.Autoencoder(pn.model("linear_ae", n_latent=1), epochs=1, progress=False).fit(rows)
    with pytest.raises(pn.SettingError, match="draw a traverse"):
        manifold(one, rows)


def test_codes_of_whole_numbers_and_rows_of_steps_are_refused() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (8, 8, 8), dtype=np.uint8)
    whole = pn.Autoencoder(pn.model("vq_vae", width=4, n_codes=4), epochs=1, progress=False).fit(pictures)
    with pytest.raises(pn.DataError, match="whole numbers"):
        manifold(whole, pictures)
    windows = np.random.default_rng(0).normal(size=(8, 5, 2))
    read = pn.Autoencoder("lstm_ae", epochs=1, progress=False).fit(windows)
    with pytest.raises(pn.SettingError, match="tables of numbers"):
        traverse(read, windows)


@pytest.mark.parametrize("kind", ["manifold", "traverse"])
def test_a_table_without_numbers_is_refused_and_not_drawn_as_pictures(kind: str) -> None:
    frame = pd.DataFrame({"colour": list("abc") * 6, "side": list("xy") * 9})
    model = pn.Autoencoder(pn.model("autoencoder", n_latent=2, hidden=(4,)), epochs=1, progress=False).fit(frame)
    with pytest.raises(pn.SettingError, match="columns of numbers"):
        model.plot(frame, kind=kind)
