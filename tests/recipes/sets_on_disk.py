"""The books' sets in their own form, a few rows of each, written to a folder."""

import struct
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

N_TRAIN, N_TEST = 80, 40


def mnist(folder: Path) -> Path:
    """scikit-learn's digits, enlarged to 28 x 28, as the four IDX files."""
    digits = load_digits()
    large = np.pad((digits.images * 15.9).astype(np.uint8).repeat(3, 1).repeat(3, 2), ((0, 0), (2, 2), (2, 2)))
    parts = {"train": slice(0, N_TRAIN), "t10k": slice(N_TRAIN, N_TRAIN + N_TEST)}
    for part, rows in parts.items():
        for kind, values in (("images", large[rows]), ("labels", digits.target[rows].astype(np.uint8))):
            head = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
            (folder / f"{part}-{kind}-idx{values.ndim}-ubyte").write_bytes(head + values.tobytes())
    return folder


def cats_dogs(folder: Path) -> Path:
    """Pictures of noise around two levels of grey, by the names of the set."""
    rng = np.random.default_rng(0)
    for kind, level in (("cat", 80), ("dog", 160)):
        for i in range(30):
            pixels = np.clip(rng.normal(level, 30, (20, 24, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{kind}.{i}.jpg")
    return folder


def cifar10(folder: Path) -> Path:
    """Pictures of noise, by ten levels of grey, as pickled batches."""
    import pickle

    rng = np.random.default_rng(0)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        labels = list(range(10)) * 2
        data = np.clip(rng.normal(np.array(labels)[:, None] * 25, 20, (20, 3072)), 0, 255).astype(np.uint8)
        found = {b"batch_label": b"made", b"labels": labels, b"data": data, b"filenames": [b"a.png"] * 20}
        (folder / name).write_bytes(pickle.dumps(found, 2))
    return folder


def flights(folder: Path) -> Path:
    """Twelve years of a growing number with a season."""
    months = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ]
    lines = [f"{1949 + t // 12},{months[t % 12]},{112 + 3 * t + 10 * (t % 12)}" for t in range(144)]
    path = folder / "flights.csv"
    path.write_text("year,month,passengers\n" + "\n".join(lines) + "\n")
    return path


def prices(folder: Path) -> Path:
    """Four hundred days of a price that drifts."""
    walk = 100 * np.exp(np.random.default_rng(0).normal(0.0005, 0.01, 400).cumsum())
    days = np.datetime64("2020-01-01") + np.arange(400)
    path = folder / "prices.csv"
    path.write_text("Date,Open,Close\n" + "\n".join(f"{d},1,{v}" for d, v in zip(days, walk, strict=True)) + "\n")
    return path


def imdb(folder: Path) -> Path:
    """Reviews of five words."""
    words = {"pos": ["good", "fine", "lovely", "great", "warm"], "neg": ["bad", "dull", "poor", "awful", "cold"]}
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for label, felt in words.items():
            (folder / part / label).mkdir(parents=True)
            for i in range(20):
                text = " ".join(rng.permutation([*rng.choice(felt, 2), "a", "film", "was"]))
                (folder / part / label / f"{i}_1.txt").write_text(text, encoding="utf-8")
    return folder


def atis(folder: Path) -> Path:
    """Questions of three intents."""
    asked = {"atis_flight": "flights to boston", "atis_airfare": "what does it cost", "atis_meal": "is there dinner"}
    for part in ("train", "test"):
        lines = [f"{intent},{text} number {i}" for i in range(15) for intent, text in asked.items()]
        (folder / f"atis_intents_{part}.csv").write_text("\n".join(lines) + "\n")
    return folder


def tatoeba(folder: Path) -> Path:
    """Pairs of sentences of three words."""
    words = {"the": "die", "cat": "Katze", "dog": "Hunde", "sees": "sieht", "hears": "hoert", "likes": "mag"}
    lines = []
    for a in ("cat", "dog"):
        for verb in ("sees", "hears", "likes"):
            for b in ("cat", "dog"):
                said = ["the", a, verb, "the", b]
                lines.append(f"{' '.join(said)}.\t{' '.join(words[w] for w in said)}.\tCC-BY 2.0")
    path = folder / "deu.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


WRITERS = {f.__name__: f for f in (mnist, cats_dogs, cifar10, flights, prices, imdb, atis, tatoeba)}
