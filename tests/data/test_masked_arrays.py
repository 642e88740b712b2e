"""Entries that a mask hides are missing to everyone; arrays of arrays are lists of them."""

import numpy as np
import pytest
from sklearn.base import clone

import parnassus as pn
from parnassus.data.masked_arrays import in_a_list, unmasked

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)
MASK = RNG.random(X.shape) < 0.1
HIDDEN = np.ma.array(np.where(MASK, 1e6, X), mask=MASK)
HOLED = np.where(MASK, np.nan, X)
FEW = {"epochs": 2, "progress": False}


def test_what_a_mask_hides_is_nan_and_nothing_hidden_is_as_it_was():
    np.testing.assert_array_equal(unmasked(HIDDEN), HOLED)
    whole = np.ma.array(np.arange(6).reshape(2, 3))
    assert unmasked(whole).dtype == whole.dtype
    assert type(unmasked(whole)) is np.ndarray
    with pytest.raises(pn.DataError, match="hides entries of uint8"):
        unmasked(np.ma.array(np.zeros((2, 3, 3, 3, 1), dtype=np.uint8), mask=True))


@pytest.mark.parametrize(
    "model", [pn.Classifier("mlp", codec=pn.Table(missing="median"), **FEW), pn.Autoencoder("vae", **FEW)]
)
def test_hidden_numbers_are_learned_from_as_holes_are(model):
    masked, holed = clone(model).fit(HIDDEN, Y), clone(model).fit(HOLED, Y)
    ask = "predict_proba" if isinstance(model, pn.Classifier) else "encode"
    np.testing.assert_array_equal(getattr(masked, ask)(HIDDEN), getattr(holed, ask)(HOLED))


REFUSING = {
    "classifier": lambda: pn.Classifier("mlp", **FEW).fit(HIDDEN, Y),
    "predict": lambda: pn.Classifier("mlp", **FEW).fit(X, Y).predict(HIDDEN),
    "regressor": lambda: pn.Regressor("mlp", **FEW).fit(list(HIDDEN), X[:, 0]),
    "clusterer": lambda: pn.Clusterer("kmeans", n_clusters=2).fit(HIDDEN),
    "density": lambda: pn.Density("gmm", **FEW).fit(HIDDEN),
    "bagging": lambda: pn.Bagging(pn.Classifier("mlp", **FEW)).fit(HIDDEN, Y),
    "generator": lambda: pn.Generator("ddpm", **FEW).fit(HIDDEN),
    "answers": lambda: pn.Regressor("mlp", **FEW).fit(X, HIDDEN[:, 0]),
    "scored answers": lambda: pn.Classifier("mlp", **FEW).fit(X, Y).score(X, np.ma.array(Y, mask=MASK[:, 0])),
    "weights": lambda: pn.Classifier("mlp", **FEW).fit(X, Y, sample_weight=np.ma.array(np.ones(40), mask=MASK[:, 0])),
    "steps": lambda: pn.Classifier("gru", **FEW).fit(HIDDEN.reshape(10, 4, 3), Y[:10]),
    "hmm": lambda: pn.HMM(n_states=2, **FEW).fit(HIDDEN),
    "hmm by lengths": lambda: pn.HMM(n_states=2, **FEW).fit(HIDDEN, lengths=[20, 20]),
    "forecaster": lambda: pn.Forecaster("naive", horizon=1).fit(HIDDEN[:, 0]),
}


@pytest.mark.parametrize("what", REFUSING)
def test_hidden_numbers_are_never_read(what):
    with pytest.raises(pn.DataError, match=r"NaN|nan|hidden by a mask|no value"):
        REFUSING[what]()


def ragged():
    rows = [RNG.normal(size=(n, 2)) for n in (3, 5, 1, 4, 2, 6)]
    held = np.empty(len(rows), dtype=object)
    held[:] = rows
    return rows, held, np.array([0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    "model",
    [
        pn.Classifier("gru", **FEW),
        pn.Regressor("gru", **FEW),
        pn.Autoencoder("lstm_ae", **FEW),
        pn.HMM(n_states=2, **FEW),
    ],
)
@pytest.mark.filterwarnings("ignore::parnassus.DataWarning")
def test_an_array_of_sequences_is_a_list_of_them(model):
    rows, held, y = ragged()
    given = () if isinstance(model, pn.HMM) else (y,)
    listed, arrayed = clone(model).fit(rows, *given), clone(model).fit(held, *given)
    ask = "encode" if isinstance(model, pn.Autoencoder) else "predict"
    for a, b in zip(getattr(listed, ask)(rows), getattr(arrayed, ask)(held), strict=True):
        np.testing.assert_array_equal(a, b)


def test_equally_long_ones_and_series_too():
    cube = np.array([np.ones((4, 2)), np.zeros((4, 2))], dtype=object)
    assert in_a_list(cube).dtype == np.float64
    assert in_a_list(np.array(["a", "b"], dtype=object)).dtype == object
    series = np.empty(2, dtype=object)
    series[:] = [np.arange(4.0), np.arange(6.0)]
    assert pn.Forecaster("naive", horizon=2).fit(series).predict().tolist() == [[3.0, 3.0], [5.0, 5.0]]
