"""Texts whose answers are known: reviews with denials, topics in two languages, and subjects of paragraphs."""

import re
from importlib import resources
from typing import Any

import numpy as np
from sklearn.metrics import silhouette_score

from .. import registry
from ..data.book_sets import BookSet
from ..data.text.pieces import Pieces
from ..data.text.text import Text
from ..estimators.classifier import Classifier
from ..estimators.embedder import Embedder
from ..insight.maps import Projection, map_plot
from . import Size, Table, recipe

Told = tuple[list[str], np.ndarray]


def reviews(n: int, *, seed: int) -> Told:
    """Short reviews of films with praise or blame, now and then denied: "not dull at all"."""
    rng = np.random.default_rng(seed)
    good, bad = (
        ["warm", "funny", "clever", "moving", "fresh", "lively"],
        ["dull", "cold", "clumsy", "weary", "stale", "slow"],
    )
    things, texts, verdicts = ["film", "plot", "cast", "story", "ending", "music"], [], []
    for _ in range(n):
        likes, denied = rng.random() < 0.5, rng.random() < 0.5
        word = rng.choice(good if likes != denied else bad)
        said = (
            f"{rng.choice(['not', 'never', 'hardly'])} {word} at all"
            if denied
            else f"{rng.choice(['very', 'so', 'quite'])} {word}"
        )
        about = f"the {rng.choice(things)} by the man we met last {rng.choice(['week', 'year', 'month'])}"
        texts.append(f"{about} was {said}" if rng.random() < 0.5 else f"it was {said} , {about}")
        verdicts.append("pos" if likes else "neg")
    return texts, np.array(verdicts)


READERS: dict[str, tuple[str, dict[str, Any]]] = {
    "logistic, bag of words": ("logistic", {}),
    "recurrent": ("rnn", {"hidden": 32}),
    "recurrent, both ways": ("rnn", {"hidden": 32, "bidirectional": True}),
    "LSTM, both ways": ("lstm", {"hidden": 32, "bidirectional": True}),
    "convolution over words": ("text_cnn", {"hidden": 32}),
}


@recipe(
    "reviews-with-negation",
    source="Baker 7.2",
    figure="a net both ways reads 'not happy'; embedding, recurrent layer, dense layer, softmax; no figure",
    experiments="baker-27 baker-28",
    reads="imdb",
)
def reviews_read(size: Size, data: BookSet | None = None) -> Table:
    """Reviews, some of whose words are denied, by a bag of words and by nets that read in order: accuracy."""
    n, epochs = (80, 1) if size == "tiny" else (1500, 12)
    (X, y), (new, truth) = reviews(n, seed=0), reviews(500, seed=1)
    if data is not None:
        rng = np.random.default_rng(0)
        a, b = (rng.permutation(len(v))[: 20 if size == "tiny" else 3000] for v in (data.X, data.X_test))
        X, y, new, truth = [data.X[i] for i in a], data.y[a], [data.X_test[i] for i in b], data.y_test[b]
    rows = []
    for name, (model, options) in READERS.items():
        codec = Text(max_length=150, min_count=1 if data is None else 5)
        given: dict[str, Any] = {} if model == "logistic" else {"lr": 3e-3, "clip_norm": 1.0}
        made = Classifier(registry.model(model, **options), codec=codec, epochs=epochs, progress=False, **given).fit(
            X, y
        )
        right = made.predict(new) == truth
        denied = np.array([bool(re.search(r"\b(not|never|hardly)\b", t)) for t in new])
        rows.append(
            (name, float(right.mean()), *(float(right[k].mean()) if k.any() else "" for k in (denied, ~denied)))
        )
    name = "reviews from templates" if data is None else "IMDb, cut at 150 words"
    notes = [
        f"{len(X)} {name} for training, {len(new)} others for testing. In the templates half of the verdicts are "
        "denied, with the words and the denials in equal numbers in both classes: without order nothing can be said."
    ]
    columns = ("model", "accuracy", "with a denial", "without")
    return Table("Reviews with denials", columns, rows, notes, {"epochs": epochs, "seed": 0})


PROGRAMME = {  # topic: words of it in English and in German
    "welfare": (["pensions", "care", "families"], ["Renten", "Pflege", "Familien"]),
    "defence": (["soldiers", "borders", "allies"], ["Soldaten", "Grenzen", "Partner"]),
    "schools": (["teachers", "pupils", "lessons"], ["Lehrer", "Kinder", "Unterricht"]),
    "climate": (["forests", "wind", "rivers"], ["Wald", "Wind", "Fluss"]),
    "taxes": (["wages", "duties", "budgets"], ["Lohn", "Abgaben", "Haushalt"]),
}


def manifesto(n: int, language: int, *, seed: int) -> Told:
    """Sentences of a programme in English (0) or German (1), a topic each, and a word of another topic in passing."""
    rng, texts, topics = np.random.default_rng(seed), [], []
    frames = (
        ("we will do more for {} , whatever {} cost", "more for {} and less for {} is our aim"),
        ("wir tun mehr fuer {} , was auch {} kosten", "mehr fuer {} und weniger fuer {} ist unser Ziel"),
    )
    names = list(PROGRAMME)
    for _ in range(n):
        own, other = rng.choice(len(names), 2, replace=False)
        texts.append(
            str(rng.choice(frames[language])).format(
                rng.choice(PROGRAMME[names[own]][language]), rng.choice(PROGRAMME[names[other]][language])
            )
        )
        topics.append(names[own])
    return texts, np.array(topics)


@recipe("topics-in-two-languages", source="Baker 7.1", figure="none", experiments="baker-21")
def topics(size: Size) -> Table:
    """The topic of a sentence by a convolution over words: taught in English, in German, and in both."""
    n, epochs = (60, 1) if size == "tiny" else (600, 12)
    taught = {"English": manifesto(n, 0, seed=0), "German": manifesto(n, 1, seed=1)}
    taught["both"] = (
        [*taught["English"][0][: n // 2], *taught["German"][0][: n // 2]],
        np.concatenate([taught[k][1][: n // 2] for k in ("English", "German")]),
    )
    tests = manifesto(400, 0, seed=2), manifesto(400, 1, seed=3)
    rows = []
    for name, (X, y) in taught.items():
        for model in ("logistic", "text_cnn"):
            made = Classifier(model, epochs=epochs, lr=3e-3 if model == "text_cnn" else None, progress=False).fit(X, y)
            rows.append((name, model, *(made.score(*test) for test in tests)))
    notes = [
        "Made here from five topics; a second topic stands in every sentence, and only the order says which is meant. "
        "Chance is .2.",
        "Only 'Wind' is a word of both languages: what was taught in one does not carry over without more.",
    ]
    return Table(
        "Topics in two languages",
        ("taught in", "model", "accuracy, English", "German"),
        rows,
        notes,
        {"sentences": n, "epochs": epochs, "seed": 0},
    )


SUBJECTS = "iris wine_data breast_cancer diabetes digits linnerud covtype kddcup99 california_housing twenty_newsgroups"


def described() -> dict[str, str]:
    """What scikit-learn says of ten of its data sets."""
    folder = resources.files("sklearn.datasets.descr")
    return {name: folder.joinpath(f"{name}.rst").read_text(encoding="utf-8") for name in SUBJECTS.split()}


def paragraphs() -> tuple[list[str], list[str]]:
    """Stretches of 25 words from what is said of ten data sets, and which set each is of."""
    texts, names = [], []
    for name, text in described().items():
        words = re.findall(r"[A-Za-z]+", text.lower())
        parts = [" ".join(words[i : i + 25]) for i in range(0, len(words) - 12, 25)]
        texts += parts
        names += [name] * len(parts)
    return texts, names


@recipe("paragraphs-by-subject", source="Baker 7.1", figure="none", experiments="baker-22")
def paragraphs_by_subject(size: Size) -> Table:
    """Paragraphs sorted by the data set that they describe: a small BERT without pretraining beside bags of words."""
    epochs = 1 if size == "tiny" else 25
    texts, names = paragraphs()
    order = np.random.default_rng(0).permutation(len(texts))
    cut = int(0.7 * len(order))
    X, new = ([texts[i] for i in part] for part in (order[:cut], order[cut:]))
    y, truth = (np.array([names[i] for i in part]) for part in (order[:cut], order[cut:]))
    common = max(set(y.tolist()), key=y.tolist().count)
    rows: list[tuple] = [("the commonest subject", float((truth == common).mean()))]
    plans: dict[str, tuple[str, dict[str, Any], Any]] = {
        "logistic on tf-idf": ("logistic", {}, Text(weighting="tfidf")),
        "convolution over words": ("text_cnn", {}, None),
        "a small BERT": ("bert", {"width": 64}, Pieces(max_length=128)),
    }
    for label, (model, options, codec) in plans.items():
        lr = 1e-3 if model == "bert" else 5e-3
        made = Classifier(
            registry.model(model, **options), codec=codec, epochs=epochs, lr=lr, batch_size=16, progress=False
        ).fit(X, y)
        rows.append((label, float(made.score(new, truth))))
    notes = [
        f"{len(X)} stretches of 25 words for training and {len(new)} for testing, of what scikit-learn says of ten "
        "data sets. Without the pretraining that the book's model brings along, and with so few texts, one text is "
        f"{1 / len(new):.3f} of accuracy."
    ]
    return Table("Paragraphs by subject", ("model", "accuracy, unseen"), rows, notes, {"epochs": epochs, "seed": 0})


@recipe(
    "document-map",
    source="Baker 7.2",
    figure="topic clusters; 'development' near 'transactions'",
    experiments="baker-23",
)
def document_map(size: Size) -> Table:
    """Paragraphs of ten descriptions on a map by their words: how far subjects lie apart, and which words are near."""
    texts, names = paragraphs()
    made = Embedder(registry.model("lsa", n_dimensions=8), min_count=2, progress=False).fit(texts)
    points, labels = made.transform(texts), np.array(names)
    mixed = np.random.default_rng(0).permutation(labels)
    rows: list[tuple] = [
        ("silhouette of subjects in 8 dimensions", float(silhouette_score(points, labels))),
        ("the same with subjects dealt out at random", float(silhouette_score(points, mixed))),
        ("nearest other paragraph of the same subject, share", _same(points, labels)),
        ("the same with subjects at random", _same(points, mixed)),
    ]
    for word in ("petal", "science", "wine"):
        near = [w for w, _ in made.most_similar(word, n=4)]
        rows.append((f"words near {word!r}", ", ".join(near)))
    unit = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    centred = unit - unit.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    shown = {
        "Paragraphs by latent semantic analysis, coloured by subject.": lambda: map_plot(
            Projection("pca", centred @ axes.T), labels
        )
    }
    notes = [
        f"{len(texts)} stretches of 25 words from what scikit-learn says of its tables; the book's corpora are not at "
        "hand."
    ]
    return Table("A map of documents", ("what", "found"), rows, notes, {"dimensions": 8, "seed": 0}, pictures=shown)


def _same(points: np.ndarray, labels: np.ndarray) -> float:
    unit = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -np.inf)
    return float((labels[likeness.argmax(1)] == labels).mean())
