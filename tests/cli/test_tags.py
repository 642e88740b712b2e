"""Tags on the command line: how probable each is, beside the one that is said."""

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.cli import main


@pytest.mark.slow
def test_the_probabilities_of_tags_stand_beside_them(tmp_path):
    words = [("Anna", "B-PER"), ("Lee", "I-PER"), ("sings", "O")]
    rows = [(i, word, tag) for i in range(12) for word, tag in words[i % 2 :]]
    rows = [(i, word, "B-PER" if word == "Lee" and i % 2 else tag) for i, word, tag in rows]
    path, out = tmp_path / "tags.csv", str(tmp_path / "run")
    pd.DataFrame(rows, columns=["text", "word", "tag"]).to_csv(path, index=False)
    given = ["--target", "tag", "--sequence", "text", "--epochs", "2", "--out", out]
    assert main(["train", "tagger", str(path), *given]) == 0
    assert main(["predict", out, str(path), "--proba", "--out", str(tmp_path / "said.csv")]) == 0
    said, tagger = pd.read_csv(tmp_path / "said.csv"), pn.load(f"{out}/model.parnassus")
    told = said[[f"probability {tag}" for tag in tagger.tags_]].to_numpy()
    np.testing.assert_allclose(told, tagger.predict_proba(pd.read_csv(path)), atol=1e-6)
    assert said["prediction"].tolist() == tagger.predict(pd.read_csv(path)).tolist()
    assert told.sum(1) == pytest.approx(1)
