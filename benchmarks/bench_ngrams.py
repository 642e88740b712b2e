"""N-gram models: counting, smoothing and scoring beside nltk.lm; Witten-Bell of order 3 over words drawn by Zipf's law.

nltk counts a part of the words and scores a hundredth of that part, in its favour. Scoring by KenLM from the same
model's file is timed beside ours: text by text there, all at once here.
Run: python benchmarks/bench_ngrams.py [--words 1000000] [--part 20000].
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from harness import Work, compare, installed
from parnassus.data.text.arpa import write_arpa
from parnassus.functional.ngram_smoothing import NGramModel, ngram_model

ORDER, VOCABULARY, LENGTH = 3, 10_000, 20


def rows(n_words: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids of rows of 20 words between a start (0) and an end (1), and the rows' lengths."""
    rng = np.random.default_rng(0)
    words = 3 + np.minimum(rng.zipf(1.2, n_words // LENGTH * LENGTH), VOCABULARY - 4).reshape(-1, LENGTH)
    edges = np.zeros((len(words), 1), dtype=np.int64)
    return np.concatenate([edges, words, edges + 1], 1).ravel(), np.full(len(words), LENGTH + 2)


def ours(ids: np.ndarray, lengths: np.ndarray) -> NGramModel:
    """Counted, smoothed, and the training rows scored."""
    model = ngram_model(ids, lengths, ORDER, n_ids=VOCABULARY, smoothing="witten_bell", start=0)
    model.log_probs(ids, lengths)
    return model


def nltk_work(ids: np.ndarray, lengths: np.ndarray) -> Work:
    from nltk.lm import WittenBellInterpolated
    from nltk.util import everygrams

    texts = [row.astype(str).tolist() for row in np.split(ids, lengths.cumsum()[:-1])]

    def work() -> None:
        model = WittenBellInterpolated(ORDER)
        model.fit([list(everygrams(t, max_len=ORDER)) for t in texts], sorted({w for t in texts for w in t}))
        for text in texts[: max(len(texts) // 100, 1)]:  # which takes long
            for first, second, word in zip(text, text[1:], text[2:], strict=False):
                model.score(word, [first, second])

    return work


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--part", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*")
    args = parser.parse_args()
    ids, lengths = rows(args.words)
    compare(
        f"3-grams over {args.words:,} words", {"parnassus": lambda: ours(ids, lengths)}, ours="parnassus", args=args
    )
    part = rows(args.part)
    works: dict[str, Work] = {"parnassus": lambda: ours(*part)}
    if installed("nltk"):
        works["nltk"] = nltk_work(*part)
    compare(f"3-grams over {args.part:,} words, nltk scoring a hundredth", works, ours="parnassus", args=args)
    if not installed("kenlm"):
        sys.exit()
    import kenlm

    model = ours(*part)
    with tempfile.TemporaryDirectory() as folder:
        names = ["<s>", "</s>", "<unk>", *(f"w{i}" for i in range(3, VOCABULARY))]
        write_arpa(model, names, Path(folder) / "lm.arpa")
        theirs = kenlm.Model(str(Path(folder) / "lm.arpa"))
    texts = [" ".join(names[i] for i in row[1:-1]) for row in np.split(part[0], part[1].cumsum()[:-1])]
    scoring: dict[str, Work] = {
        "parnassus": lambda: model.log_probs(*part), "kenlm": lambda: [theirs.score(t) for t in texts]
    }  # fmt: skip
    compare("scoring the same model", scoring, ours="parnassus", args=args)


if __name__ == "__main__":
    main()
