"""What travellers ask for: a small BERT taught first on hidden words, and by how many labels that is worth."""

import warnings
from itertools import product
from typing import Any

import numpy as np

from .. import registry
from ..data.book_sets import BookSet
from ..errors import DataWarning
from ..estimators.classifier import Classifier
from ..estimators.language_model import LanguageModel
from . import Size, Table, recipe

CITIES = ["boston", "denver", "dallas", "oakland", "atlanta", "pittsburgh", "seattle", "houston"]
LINES = ["delta", "united", "continental", "lufthansa"]
CODES = ["ap", "bur", "qx", "ea", "hp", "ff", "yn"]
DAYS = ["monday", "tuesday", "wednesday", "friday"]
ASKED = {  # intent: ways to ask, by hand
    "flight": ("show me flights from {a} to {b}", "which flights leave {a} for {b} in the morning",
               "i want to fly from {a} to {b}", "what does {line} have from {a} to {b}"),
    "airfare": ("what is the fare from {a} to {b}", "how much is a ticket from {a} to {b}",
                "what does it cost to fly from {a} to {b}", "show me the cheapest seats of {line} to {b}"),
    "ground service": ("how do i get from the airport of {a} to town", "is there a bus from the airport to {a}",
                       "what taxis are there in {a}", "show me rental cars in {a}"),
    "airline": ("which airline flies from {a} to {b}", "what companies serve {a}", "who flies to {b} from {a}",
                "name the carriers from {a} to {b}"),
    "abbreviation": ("what does {code} mean", "explain the code {code}", "what is {code}",
                     "what does {code} stand for on a ticket of {line}"),
    "aircraft": ("what kind of plane flies from {a} to {b}", "which aircraft does {line} use to {b}",
                 "what type of machine is the flight to {b}", "is it a jet from {a} to {b}"),
    "flight time": ("how long is the flight from {a} to {b}", "when does the flight to {b} leave {a}",
                    "what time do flights of {line} reach {b}", "how many hours is it from {a} to {b}"),
    "quantity": ("how many flights does {line} have to {b}", "how many planes leave {a} each day",
                 "count the flights from {a} to {b}", "what number of seats is there from {a} to {b}"),
}  # fmt: skip
BEFORE = ("", "", "please ", "i would like to know ", "can you tell me ")
BEHIND = ("", "", " on {day}", " please", " with {line}")
Told = tuple[list[str], np.ndarray]


def asked(n: int, *, seed: int) -> Told:
    """n questions of travellers, and what each is about; intents are as frequent as each other."""
    rng, names = np.random.default_rng(seed), list(ASKED)
    intents, texts = [names[i % len(names)] for i in rng.permutation(n)], []
    for intent in intents:
        a, b = rng.choice(CITIES, 2, replace=False)
        frame = str(rng.choice(BEFORE)) + str(rng.choice(ASKED[intent])) + str(rng.choice(BEHIND))
        texts.append(frame.format(a=a, b=b, line=rng.choice(LINES), code=rng.choice(CODES), day=rng.choice(DAYS)))
    return texts, np.array(intents)


@recipe(
    "intents-after-hidden-words",
    source="Martinez-Ramon example 6.4.1",
    figure="best test accuracy .9950 after the third of five epochs, .9925 after the last",
    experiments="martinez-ramon-45",
    reads="atis",
)
def intents_after_hidden_words(size: Size, data: BookSet | None = None) -> Table:
    """Intents of questions by a small BERT, from first weights and from hidden words: accuracy by labels an intent."""
    tiny = size == "tiny"
    (texts, y), (new, truth) = asked(64 if tiny else 2400, seed=0), asked(32 if tiny else 800, seed=1)
    if data is not None:
        texts, y, new, truth = data.X, data.y, data.X_test, data.y_test
    shape: dict[str, Any] = {"width": 16, "n_layers": 1} if tiny else {"width": 64, "n_layers": 2}
    net = registry.model("bert", n_heads=2, dropout=0.1, attention_dropout=0.0, **shape)
    rate = registry.schedule("linear", warmup=0.1)
    lm = LanguageModel(net, context=32, epochs=1 if tiny else 25, lr=2e-3, batch_size=32, schedule=rate, progress=False)
    lm.fit(texts)
    tuning: dict[str, Any] = {"lr": 1e-3, "batch_size": 16}
    begun: dict[str, dict[str, Any]] = {
        "bag of words": {"model": "logistic"}, "first weights": {"model": net, **tuning},
        "hidden words": {"start": lm, **tuning},
    }  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for count, (name, plan) in product((2,) if tiny else (2, 8, 40), begun.items()):
        found = []
        for seed in range(1 if tiny else 2):
            some, epochs = few(y, count, seed), 1 if tiny else max(10, 160 // count)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DataWarning)  # of lengths and words that so few questions lack
                made = Classifier(**plan, epochs=epochs, seed=seed, progress=False)
                made.fit([texts[i] for i in some], y[some], validation=(new, truth))
                best = max(float(epoch["validation_accuracy"]) for epoch in made.history_)
                found.append((float(made.score(new, truth)), best))
        rows.append((count, name, *np.mean(found, 0).tolist()))
    notes = [
        f"{len(set(y.tolist()))} intents; {len(texts)} questions to hide words in, {len(new)} unseen ones for testing; "
        "the mean of two draws of labels. Two layers of 64 in place of twelve of 768 that read a library of books.",
        "The book's .9950 is the best of five epochs on the test part itself; the last has .9925. The last column "
        "is chosen in this way too, and is no estimate of anything: beside it stands the last epoch. The losses that "
        "the book prints are sums over batches, and some intents of its text are none of ATIS's.",
    ]
    columns = ("labels an intent", "from", "accuracy, last epoch", "the best epoch, looked up")
    return Table("Intents after hidden words", columns, rows, notes, {"epochs": "10 to 80", "seed": 0})


def few(y: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows with so many of each label, or all there are."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(y == c))[:count] for c in np.unique(y)])
