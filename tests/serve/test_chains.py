"""Chains of residues that are sent as text: the pairs that touch, and the map of them."""

import base64
import io

import numpy as np
import pytest

from parnassus.data.proteins.hairpins import hairpin_proteins

from .conftest import asking, error_of


def test_a_chain_is_answered_with_its_best_pairs_and_the_map_of_predict_proba(predictor):
    from PIL import Image

    chain = hairpin_proteins(1, seed=5).sequences[0]
    with asking(predictor) as client:
        response = client.post("/predict", json={"inputs": [chain[:10] + "\n " + chain[10:].lower(), chain[:12]]})
    found, short = response.json()["answers"]
    p = predictor.predict_proba([chain])[0]
    apart = [(p[i, j], i, j) for i in range(len(chain)) for j in range(i + 6, len(chain))]
    best = sorted(apart, reverse=True)[: len(chain)]
    assert [c["probability"] for c in found["contacts"]] == pytest.approx([b[0] for b in best], abs=1e-6)
    first = found["contacts"][0]
    assert p[first["i"], first["j"]] == pytest.approx(first["probability"], abs=1e-6)
    assert first["pair"] == chain[first["i"]] + chain[first["j"]]
    shades = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["map"].partition(",")[2]))))
    assert shades == pytest.approx(255 * p, abs=0.51)
    assert len(short["contacts"]) == 12


def test_a_chain_too_short_for_a_pair_has_none(predictor):
    with asking(predictor) as client:
        assert client.post("/predict", json={"inputs": ["MKV"]}).json()["answers"][0]["contacts"] == []


@pytest.mark.parametrize(
    ("item", "status", "words"),
    [
        ("MK1", 422, "inputs[0], place 2 is '1', which is no amino acid"),
        ("MK\u00df", 422, "inputs[0], place 2 is '\u00df', which is no amino acid"),  # two letters as a capital
        ("", 422, "inputs[0] is empty"),
        (7, 422, "inputs[0] takes a text; got 7"),
        ("M" * 1501, 413, "1,501 residues, and 1,500 are the most taken"),
    ],
)
def test_what_is_no_chain_is_refused_by_its_place(predictor, item, status, words):
    with asking(predictor) as client:
        assert words in error_of(client.post("/predict", json={"inputs": [item]}), status)["message"]


def test_the_schema_knows_the_letters(predictor):
    import re

    with asking(predictor) as client:
        said = client.get("/openapi.json").json()["components"]["schemas"]
    pattern = said["Input"]["pattern"]
    assert re.search(pattern, "MKv x\n")
    assert not re.search(pattern, "MK1")
    assert said["Answer"]["properties"]["contacts"]["type"] == "array"
