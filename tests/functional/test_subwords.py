"""Subwords: oracles of the books, the Rust package, merges by hand."""

from collections import Counter

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from parnassus.functional.subwords import bpe, learn_bpe, learn_wordpiece, wordpiece

TEXT = "the cat sat on the mat and the rat sat with that cat on that hat for the bat had a cap and a map"


def test_0_A3_8_wordpiece_cuts_the_longest_piece_first():
    vocabulary = {"Un", "##bel", "##iev", "##able", "!"}
    assert [*wordpiece("Unbelievable", vocabulary), *wordpiece("!", vocabulary)] == [
        "Un",
        "##bel",
        "##iev",
        "##able",
        "!",
    ]
    assert wordpiece("Unbelievably", vocabulary) == ["[UNK]"]


def test_wordpiece_joins_by_score_and_not_by_frequency():
    # ("##u", "##g") is the commonest pair, and scores 20 / (36 * 20) against ("##g", "##s"), 5 / (20 * 5)
    pieces = learn_wordpiece({"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}, 8)
    assert pieces == ["##g", "##n", "##s", "##u", "b", "h", "p", "##gs"]


def test_wordpiece_cuts_as_the_rust_package_does():
    counts = Counter(TEXT.split())
    pieces = learn_wordpiece(counts, 40)
    theirs = Tokenizer(models.WordPiece({p: i for i, p in enumerate(["[UNK]", *pieces])}, unk_token="[UNK]"))
    theirs.pre_tokenizer = pre_tokenizers.Whitespace()
    words = [*counts, "chatter", "zebra"]
    assert [wordpiece(w, set(pieces)) for w in words] == [theirs.encode(w).tokens for w in words]


def test_bpe_applies_merges_in_their_order():
    assert bpe("thata", [("a", "t"), ("t", "h")]) == ["th", "at", "a"]
    assert bpe("abab", [("a", "b"), ("ab", "ab")]) == ["abab"]


def test_merges_cut_words_as_the_rust_package_does_with_the_same_merges():
    counts = Counter(TEXT.split())
    merges = learn_bpe(counts, 12)
    vocabulary = {t: i for i, t in enumerate(dict.fromkeys([*sorted(set("".join(counts))), *map("".join, merges)]))}
    theirs = Tokenizer(models.BPE(vocabulary, merges))
    assert [bpe(w, merges) for w in counts] == [theirs.encode(w).tokens for w in counts]


def test_the_rust_packages_learner_joins_pairs_of_the_same_frequencies():
    counts = Counter(TEXT.split())
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.Whitespace()
    n_letters = len(set("".join(counts)))
    theirs.train_from_iterator([TEXT], trainers.BpeTrainer(vocab_size=n_letters + 3, show_progress=False))
    joined = [t for t, i in sorted(theirs.get_vocab().items(), key=lambda item: item[1]) if i >= n_letters]
    often = [sum(n for w, n in counts.items() if piece in w) for piece in joined]
    ours = [sum(n for w, n in counts.items() if "".join(pair) in w) for pair in learn_bpe(counts, 3)]
    assert often == ours
