"""BLEU and chrF: the books' worked numbers, sacrebleu's on the same texts, and what is refused."""

import math
import random

import pytest

from parnassus.errors import DataError, SettingError
from parnassus.functional.metrics import bleu, chrf, sentence_bleu
from parnassus.functional.metrics.translation import tokens_13a

REFERENCES = [
    "tom is sitting at a table",
    "please speak more loudly .",
    "i need you to help me take care of tom <unk> kids",
    "what do you need that for ?",
    "tom said that he <unk> bored .",
]
HYPOTHESES = [
    "tom is sitting on a table .",
    "speak louder, please .",
    "you need to help me look at tom <unk> children .",
    "what do you need for for ?",
    "tom said he <unk> bored .",
]


def test_2b_B39_five_printed_translations():
    found = bleu(HYPOTHESES, REFERENCES, tokenize="none")
    assert (found.matches, found.totals) == ((27, 14, 6, 2), (35, 30, 25, 20))
    assert (found.n_tokens, found.n_reference_tokens) == (35, 37)
    assert found.brevity_penalty == pytest.approx(0.944459, abs=1e-6)
    assert found.score == pytest.approx(28.795, abs=5e-4)
    assert found.band == "the gist is clear, with errors of grammar"


def test_2b_B39_with_the_two_full_stops_that_the_print_dropped():
    mended = [text if i not in (0, 2) else f"{text} ." for i, text in enumerate(REFERENCES)]
    found = bleu(HYPOTHESES, mended, tokenize="none")
    assert (found.matches, found.n_reference_tokens) == ((29, 15, 7, 2), 39)
    assert found.brevity_penalty == pytest.approx(0.892003, abs=1e-6)
    assert found.score == pytest.approx(29.274, abs=5e-4)


def test_2b_B39_one_sentence_without_a_run_of_four_scores_0_unless_smoothed():
    plain = bleu([HYPOTHESES[0]], [f"{REFERENCES[0]} ."], tokenize="none", smoothing="none")
    assert (plain.matches, plain.totals) == ((6, 4, 2, 0), (7, 6, 5, 4))
    assert plain.score == 0
    assert sentence_bleu(HYPOTHESES[0], f"{REFERENCES[0]} .", tokenize="none").score == pytest.approx(
        100 * (6 / 7 * 4 / 6 * 2 / 5 * 1 / 8) ** 0.25
    )


def test_2b_B39_counts_are_clipped():
    found = bleu(["the the the the the the the"], ["the cat is on the mat"], tokenize="none", max_n=1)
    assert found.precisions[0] == pytest.approx(100 * 2 / 7)


@pytest.mark.parametrize(("score", "words"), [(9.9, "useless"), (10, "hard to get"), (50, "very high"), (60, "person")])
def test_a_score_on_a_bound_belongs_to_the_band_above(score, words):
    assert words in bleu(["a"], ["a"])._replace(score=score).band


def test_a_short_hypothesis_is_punished_and_a_long_one_is_not():
    assert bleu(["a b c d"], ["a b c d e f g h"]).score == pytest.approx(100 * math.exp(-1))
    assert bleu(["a b c d e"], ["a b c d"]).brevity_penalty == 1
    assert bleu([""], ["a b"]).score == 0


def texts(rng, least):
    words = [
        "the",
        "cat",
        "sat",
        "on",
        "1,000.5",
        "don't",
        "(mat).",
        "&quot;hi&quot;",
        "x-y",
        "3-4",
        "Z\u00fcrich",
        "-",
    ]
    return " ".join(rng.choice(words) for _ in range(rng.randint(least, 9)))


@pytest.fixture(scope="module")
def corpora():
    """Hypotheses with one to three references each; some hypotheses are empty."""
    rng, found = random.Random(0), []
    for _ in range(40):
        n, k = rng.randint(1, 4), rng.randint(1, 3)
        found.append(([texts(rng, 0) for _ in range(n)], [[texts(rng, 1) for _ in range(k)] for _ in range(n)]))
    return found


@pytest.mark.parametrize("tokenize", ["13a", "none", "char"])
@pytest.mark.parametrize("smoothing", ["exp", "floor", "add_k", "none"])
@pytest.mark.parametrize("effective_order", [False, True])
def test_bleu_is_sacrebleus(corpora, tokenize, smoothing, effective_order):
    peer = pytest.importorskip("sacrebleu", reason="sacrebleu is the outside oracle of BLEU").metrics
    for hypotheses, references in corpora:
        streams = [list(stream) for stream in zip(*references, strict=True)]
        theirs = peer.BLEU(
            tokenize=tokenize, smooth_method=smoothing.replace("_", "-"), effective_order=effective_order
        )
        ours = bleu(hypotheses, references, tokenize=tokenize, smoothing=smoothing, effective_order=effective_order)
        assert ours.score == pytest.approx(theirs.corpus_score(hypotheses, streams).score, abs=1e-9)


@pytest.mark.parametrize("n_words", [0, 2])
@pytest.mark.parametrize("lower", [False, True])
def test_chrf_is_sacrebleus(corpora, n_words, lower):
    peer = pytest.importorskip("sacrebleu", reason="sacrebleu is the outside oracle of chrF").metrics
    for hypotheses, references in corpora:
        streams = [list(stream) for stream in zip(*references, strict=True)]
        theirs = peer.CHRF(word_order=n_words, lowercase=lower).corpus_score(hypotheses, streams).score
        assert chrf(hypotheses, references, n_words=n_words, lower=lower) == pytest.approx(theirs, abs=1e-9)


def test_13a_keeps_numbers_and_contractions_whole():
    assert tokens_13a("1,000.5 well-known") == ["1,000.5", "well-known"]
    assert tokens_13a("It's 3.5-fold, e.g. {x}; 2-3!") == [
        "It's", "3.5", "-", "fold", ",", "e", ".", "g", ".", "{", "x", "}", ";", "2", "-", "3", "!"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("hypotheses", "references", "words"),
    [
        ("a", ["a"], "one text"),
        (["a"], ["a", "b"], "1 hypotheses and 2"),
        ([], [], "no hypotheses"),
        (["a"], [[]], "row 0"),
        ([None], ["a"], "row 0"),
    ],
)
def test_what_does_not_match_is_refused(hypotheses, references, words):
    for metric in (bleu, chrf):
        with pytest.raises(DataError, match=words):
            metric(hypotheses, references)


@pytest.mark.parametrize("setting", [{"tokenize": "14a"}, {"smoothing": "more"}, {"max_n": 0}])
def test_settings_that_mean_nothing_are_refused(setting):
    with pytest.raises(SettingError):
        bleu(["a"], ["a"], **setting)
    with pytest.raises(SettingError):
        chrf(["a"], ["a"], n_characters=0)
