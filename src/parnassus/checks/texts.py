"""Texts against transformers, nltk and seqeval: BERT's logits and losses, sentiment by rules, entities counted."""

import random
import tempfile
import warnings
from itertools import chain
from typing import Any

import torch

from .. import hub
from ..data.text.pieces import Pieces
from ..data.text.wordpieces import WordPieces
from ..functional.metrics.tagging import entity_scores
from ..functional.sentiment import polarity
from ..functional.sentiment_words import VALENCES
from ..imports import imported
from ..train.randomness import kept_random
from . import check, gap

SAID = [("a fine, funny film", "warm and funny"), ("dull", "far too long, and cold"), ("it was warm", "not long")]
SHAPE = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
FELT = (
    "The film was superb!",
    "It was not good, and the end was AWFUL.",
    "so very dull and slow",
    "It isn't bad",
    "I really loved it but the sound was terrible!!",
    "A nice, warm and funny story :)",
    "what a waste??",
)


@check("bert-text-classifier", oracle="transformers", tolerance=1e-5)
def pairs_under_bert_against_transformers() -> float:
    """Logits and loss of three pairs of texts, read from a folder that transformers wrote, by its tokenizer.json."""
    peer = imported("transformers")
    pieces = WordPieces.learned(list(chain.from_iterable(SAID)), size=60, lower=True, min_count=1)
    with kept_random(torch.device("cpu"), 0), tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = peer.BertConfig(vocab_size=pieces.n_ids, max_position_embeddings=32, num_labels=3, **SHAPE)
        theirs = peer.BertForSequenceClassification(config).eval()
        theirs.save_pretrained(folder)
        hub.write_tokenizer(folder, pieces)
        ours, codec = hub.load(folder), Pieces.read(folder).fit(SAID)
        fast = peer.PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json", pad_token="[PAD]")
    rows = codec.encode(SAID)
    batch = codec.prepare(rows.take(torch.arange(len(rows))), "pieces")
    first, second = ([pair[i] for pair in SAID] for i in (0, 1))
    given: Any = fast(first, second, return_tensors="pt", padding=True, return_token_type_ids=True)
    y = torch.tensor([2, 0, 1])
    with torch.no_grad():
        due = theirs(**given, labels=y)
        found = ours(batch["x"], batch["lengths"], batch["segments"])
        loss = torch.nn.functional.cross_entropy(found, y)
    return max(gap(found, due.logits), gap(loss, due.loss))


@check("vader-sentiment", oracle="nltk", tolerance=6e-5)
def sentiment_against_nltk() -> float:
    """The compound scores of seven texts, by nltk's rules with our own words."""
    vader = imported("nltk.sentiment.vader")
    peer = vader.SentimentIntensityAnalyzer.__new__(vader.SentimentIntensityAnalyzer)
    peer.lexicon, peer.constants = dict(VALENCES), vader.VaderConstants()
    return max(gap(polarity(text).compound, peer.polarity_scores(text)["compound"]) for text in FELT)


@check("bert-token-head", oracle="seqeval", tolerance=1e-9)
def entities_against_seqeval() -> float:
    """F1 of sixty rows of tags drawn at random, BIO and IOBES."""
    peer = imported("seqeval.metrics")
    draw, worst = random.Random(0), 0.0
    for parts in ("BI", "BIES"):
        names = ["O", *(f"{part}-{name}" for part in parts for name in ("PER", "LOC"))]
        true = [[draw.choice(names) for _ in range(draw.randint(1, 12))] for _ in range(60)]
        said = [[draw.choice([tag, tag, draw.choice(names)]) for tag in row] for row in true]
        worst = max(worst, gap(entity_scores(true, said)[""].f1, peer.f1_score(true, said)))
    return worst
