"""One vector a row of anything, and NumPy's own state."""

import numpy as np
import pytest

import parnassus as pn
from parnassus.data.codec import Codec
from parnassus.data.draws import seeded_globally
from parnassus.data.vectors import BLOCK, vectors


def test_a_table_s_vectors_are_its_scaled_columns_and_unit_vectors():
    import pandas as pd

    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"]})
    made = vectors(pn.Table().fit(frame), frame)
    assert made.dtype == np.float32
    assert made[:, 0] == pytest.approx(np.array([-1, 0, 1]) * 1.5**0.5)
    assert made[:, 1:].tolist() == [[1, 0], [0, 1], [1, 0]]


def test_more_rows_than_a_block_keep_their_order():
    X = np.arange(2.0 * (BLOCK + 5))[:, None]
    made = vectors(pn.Table().fit(X), X)[:, 0]
    assert (np.diff(made) > 0).all()
    assert len(made) == len(X)


def test_texts_are_a_sparse_bag_of_words():
    codec = pn.Text(weighting="count").fit(["a b a", "b c"])
    made = vectors(codec, ["a b a", "b c"])
    assert made.format == "csr"
    assert sorted(made.toarray().sum(1).tolist()) == [2.0, 3.0]


def test_a_codec_without_vectors_is_refused():
    class Steps(Codec):
        def views(self):
            return {"steps": {"step_features": 3}}

    with pytest.raises(pn.DataError, match="offers steps and no vectors"):
        vectors(Steps(), [])


def test_numpys_global_state_is_seeded_inside_and_kept_outside():
    before = np.random.get_state()[1].copy()
    with seeded_globally(5):
        drawn = np.random.random(3)
    assert drawn == pytest.approx(np.random.RandomState(5).random_sample(3))
    assert (np.random.get_state()[1] == before).all()
