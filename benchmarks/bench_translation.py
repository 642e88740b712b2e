"""Beam search of an encoder-decoder Transformer, beside transformers' generate on a Marian net with the same weights.

32 sentences of 10 to 30 ids, beam 5, exactly as many new ids for both; 6 and 6 layers of 512 with 8 heads and 16,000
ids, post-norm. Hypotheses and scores are compared before anything is timed. Also the time of a training step of each
translator, ours alone. Run: python benchmarks/bench_translation.py [--threads 2]. `--small` is a run of a second.
"""

import argparse
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

import parnassus as pn
from harness import Work, compare, installed
from parnassus.checks.translation import generated, marian, of_marian
from parnassus.objectives.text.translation import Translation


def settings() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--small", action="store_true")
    return parser.parse_args()


def searching(sizes: tuple[int, int, int, int], args: argparse.Namespace, *, n: int, n_new: int, beam: int) -> None:
    n_ids = sizes[0]
    if not installed("transformers"):
        print("transformers is not installed: nothing to compare beam search with")
        return
    peer = marian(*sizes, n_places=max(n_new, 30) + 4)
    objective = of_marian(peer)
    lengths = torch.randint(10, 31, (n,))
    x = torch.randint(2, n_ids - 1, (n, int(lengths.max())))
    inside = torch.arange(x.shape[1]) < lengths[:, None]
    x = torch.where(inside, x, 0)
    work = ours(objective, {"x": x, "lengths": lengths}, beam, n_new)
    theirs = partial(generated, peer, x, inside, beam=beam, n_new=n_new)
    found, wanted = work(), theirs()
    check(found, wanted, n_ids - 1)
    works: dict[str, Work] = {"parnassus": work, "transformers": theirs}
    compare(f"beam {beam} over {n} sentences, up to {n_new} ids", works, ours="parnassus", args=args)


def ours(objective: Translation, batch: dict[str, Tensor], beam: int, n_new: int) -> Callable[[], Any]:
    def work() -> Any:
        with torch.inference_mode():
            return objective.translate(batch, n_tokens=n_new, beam=beam, length_penalty=1.0, never=[0])

    return work


def check(found: Any, wanted: Any, end: int) -> None:
    """Hypotheses are the same, and scores to 1e-4."""
    for ((ids, score),), row, s in zip(found, wanted.sequences.tolist(), wanted.sequences_scores.tolist(), strict=True):
        theirs = row[1:]
        theirs = theirs[: theirs.index(end) + 1] if end in theirs else theirs
        assert ids == theirs, f"{ids} is not {theirs}"
        assert abs(score - s) < 1e-4, f"{score} is not {s}"


def training(args: argparse.Namespace, n: int, length: int, n_ids: int) -> None:
    """A step of each translator over `n` pairs."""
    batch = {
        "x": torch.randint(2, n_ids, (n, length)), "lengths": torch.full((n,), length),
        "y": torch.randint(2, n_ids, (n, length)), "y_lengths": torch.full((n,), length),
    }  # fmt: skip
    works: dict[str, Work] = {}
    for name in ("transformer", "rnnsearch", "seq2seq"):
        made = pn.model(name).make(task="translator", source_vocab_size=n_ids, target_vocab_size=n_ids)
        works[name] = stepping(made, batch)
    compare(f"a step over {n} pairs of {length} ids", works, ours="transformer", args=args)


def stepping(objective: Translation, batch: dict[str, Tensor]) -> Work:
    optimizer = torch.optim.Adam(objective.parameters(), fused=True)

    def work() -> None:
        loss = objective.mean_loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return work


def main() -> None:
    args = settings()
    torch.manual_seed(0)
    if args.small:
        searching((60, 32, 2, 2), args, n=4, n_new=6, beam=5)
        training(args, 4, 6, 50)
    else:
        searching((16_000, 512, 6, 8), args, n=32, n_new=40, beam=5)
        searching((8000, 256, 3, 8), args, n=32, n_new=30, beam=5)
        training(args, 64, 24, 8000)


if __name__ == "__main__":
    main()
