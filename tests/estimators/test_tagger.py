"""Tags: entities as seqeval counts them, chains by enumeration, schemes looked over, learned, saved, refused."""

import itertools
import random

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.text.tags import Tags
from parnassus.functional.metrics.tagging import entity_scores
from parnassus.objectives.text.tagging import ChainTagging

PEOPLE, PLACES = ["Anna", "Ben", "Carla", "Deniz", "Emil"], ["Paris", "Lima", "Oslo", "Cairo"]
TRAINING = {"epochs": 12, "lr": 0.01, "batch_size": 16, "progress": False}


def toy(n, seed=0, people=PEOPLE):
    """Rows such as "Anna Lee went from Paris to New Lima": the same word is a place or not by what stands before."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(n):
        who = [str(rng.choice(people))] + (["Lee"] if rng.random() < 0.5 else [])
        a, b = (str(rng.choice(PLACES)) for _ in range(2))
        where = ["New", b] if rng.random() < 0.5 else [b]
        X.append([*who, "went", "from", a, "to", *where, "."])
        first = ["B-PER", "I-PER"][: len(who)]
        y.append([*first, "O", "O", "B-LOC", "O", *["B-LOC", "I-LOC"][: len(where)], "O"])
    return X, y


X, Y = toy(120)
NEW, DUE = toy(40, seed=1)


@pytest.fixture(scope="module")
def tagger():
    return pn.Tagger(pn.model("bilstm_crf", width=24, hidden=24), **TRAINING).fit(X, Y)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bilstm", "bilstm_crf", "transformer"])
def test_every_model_finds_people_and_places(name):
    model = pn.Tagger(pn.model(name, width=32), **TRAINING).fit(X, Y)
    assert model.score(NEW, DUE) > 0.97
    assert model.scheme_ == "bio"


def test_f1_is_seqeval_s_on_any_tags():
    peer = pytest.importorskip("seqeval.metrics", reason="seqeval is not installed: no peer for entity F1")
    draw = random.Random(0)
    for parts in ("BI", "BIES"):
        names = ["O", *(f"{p}-{n}" for p in parts for n in ("PER", "LOC"))]
        true = [[draw.choice(names) for _ in range(draw.randint(1, 12))] for _ in range(60)]
        said = [[draw.choice([tag, tag, draw.choice(names)]) for tag in row] for row in true]
        found = entity_scores(true, said)
        for at, metric in enumerate((peer.precision_score, peer.recall_score, peer.f1_score)):
            assert found[""][at] == pytest.approx(metric(true, said)), parts
        each = peer.classification_report(true, said, output_dict=True)
        for name in ("PER", "LOC"):
            assert found[name].f1 == pytest.approx(each[name]["f1-score"])
            assert found[name].n_true == each[name]["support"]


def test_f1_by_hand():
    """Two of three said are right, of four true: P 2/3, R 1/2, F1 4/7."""
    true = [["B-A", "I-A", "O", "B-B"], ["B-A", "B-B"]]
    said = [["B-A", "I-A", "O", "B-A"], ["B-A", "O"]]
    assert entity_scores(true, said)[""][:3] == pytest.approx((2 / 3, 1 / 2, 4 / 7))


def test_chains_are_those_of_all_chains_counted():
    """Three tags, four tokens, 81 chains: the loss and the best chain by enumeration."""
    g = torch.Generator().manual_seed(0)
    scores = torch.randn(1, 4, 3, generator=g, dtype=torch.float64)
    chain = ChainTagging(torch.nn.Identity(), 3).double()
    with torch.no_grad():
        for p in chain.parameters():
            p.copy_(torch.randn(p.shape, generator=g, dtype=torch.float64))
    chain.outputs = lambda batch: scores
    y = torch.tensor([[2, 0, 1, 1]])

    def worth(tags):
        s = float(chain.start[tags[0]] + chain.end[tags[-1]]) + sum(float(scores[0, t, k]) for t, k in enumerate(tags))
        return s + sum(float(chain.transitions[a, b]) for a, b in itertools.pairwise(tags))

    with torch.no_grad():
        every = {tags: worth(tags) for tags in itertools.product(range(3), repeat=4)}
    batch = {"lengths": torch.tensor([4]), "y": y}
    due = -(every[tuple(y[0].tolist())] - np.log(np.exp(list(every.values())).sum())) / 4
    assert chain.mean_loss(batch).item() == pytest.approx(due)
    assert tuple(chain.tags(batch)[0]) == max(every, key=every.__getitem__)


def test_words_that_training_never_saw_are_tagged_by_their_shape_and_neighbours(tagger):
    rows, due = toy(30, seed=2, people=["Farid", "Greta", "Hugo"])
    assert tagger.score(rows, due) > 0.9


def test_what_fills_rows_changes_no_tag(tagger):
    alone = [tagger.predict([row])[0] for row in NEW[:6]]
    assert tagger.predict(NEW[:6]) == alone
    assert [len(row) for row in alone] == [len(row) for row in NEW[:6]]


def test_probabilities_are_of_each_token_and_keep_the_scheme(tagger):
    found = tagger.predict_proba(NEW[:5])
    assert [p.shape for p in found] == [(len(row), 5) for row in NEW[:5]]
    alone = tagger.predict_proba([NEW[3]])[0]  # what fills rows changes nothing
    np.testing.assert_allclose(found[3], alone, atol=1e-6)
    inside = [tagger.tags_.index(tag) for tag in ("I-LOC", "I-PER")]
    for p, said in zip(found, tagger.predict(NEW[:5]), strict=True):
        np.testing.assert_allclose(p.sum(1), 1, atol=1e-9)
        assert p[0, inside].max() == 0  # no entity goes on before it begins
        assert [tagger.tags_[i] for i in p.argmax(1)] == said


def test_saved_and_loaded_it_says_the_same(tagger, tmp_path):
    tagger.save(tmp_path / "t.parnassus")
    again = pn.load(tmp_path / "t.parnassus")
    assert again.predict(NEW) == tagger.predict(NEW)
    assert again.tags_ == ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]


@pytest.mark.filterwarnings("ignore:.*validation rows are also training rows")
def test_equal_seeds_give_equal_tags_and_validation_is_watched():
    few = {"epochs": 2, "lr": 0.01, "progress": False}
    a, b = (pn.Tagger("bilstm", **few).fit(X, Y, validation=(NEW, DUE)) for _ in range(2))
    assert a.history_ == b.history_
    assert a.history_[-1]["validation_loss"] < a.history_[0]["validation_loss"]


def test_rows_are_shown_and_judged(tagger):
    assert tagger.show(["Anna Lee went from Paris to Oslo."]) == "[Anna Lee PER] went from [Paris LOC] to [Oslo LOC] ."
    found = tagger.evaluate(NEW, DUE)
    assert found.headline.name == "f1"
    assert found.headline.baseline == 0.0
    assert {row["name"] for row in found.by_class} == {"LOC", "PER"}
    assert tagger.entities(NEW[:1])[0][0].name == "PER"


def test_plain_tags_and_iobes_are_known_by_sight():
    words, kinds = [["the", "cat", "sat"], ["a", "dog", "ran"]] * 10, [["D", "N", "V"]] * 20
    plain = pn.Tagger("bilstm", **TRAINING).fit(words, kinds)
    assert plain.scheme_ == "plain"
    assert plain.score(words, kinds) == 1.0
    assert plain.show([["the", "dog"]]) == "the/D dog/N"
    assert Tags().fit([["S-A", "O", "B-B", "E-B"]]).scheme == "iobes"


@pytest.mark.parametrize(("X", "y", "words"), [
    ([["a", "b"]], [["O"]], "row 0 has 2 tokens and 1 tags"),
    ([["a"], ["b"]], [["O"]], "2 rows of tokens and 1 rows of tags"),
    ([["a", "b"], ["c", "d"]], [["B-A", "O"], ["O", "I-A"]], "row 1, token 1: 'I-A' cannot stand behind 'O' in BIO"),
    ([["a", "b"]], [["B-A", "I-B"]], "row 0, token 1: 'I-B' cannot stand behind 'B-A'"),
    ([["a", "b"]], [["B-A", "S-A"]], "row 0, token 1: 'S-A' cannot stand behind 'B-A' in IOBES"),
    ([["a", "b"]], [["S-A", "B-A"]], "row 0 cannot end behind 'B-A' in IOBES"),
    ([["a", "b"]], [["O", "O"]], "every token has the tag 'O'"),
    ([["a", 3]], [["O", "X"]], "row 0 of X, token 1 is 3"),
    ([["a"], []], [["O"], []], "row 1 of X has no tokens"),
    ([], [], "holds no rows"), ("one text", ["O"], "a single text"), (None, ["O"], "X is None; give"),
    ([["a"]], None, "there are no tags"),
])  # fmt: skip
def test_tags_and_tokens_that_do_not_match_are_refused(X, y, words):
    with pytest.raises(pn.DataError, match=words):
        pn.Tagger("bilstm", epochs=1).fit(X, y)


def test_a_scheme_that_is_asked_for_is_held_to(tagger):
    with pytest.raises(pn.DataError, match="row 0, token 0: 'N' is no tag of BIO"):
        pn.Tagger("bilstm", scheme="bio", epochs=1).fit([["a", "b"]], [["N", "O"]])
    with pytest.raises(pn.DataError, match="training has no tag 'B-ORG'"):
        tagger.target_.encode([["B-ORG"]])
    loose = pn.Tagger("bilstm", scheme="plain", epochs=1, progress=False).fit([["a", "b"]], [["O", "I-A"]])
    assert loose.scheme_ == "plain"
    with pytest.raises(pn.SettingError, match="scheme='bioes'"):
        pn.Tagger(scheme="bioes").fit(X, Y)


@pytest.mark.parametrize("gap", [None, float("nan")])
def test_a_missing_tag_is_refused_by_row_and_token(gap):
    with pytest.raises(pn.DataError, match=r"row 0, token 1 \('lives'\) has no tag"):
        pn.Tagger(epochs=1).fit([["Zoe", "lives"], ["Bo", "sings"]], [["B-PER", gap], ["B-PER", "O"]])
