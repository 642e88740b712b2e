"""N-gram models: the books' numbers, a slow twin, nltk and KenLM."""

import contextlib
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

import parnassus as pn
from parnassus.data.text.arpa import read_arpa, write_arpa
from parnassus.functional.ngram_counts import count_ngrams, merged_counts, spelled
from parnassus.functional.ngram_smoothing import (
    SMOOTHINGS,
    good_turing_counts,
    good_turing_slope,
    modified_discounts,
    ngram_model,
)
from parnassus.functional.ngram_weights import left_out_weights
from parnassus.functional.ngrams import NGrams

with contextlib.suppress(ImportError):  # its import draws from the global random state, which tests must leave alone
    import nltk.lm  # noqa: F401

PIZZA = ["I like pizza", "I like pasta", "I eat pizza"]
WORDS = ["I", "like", "pizza", "pasta", "eat"]
N, START, END = 14, 0, 1


def pizza(order, smoothing, **options):
    rows = [[WORDS.index(w) for w in text.split()] for text in PIZZA]
    ids, lengths = np.concatenate(rows), np.array([len(r) for r in rows])
    return ngram_model(ids, lengths, order, n_ids=5, smoothing=smoothing, **options)


def p(model, word, *context):
    return float(np.exp(model.following([WORDS.index(w) for w in context])[WORDS.index(word)]))


def sentence(model):
    ids = np.array([WORDS.index(w) for w in ["I", "like", "pizza"]])
    return np.exp(model.log_probs(ids, np.array([3])))


def corpus(seed, n_rows=60):
    """Rows that begin with START and end with END, of ids with a Zipf-like spread and some memory."""
    rng, rows = np.random.default_rng(seed), []
    for _ in range(n_rows):
        row = [START]
        for _ in range(rng.integers(1, 12)):
            row.append(int(min(2 + rng.geometric(0.25) - 1 + (row[-1] % 3), N - 2)))
        rows.append([*row, END])
    return rows


def flat(rows):
    return np.concatenate([np.array(r) for r in rows]), np.array([len(r) for r in rows])


def test_0_B24_maximum_likelihood():
    bigram, trigram = pizza(2, "mle"), pizza(3, "mle")
    assert [p(bigram, "I"), p(bigram, "like", "I"), p(bigram, "eat", "I"), p(bigram, "pizza", "like")] == pytest.approx(
        [3 / 9, 2 / 3, 1 / 3, 1 / 2]
    )
    assert p(trigram, "pizza", "I", "like") == pytest.approx(1 / 2)
    assert sentence(bigram).prod() == pytest.approx(1 / 9)
    assert sentence(trigram).prod() == pytest.approx(1 / 9)
    assert sentence(bigram).prod() ** (-1 / 3) == pytest.approx(2.0800838, abs=1e-7)


def test_0_B24_laplace():
    bigram, trigram = pizza(2, "laplace"), pizza(3, "laplace")
    found = [p(bigram, "pizza", "like"), p(bigram, "like", "I"), p(bigram, "eat", "I"), p(bigram, "I", "I")]
    assert found == pytest.approx([2 / 7, 3 / 8, 2 / 8, 1 / 8])
    assert p(bigram, "pasta", "eat") == pytest.approx(1 / 6)
    assert p(trigram, "pizza", "I", "like") == pytest.approx(2 / 7)
    assert (1 / 3) * sentence(bigram)[1:].prod() == pytest.approx(0.0357142857, abs=1e-10)


def test_counts_are_those_of_a_counter():
    rows = corpus(1)
    levels = count_ngrams(*flat(rows), 3, n_ids=N)
    for k in (2, 3):
        theirs = Counter(tuple(r[i : i + k]) for r in rows for i in range(len(r) - k + 1))
        ours = dict(zip(map(tuple, spelled(levels, k).tolist()), levels[k - 1].counts.tolist(), strict=True))
        assert ours == dict(theirs)


def test_counts_of_parts_are_merged_into_those_of_the_whole():
    rows = corpus(5)
    merged = merged_counts(*(count_ngrams(*flat(part), 4, n_ids=N) for part in (rows[:7], rows[7:])))
    for k in (2, 3, 4):
        theirs = Counter(tuple(r[i : i + k]) for r in rows for i in range(len(r) - k + 1))
        grams = list(map(tuple, spelled(merged, k).tolist()))
        assert dict(zip(grams, merged[k - 1].counts.tolist(), strict=True)) == dict(theirs)
        shorter = [tuple(g) for g in spelled(merged, k - 1).tolist()] if k > 2 else [(i,) for i in range(N)]
        assert [shorter[i] for i in merged[k - 1].suffixes] == [g[1:] for g in grams]
    assert merged[0].counts.tolist() == np.bincount(flat(rows)[0], minlength=N).tolist()
    with pytest.raises(pn.SettingError, match=r"order 4 over 14 ids and order 2 over 14 ids"):
        merged_counts(merged, merged[:2])


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 2, 4])
def test_probabilities_add_up_to_one_after_every_context(smoothing, order):
    rows = corpus(2)
    model = ngram_model(*flat(rows), order, n_ids=N, smoothing=smoothing, start=START)
    for context in ([START], [START, 3], [5, 4, 3], [N - 1], [2, N - 1], [4]):
        following = np.exp(model.following(context))
        assert following[START] == 0
        # after a word never seen as a context maximum likelihood takes the shorter context; all are proper otherwise
        assert following.sum() == pytest.approx(1, abs=1e-9), context
    ids, lengths = flat(corpus(3, 10))
    at, each = 0, model.log_probs(ids, lengths)
    for n in lengths.tolist():
        row = ids[at : at + n]
        alone = [model.following(row[:i])[row[i]] for i in range(1, n)]
        assert each[at + 1 : at + n] == pytest.approx(alone)
        assert each[at] == 0
        at += n


def slow(rows, order, smoothing):
    """p(word | context) as the papers' equations have it, over dictionaries."""
    grams = [Counter(tuple(r[i : i + k]) for r in rows for i in range(len(r) - k + 1)) for k in range(1, order + 1)]
    grams[0].pop((START,))
    if smoothing in ("kneser_ney", "modified_kneser_ney"):
        kinds = []
        for k in range(1, order):
            follows = Counter(g[1:] for g in grams[k])
            kinds.append(Counter({g: n if g[0] == START else follows[g] for g, n in grams[k - 1].items()}))
        grams = [*kinds, grams[-1]]

    def discount(n, level):
        of = Counter(level.values())
        y = of[1] / (of[1] + 2 * of[2]) if of[1] and of[2] else 0.5
        if smoothing != "modified_kneser_ney":
            return y
        if not all(of[i] for i in (1, 2, 3, 4)):
            return (0.5, 1.0, 1.5)[min(n, 3) - 1]
        return [1 - 2 * y * of[2] / of[1], 2 - 3 * y * of[3] / of[2], 3 - 4 * y * of[4] / of[3]][min(n, 3) - 1]

    def share(word, context):
        level = grams[len(context)]
        after = {g[-1]: n for g, n in level.items() if g[:-1] == context and n}
        lower = share(word, context[1:]) if context else 1 / (N - 1)
        total, kinds = sum(after.values()), len(after)
        if not total:
            return lower
        if smoothing == "witten_bell":
            return (after.get(word, 0) + kinds * lower) / (total + kinds)
        taken = {w: min(discount(n, level), n) for w, n in after.items()}
        return (after.get(word, 0) - taken.get(word, 0)) / total + sum(taken.values()) / total * lower

    return share


@pytest.mark.parametrize("smoothing", ["witten_bell", "absolute", "kneser_ney", "modified_kneser_ney"])
def test_the_vectorised_model_is_the_slow_twin(smoothing):
    rows = corpus(4)
    model, twin = ngram_model(*flat(rows), 3, n_ids=N, smoothing=smoothing, start=START), slow(rows, 3, smoothing)
    for row in corpus(5, 12):
        each = np.exp(model.log_probs(*flat([row])))
        for i in range(1, len(row)):
            assert each[i] == pytest.approx(twin(row[i], tuple(row[max(i - 2, 0) : i])), rel=1e-9)


def test_witten_bell_is_that_of_the_model_that_recognisers_use():
    texts = ["a b a", "b a", "a a c b"]
    other = NGrams(2).fit(texts)
    known = {w: i for i, w in enumerate(["<s>", "</s>", "<unk>", "a", "b", "c"])}
    rows = [[known[w] for w in text.split()] + [1] for text in texts]
    model = ngram_model(*flat(rows), 2, n_ids=6, smoothing="witten_bell", start=0)
    for text in texts:
        tokens = text.split()
        ours = model.following([known[tokens[0]]])
        assert ours[known[tokens[1]]] == pytest.approx(other.log_prob(tokens[1], tokens[:1]))


def test_modified_discounts_by_hand():
    counts = np.array([1] * 40 + [2] * 12 + [3] * 6 + [4] * 3 + [9])
    y = 40 / 64
    expected = (1 - 2 * y * 12 / 40, 2 - 3 * y * 6 / 12, 3 - 4 * y * 3 / 6)
    assert modified_discounts(counts)[0] == pytest.approx(expected)
    assert modified_discounts(np.array([1, 1, 2])) == ((0.5, 1.0, 1.5), True)


def test_good_turing_is_nltks_line():
    probability = pytest.importorskip("nltk.probability", reason="nltk is not installed")
    rng = np.random.default_rng(0)
    counts = rng.zipf(1.7, 800)
    counts = counts[counts < 500]
    theirs = probability.SimpleGoodTuringProbDist(
        probability.FreqDist({i: int(c) for i, c in enumerate(counts)}), bins=2000
    )
    intercept, slope = good_turing_slope(counts.astype(float))
    assert (intercept, slope) == pytest.approx((theirs._intercept, theirs._slope))
    for r in (1, 2, 3):
        ratio = (r + 1) * theirs.smoothedNr(r + 1) / theirs.smoothedNr(r)
        assert good_turing_counts(counts.astype(float))[counts == r][0] == pytest.approx(ratio)


@pytest.mark.parametrize(("smoothing", "peer"), [("mle", "MLE"), ("lidstone", "Lidstone")])
def test_bigrams_are_nltks(smoothing, peer):
    lm = pytest.importorskip("nltk.lm", reason="nltk is not installed")
    rows = corpus(6)
    options = {"k": 0.3} if smoothing == "lidstone" else {}
    model = ngram_model(*flat(rows), 2, n_ids=N, smoothing=smoothing, start=START, **options)
    words = [str(i) for i in range(1, N)]  # the last occurs nowhere, and is what is unknown there
    theirs = getattr(lm, peer)(*options.values(), 2, vocabulary=lm.Vocabulary(words[:-1], unk_label=words[-1]))
    theirs.fit([pairwise(str(i) for i in row) for row in rows])
    following = np.exp(model.following([4]))
    for word in words:
        assert following[int(word)] == pytest.approx(theirs.score(word, ["4"]))


@pytest.mark.parametrize("smoothing", ["modified_kneser_ney", "witten_bell", "good_turing", "absolute"])
def test_an_arpa_file_gives_the_model_back_and_kenlm_scores_alike(smoothing, tmp_path):
    names = ["<s>", "</s>", "<unk>", *(f"w{i}" for i in range(3, N))]
    model = ngram_model(*flat(corpus(7)), 3, n_ids=N, smoothing=smoothing, start=START)
    write_arpa(model, names, tmp_path / "lm.arpa")
    again, words = read_arpa(tmp_path / "lm.arpa")
    assert sorted(words) == sorted(names)
    rows = corpus(8, 10)
    mine = model.log_probs(*flat(rows))
    moved = [[words.index(names[i]) for i in row] for row in rows]
    assert again.log_probs(*flat(moved)) == pytest.approx(mine, abs=1e-6)
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed")
    theirs = kenlm.Model(str(tmp_path / "lm.arpa"))
    for row in rows:
        text = " ".join("never-seen" if i == 2 else names[i] for i in row[1:-1])
        ours = model.log_probs(*flat([row])).sum() / math.log(10)
        assert ours == pytest.approx(theirs.score(text, bos=True, eos=True), abs=1e-4)


def test_files_that_are_no_arpa_are_refused(tmp_path):
    (tmp_path / "a").write_text("\\data\\\n\\1-grams:\n-1 a\n\\2-grams:\n-1 a b\n")
    with pytest.raises(pn.FileError, match="'b'"):
        read_arpa(tmp_path / "a")
    (tmp_path / "b").write_text("\\1-grams:\nx a\n")
    with pytest.raises(pn.FileError, match="line 2"):
        read_arpa(tmp_path / "b")
    (tmp_path / "c").write_bytes(b"abc\xff")
    with pytest.raises(pn.FileError, match="byte 3"):
        read_arpa(tmp_path / "c")
    (tmp_path / "e").write_text("\\data\\\nngram 1=3\nngram 2=1\n\n\\1-grams:\n-1 a\n-1 b\n")  # broken off
    with pytest.raises(pn.FileError, match=r"promises \[3, 1\] n-grams and it holds \[2\]"):
        read_arpa(tmp_path / "e")
    with pytest.raises(pn.FileError, match="nowhere"):
        read_arpa(tmp_path / "nowhere")
    with pytest.raises(pn.DataError, match="back off"):
        write_arpa(pizza(2, "laplace"), WORDS, tmp_path / "d")


def test_settings_that_do_not_exist_are_refused():
    with pytest.raises(pn.SettingError, match="kneser_ney"):
        pizza(2, "kneser_nay")
    with pytest.raises(pn.SettingError, match="order"):
        pizza(0, "mle")
    with pytest.raises(pn.SettingError, match="between 0 and 1"):
        pizza(2, "absolute", discount=2.0)


def test_an_interpolated_bigram_of_a_told_weight_is_the_mixture_written_out():
    model = pizza(2, "interpolation", weight=0.75)
    alone = {"pizza": 0.75 * 2 / 9 + 0.25 / 5, "eat": 0.75 * 1 / 9 + 0.25 / 5}
    assert p(model, "pizza", "like") == pytest.approx(0.75 / 2 + 0.25 * alone["pizza"])
    assert p(model, "eat", "like") == pytest.approx(0.25 * alone["eat"])
    assert p(model, "eat", "pizza") == pytest.approx(alone["eat"])  # nothing ever followed "pizza"


def left_out(rows, w1, w2):
    """Sum of ln p of each pair of ids by the counts of all others, of the second ids and of the pairs; no arrays."""
    spoken = [w for row in rows for w in row[1:]]
    ones, pairs = Counter(spoken), Counter(pair for row in rows for pair in pairwise(row))
    firsts = Counter(row[i] for row in rows for i in range(len(row) - 1))
    found = [0.0, 0.0]
    for (c, w), n in pairs.items():
        alone = w1 * (ones[w] - 1) / (len(spoken) - 1) + (1 - w1) / (N - 1)
        found[0] += n * math.log(alone)
        if firsts[c] > 1:
            found[1] += n * math.log(w2 * (pairs[c, w] - 1) / (firsts[c] - 1) + (1 - w2) * alone)
    return found


def test_weights_of_an_interpolation_are_the_likeliest_where_each_pair_is_left_out():
    rows = corpus(4)
    w1, w2 = left_out_weights(count_ngrams(*flat(rows), 2, n_ids=N), n_kinds=N - 1, start=START)
    assert 0.05 < w2 < 0.95
    best = left_out(rows, w1, w2)
    for step in (-0.01, 0.01):
        assert left_out(rows, min(w1 + step, 1), w2)[0] < best[0] or w1 + step >= 1
        assert left_out(rows, w1, w2 + step)[1] < best[1]
    model = ngram_model(*flat(rows), 2, n_ids=N, smoothing="interpolation", start=START)
    pairs, firsts = (
        Counter(pair for row in rows for pair in pairwise(row)),
        Counter(w for row in rows for w in row[:-1]),
    )
    ones = Counter(w for row in rows for w in row[1:])
    alone = w1 * ones[3] / ones.total() + (1 - w1) / (N - 1)
    assert np.exp(model.following([2])[3]) == pytest.approx(w2 * pairs[2, 3] / firsts[2] + (1 - w2) * alone)


def test_an_interpolation_is_asked_for_by_name_and_travels_as_arpa(tmp_path):
    texts = ["a b a c", "a b", "b a c a"] * 3
    lm = pn.LanguageModel(pn.model("ngram", order=2, smoothing="interpolation")).fit(texts)
    pn.export.to_arpa(lm, tmp_path / "lm.arpa")
    again = pn.LanguageModel.read(tmp_path / "lm.arpa")
    assert again.log_prob(["a c b"]) == pytest.approx(lm.log_prob(["a c b"]), abs=1e-5)
    with pytest.raises(pn.SettingError, match="weight is of smoothing interpolation"):
        pn.LanguageModel(pn.model("ngram", weight=0.5)).fit(texts)
    with pytest.raises(pn.SettingError, match="between 0 and 1"):
        ngram_model(np.array([1, 2]), np.array([2]), 2, n_ids=3, smoothing="interpolation", weight=0.0)
