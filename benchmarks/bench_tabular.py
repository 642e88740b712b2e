"""Table models on mixed data: how well each answers new rows, beside gradient boosting, and how long a fit takes.

Three synthetic tables of numbers and categories with gaps, 2,000 rows to learn from and 2,000 new ones:

- effects: each of 60 categories has an effect, turned by a second category, beside two numbers;
- pairs: every pair of 12 x 12 categories has an effect of its own, which must be remembered;
- numbers: a smooth function of six numbers, and one category of no use.

Run: python benchmarks/bench_tabular.py [--seeds 3] [--threads 1]
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

import parnassus as pn

N = 2_000
MODELS = ("mlp", "resnet_mlp", "entity_embedding", "wide_deep", "ft_transformer")


def effects(rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    of, place, sign = rng.normal(size=60), rng.integers(60, size=2 * N), rng.integers(2, size=2 * N)
    x = rng.normal(size=(2 * N, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "place": names("p", place), "sign": names("s", sign)})
    return frame, of[place] * np.where(sign == 1, 1, -1) + x[:, 0] + 0.5 * x[:, 0] * x[:, 1]


def pairs(rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    of, one, two = rng.normal(size=(12, 12)), rng.integers(12, size=2 * N), rng.integers(12, size=2 * N)
    a = rng.normal(size=2 * N)
    return pd.DataFrame({"a": a, "one": names("u", one), "two": names("v", two)}), of[one, two] + 0.5 * a


def numbers(rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    x = rng.uniform(-1, 1, (2 * N, 6))
    y = np.sin(3 * x[:, 0]) + 2 * x[:, 1] * x[:, 2] + np.abs(x[:, 3]) + 0.5 * x[:, 4]
    return pd.DataFrame(x, columns=list("abcdef")).assign(idle=names("i", rng.integers(8, size=2 * N))), y


def names(letter: str, codes: np.ndarray) -> np.ndarray:
    return np.array([f"{letter}{code}" for code in codes.tolist()], dtype=object)


def drawn(make: Callable, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """A table with noise of a tenth of the answer's variance, and 3 of 100 cells missing in its first two columns."""
    rng = np.random.default_rng(seed)
    frame, y = make(rng)
    y = y + rng.normal(size=len(y)) * np.sqrt(y.var() / 10)
    for column in frame.columns[:2]:
        frame[column] = frame[column].where(rng.uniform(size=len(y)) > 0.03)
    return frame, y


def boosted(frame: pd.DataFrame, y: np.ndarray) -> float:
    from sklearn.ensemble import HistGradientBoostingRegressor

    typed = frame.astype({c: "category" for c in frame.columns if not pd.api.types.is_numeric_dtype(frame[c])})
    fitted = HistGradientBoostingRegressor(categorical_features="from_dtype").fit(typed[:N], y[:N])
    return fitted.score(typed[N:], y[N:])


def ours(name: str, frame: pd.DataFrame, y: np.ndarray, seed: int) -> float:
    codec = pn.Table(missing="median", missing_indicator=True)
    model = pn.Regressor(name, codec=codec, lr=3e-3, batch_size=128, epochs=60, patience=10, seed=seed)
    return model.fit(frame[:N], y[:N]).score(frame[N:], y[N:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    n_seeds = given.seeds
    torch.set_num_threads(given.threads)
    for make in (effects, pairs, numbers):
        tables = [drawn(make, seed) for seed in range(n_seeds)]
        print(f"\n{make.__name__}: R squared on new rows, mean of {n_seeds} (least, most); at best 0.91")
        for name in ("gradient boosting", *MODELS):
            started = time.perf_counter()
            boost = name == "gradient boosting"
            found = [boosted(*t) if boost else ours(name, *t, seed) for seed, t in enumerate(tables)]
            seconds = (time.perf_counter() - started) / n_seeds
            spread = f"({min(found):.3f}, {max(found):.3f})"
            print(f"  {name:18} {np.mean(found):.3f} {spread}   {seconds:5.1f} s a fit", flush=True)


if __name__ == "__main__":
    main()
