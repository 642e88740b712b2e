"""Texts as counts and pieces against scikit-learn and nltk, and rows of uneven length."""

import re
from collections import Counter

import numpy as np
import torch

from ..data import padding
from ..data.text import cleaning, tokenizers
from ..data.text.text import Text
from ..data.text.tokenizers import Tokenizer
from ..data.vectors import vectors
from ..estimators.embedder import Embedder
from ..functional.ngram_counts import count_ngrams, spelled
from ..functional.ranking_sentences import centrality
from ..functional.subwords import bpe, learn_bpe
from ..imports import imported
from ..insight.words import zipf_slope
from . import check, gap

TEXTS = [
    "the cat sat on the mat",
    "the dog sat on the log",
    "a cat and a dog",
    "no cats here, only the one dog that sat",
    "the the the cat",
]
WORDS = """caresses ponies cats feed agreed plastered motoring conflated hopping happy relational conditional digitizer
    triplicate formative electrical hopeful goodness adoption probate"""


@check("bag-of-words", "tf-idf", oracle="scikit-learn", tolerance=1e-6)
def bags_of_words_against_scikit_learn() -> float:
    """Counts and weighted counts of every word and every pair of words, columns in scikit-learn's order."""
    text = imported("sklearn.feature_extraction.text")
    worst = 0.0
    for weighting, made in (("count", text.CountVectorizer), ("tfidf", text.TfidfVectorizer)):
        theirs = made(token_pattern=r"\w+|[^\w\s]").fit(TEXTS)
        codec = Text(weighting=weighting).fit(TEXTS)
        ours = np.asarray(vectors(codec, TEXTS).todense())
        at = [codec.tokenizer.names.index(word) for word in theirs.get_feature_names_out()]
        shift = ours.shape[1] - len(codec.tokenizer.names)
        worst = max(worst, gap(ours[:, [a + shift for a in at]], theirs.transform(TEXTS).todense()))
    return worst


@check("ngram-extraction", "zipf-plot", oracle="(closed form)", tolerance=1e-12)
def runs_counted_one_by_one() -> float:
    """Counts of runs of one to three words by a counter that walks the rows; a slope of -1 for counts of 60 / rank."""
    rows = [text.split() for text in TEXTS]
    words = sorted({w for row in rows for w in row})
    ids = np.array([words.index(w) for row in rows for w in row])
    lengths = np.array([len(row) for row in rows])
    levels = count_ngrams(ids, lengths, 3, n_ids=len(words))
    wrong = 0
    for k in (1, 2, 3):
        due = Counter(tuple(row[i : i + k]) for row in rows for i in range(len(row) - k + 1))
        named = [tuple(words[i] for i in run) for run in spelled(levels, k)]
        wrong += dict(zip(named, levels[k - 1].counts.tolist(), strict=True)) != due
    return max(float(wrong), gap(zipf_slope(60 / np.arange(1, 31)), -1))


@check("vocabulary-unk", "char-tokenizer", "word-tokenizer", oracle="(closed form)", tolerance=0)
def vocabularies_there_and_back() -> float:
    """Every word of training and the commonest alone, what was not learned as id 1, and characters there and back."""
    learned = Tokenizer("words").fit(TEXTS)
    counts = Counter(w for text in TEXTS for w in tokenizers.words_of(text))
    kept = Tokenizer("words", size=1).fit(TEXTS).names
    ids = learned.ids(["the zebra sat"])[0].tolist()
    letters = Tokenizer("characters").fit(TEXTS)
    back = [letters.text(letters.ids([text])[0].tolist()) for text in TEXTS]
    most = [name for name, _ in counts.most_common(1)]
    wrong = [set(learned.names) != set(counts), kept != most, ids[1] != 1, 1 in (ids[0], ids[2]), back != TEXTS]
    return float(sum(wrong))


@check("byte-level-bpe", oracle="(book)", tolerance=0)
def merges_of_byte_pairs() -> float:
    """The first merges of low, lower, newest and widest by their counts 5, 2, 6 and 3: es, est, lo, low (Sennrich)."""
    counts = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    merges = learn_bpe(counts, 4)
    wrong = ["".join(pair) for pair in merges] != ["es", "est", "lo", "low"]
    byte = Tokenizer("byte_bpe", size=300).fit(TEXTS)
    odd = "the cat \u00e9\u4e2d\U0001f600"
    lost = byte.text(byte.ids([odd])[0].tolist()) != odd
    return float(wrong + lost + (bpe("lowest", merges) != ["low", "est"]))


@check("text-cleaning", "text-pipeline", oracle="(closed form)", tolerance=0)
def texts_made_plainer() -> float:
    """Tags, scripts and entities, signs, words that say little, and accents, by what they leave."""
    wrong = [
        cleaning.without_markup("<p>a<br/>b &lt; c<!-- d --></p>") != "a b < c",
        cleaning.without_accents("na\u00efve caf\u00e9") != "naive cafe",
        cleaning.without_stop_words("it was not good") != "not good",
        cleaning.clean(["<b>Caf\u00e9</b>"], ("html", "accents")).texts != ["Cafe"],
    ]
    return float(sum(wrong))


@check("stemming", oracle="nltk", tolerance=0)
def stems_against_nltk() -> float:
    """Porter's stems of 1980 of words that its rules were written for, against nltk's original mode."""
    porter = imported("nltk.stem.porter").PorterStemmer(mode="ORIGINAL_ALGORITHM").stem
    words = re.findall(r"\w+", WORDS)
    ours = cleaning.stemmer("porter")
    return float(sum(ours(w) != porter(w, to_lowercase=False) for w in words))


@check("sequence-padding-mask", oracle="torch", tolerance=0)
def rows_of_uneven_length_against_torch() -> float:
    """Rows filled behind and before, against torch's pad_sequence, and what is real of each."""
    rows = [[3, 1, 4, 1], [5], [9, 2]]
    wanted = torch.nn.utils.rnn.pad_sequence([torch.tensor(r) for r in rows], batch_first=True)
    before = torch.nn.utils.rnn.pad_sequence([torch.tensor(r) for r in rows], batch_first=True, padding_side="left")
    behind = padding.padded(rows)
    lengths = gap(behind.mask.sum(1), [4, 1, 2])
    return max(gap(behind.values, wanted), gap(padding.padded(rows, fill="before").values, before), lengths)


@check("summarisation", oracle="networkx", tolerance=1e-6)
def how_central_sentences_are() -> float:
    """The stationary walk over a graph of likeness against PageRank, one node without neighbours."""
    nx = imported("networkx")
    likeness = np.random.default_rng(0).random((8, 8))
    likeness = np.triu(likeness, 1) + np.triu(likeness, 1).T
    likeness[3] = likeness[:, 3] = 0
    wanted = nx.pagerank(nx.from_numpy_array(likeness), alpha=0.85, tol=1e-12, max_iter=1000)
    return gap(centrality(torch.from_numpy(likeness)), [wanted[i] for i in range(8)])


@check("embedding-retrieval", "dialogue-management", oracle="scikit-learn", tolerance=1e-5)
def documents_nearest_to_a_query() -> float:
    """Rows and cosines of the three documents nearest to a query, by scikit-learn on the same vectors."""
    from sklearn.metrics.pairwise import cosine_similarity

    texts = ["the cat sat on the mat", "a dog sat on a log", "rain falls on the town", "the cat and the dog"] * 5
    embedder = Embedder("skip_gram", epochs=2, seed=0).fit(texts)
    query = "the cat sat"
    cosines = cosine_similarity(embedder.transform([query]), embedder.transform(texts))[0]
    found = embedder.retrieve(query, n=3)
    return gap([cosine for _, cosine, _ in found], np.sort(cosines)[::-1][:3])
