"""Skip-gram and CBOW with five negatives, and a tree: ours beside gensim, one worker each and several.

Words are drawn by Zipf's law into texts of 20; both get a vocabulary that is already counted, and one epoch.
Run: python benchmarks/bench_word_vectors.py [--words 2000000] [--workers 2].
"""

import argparse

import numpy as np
import torch

from harness import Work, compare, installed
from parnassus.functional.word_vectors import (
    Learner,
    cooccurrence,
    huffman_paths,
    noise_distribution,
    noise_table,
)

LENGTH, DIMENSIONS, WINDOW, NEGATIVES = 20, 100, 5, 5


def texts(n_words: int, vocabulary: int) -> np.ndarray:
    """Ids (texts, 20), the most frequent word first."""
    drawn = np.minimum(np.random.default_rng(0).zipf(1.2, n_words // LENGTH * LENGTH), vocabulary) - 1
    _, ids = np.unique(drawn, return_inverse=True)
    order = np.argsort(np.argsort(-np.bincount(ids), kind="stable"))
    return order[ids].reshape(-1, LENGTH)


def ours(ids: np.ndarray, mode: str, *, tree: bool, n_workers: int) -> Work:
    counts = torch.from_numpy(np.bincount(ids.ravel())).double()
    flat, lengths = torch.from_numpy(ids.ravel()).int(), torch.full((len(ids),), LENGTH)

    def work() -> None:
        n = len(counts)
        start = (torch.rand(n, DIMENSIONS, generator=torch.Generator().manual_seed(0)) - 0.5) / DIMENSIONS
        judged = {"paths": huffman_paths(counts)} if tree else {"noise": noise_table(noise_distribution(counts))}
        learner = Learner(
            start, torch.zeros(n, DIMENSIONS), torch.ones(n).double(), mode=mode, window=WINDOW,
            n_negative=NEGATIVES, **judged,
        )  # fmt: skip
        learner.learn(flat, lengths, torch.tensor([1]), rates=(0.025, 0.0001), n_workers=n_workers)

    return work


def gensims(ids: np.ndarray, mode: str, *, tree: bool, n_workers: int) -> Work:
    from gensim.models import Word2Vec

    rows = [row.astype(str).tolist() for row in ids]

    def work() -> None:
        model = Word2Vec(
            vector_size=DIMENSIONS, window=WINDOW, negative=0 if tree else NEGATIVES, hs=int(tree), sample=0,
            sg=int(mode == "skip_gram"), workers=n_workers, min_count=1, seed=1,
        )  # fmt: skip
        model.build_vocab(rows)
        model.train(rows, total_examples=len(rows), epochs=1)

    return work


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--words", type=int, default=2_000_000)
    parser.add_argument("--vocabulary", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*")
    args = parser.parse_args()
    ids = texts(args.words, args.vocabulary)
    for mode, tree in (("skip_gram", False), ("cbow", False), ("skip_gram", True)):
        for n_workers in sorted({1, args.workers}):
            works: dict[str, Work] = {"parnassus": ours(ids, mode, tree=tree, n_workers=n_workers)}
            if installed("gensim"):
                works["gensim"] = gensims(ids, mode, tree=tree, n_workers=n_workers)
            name = f"{mode}, {'a tree' if tree else 'negatives'}, {n_workers} workers, {args.words:,} words"
            compare(name, works, ours="parnassus", args=args)
    flat, lengths = torch.from_numpy(ids.ravel()), torch.full((len(ids),), LENGTH)
    n = int(flat.max()) + 1
    counting: dict[str, Work] = {"parnassus": lambda: cooccurrence(flat, lengths, n_words=n, window=WINDOW)}
    compare(f"co-occurrence counts, {args.words:,} words", counting, ours="parnassus", args=args)


if __name__ == "__main__":
    main()
