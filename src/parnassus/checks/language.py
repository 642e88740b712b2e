"""Tokens, n-gram models, decoding and language models against transformers, KenLM, nltk and the books."""

import importlib
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import registry
from ..data.text.arpa import write_arpa
from ..functional import decoding
from ..functional.ngram_smoothing import good_turing_counts, ngram_model
from ..functional.subwords import learn_wordpiece, wordpiece
from ..train.randomness import kept_random
from . import check, gap

PIZZA = np.array([0, 1, 2, 0, 1, 3, 0, 4, 2]), np.array([3, 3, 3])  # I like pizza, I like pasta, I eat pizza


def logits() -> Tensor:
    """Five rows of 40."""
    return torch.randn(5, 40, generator=torch.Generator().manual_seed(0)) * 3


def against(name: str, option: float, ours: Tensor) -> float:
    """Where a filter of transformers differs from ours: the share of logits."""
    module: Any = importlib.import_module("transformers.generation.logits_process")
    return float((getattr(module, name)(option)(None, logits()) != ours).double().mean())


@check("temperature-sampling", oracle="transformers", tolerance=0)
def temperatures_against_transformers() -> float:
    """Logits at a temperature of 0.7."""
    return against("TemperatureLogitsWarper", 0.7, decoding.temperature(logits(), 0.7))


@check("top-k-sampling", oracle="transformers", tolerance=0)
def the_best_k_against_transformers() -> float:
    """What the 7 best of 40 leave."""
    return against("TopKLogitsWarper", 7, decoding.top_k(logits(), 7))


@check("nucleus-sampling", oracle="transformers", tolerance=0)
def the_nucleus_against_transformers() -> float:
    """What a nucleus of 0.8 leaves."""
    return against("TopPLogitsWarper", 0.8, decoding.top_p(logits(), 0.8))


@check("ngram-lm", oracle="(book)", tolerance=1e-12)
def n_grams_of_the_book() -> float:
    """Hifny B24: p(I like pizza) by bigrams is 1/9, and its perplexity 9^(1/3)."""
    model = ngram_model(*PIZZA, 2, n_ids=5, smoothing="mle")
    log_p = float(model.log_probs(np.array([0, 1, 2]), np.array([3])).sum())
    return max(gap(math.exp(log_p), 1 / 9), gap(math.exp(-log_p / 3), 9 ** (1 / 3)))


@check("laplace-smoothing-lm", oracle="(book)", tolerance=1e-12)
def laplace_of_the_book() -> float:
    """Hifny B24: p(pizza | like) is 2/7, p(pasta | eat), never seen, 1/6."""
    model = ngram_model(*PIZZA, 2, n_ids=5, smoothing="laplace")
    seen, unseen = np.exp(model.following(np.array([1]))[2]), np.exp(model.following(np.array([4]))[3])
    return max(gap(seen, 2 / 7), gap(unseen, 1 / 6))


@check("kneser-ney", oracle="kenlm", tolerance=1e-4)
def kneser_ney_against_kenlm() -> float:
    """log10 p of rows by KenLM from the ARPA file that a modified Kneser-Ney model was written to."""
    kenlm: Any = importlib.import_module("kenlm")
    rng = np.random.default_rng(0)
    rows = [[0, *(2 + np.minimum(rng.geometric(0.3, rng.integers(1, 9)), 9)).tolist(), 1] for _ in range(80)]
    ids, lengths = np.concatenate(rows), np.array([len(row) for row in rows])
    model = ngram_model(ids, lengths, 3, n_ids=12, start=0)
    names = ["<s>", "</s>", "<unk>", *(f"w{i}" for i in range(3, 12))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lm.arpa"
        write_arpa(model, names, path)
        theirs = kenlm.Model(str(path))
        ours = np.split(model.log_probs(ids, lengths), lengths.cumsum()[:-1])
        each = [theirs.score(" ".join(names[i] for i in row[1:-1])) for row in rows]
    return max(gap(o.sum() / math.log(10), t) for o, t in zip(ours, each, strict=True))


@check("good-turing", oracle="nltk", tolerance=1e-9)
def good_turing_against_nltk() -> float:
    """Re-estimated counts of 1, 2 and 3 against nltk's line through the counts of counts."""
    module: Any = importlib.import_module("nltk.probability")
    counts = np.random.default_rng(0).zipf(1.7, 800)
    counts = counts[counts < 500]
    theirs = module.SimpleGoodTuringProbDist(module.FreqDist({i: int(c) for i, c in enumerate(counts)}), bins=2000)
    ours = good_turing_counts(counts.astype(np.float64))
    pairs = [(ours[counts == r][0], (r + 1) * theirs.smoothedNr(r + 1) / theirs.smoothedNr(r)) for r in (1, 2, 3)]
    return max(gap(a, b) for a, b in pairs)


@check("wordpiece-tokenizer", oracle="tokenizers", tolerance=0)
def pieces_against_the_rust_package() -> float:
    """Words cut by one vocabulary, by ours and by the package tokenizers."""
    module: Any = importlib.import_module("tokenizers")
    words = ["the", "cat", "sat", "on", "the", "mat", "and", "that", "rat", "had", "a", "hat"]
    pieces = learn_wordpiece({w: words.count(w) for w in words}, 30)
    known = {p: i for i, p in enumerate(["[UNK]", *pieces])}
    theirs = module.Tokenizer(module.models.WordPiece(known, unk_token="[UNK]"))
    cases = [*words, "chatter", "zebra"]
    return float(sum(wordpiece(w, set(pieces)) != theirs.encode(w).tokens for w in cases))


@check("char-transformer", oracle="(book)", tolerance=0)
def parameters_of_the_character_transformer() -> float:
    """Martinez-Ramon example 6.3.1: 10,762,014 parameters with 30 symbols."""
    spec = registry.model("gpt", n_layers=6, n_heads=6, width=384, activation="relu", tied=False, bias=False)
    (builder,) = spec.builders("language_model")
    with kept_random(torch.device("cpu")):
        net = builder.make(vocab_size=30, max_length=256, **spec.get_params(task="language_model"))
    return gap(sum(p.numel() for p in net.parameters()), 10_762_014)
