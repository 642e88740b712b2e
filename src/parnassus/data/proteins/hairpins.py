"""Made proteins whose folds follow from their letters: hairpins of strands that pair letter by letter."""

from typing import NamedTuple

import numpy as np

from ...errors import SettingError

PARTNERS = ("KE", "RD", "HY", "LV", "IF", "MW", "AC", "TQ", "SN")  # each pairs with the other of its two
TURNS = "GP"
RISE, APART = 3.4, 5.0  # angstrom between residues of a strand, and between paired residues


class Hairpins(NamedTuple):
    """Sequences, and coordinates (n, 3) of the C-alpha atoms for each, float64."""

    sequences: list[str]
    coordinates: list[np.ndarray]


def hairpin_proteins(n: int, *, strand: tuple[int, int] = (4, 6), seed: int = 0) -> Hairpins:
    """n chains of three strands each, of which two lie side by side, the second with the partners of the first.

    A strand's letters are drawn without repetition, and the second strand holds their partners backwards. The third
    strand's letters have no partner in the chain. It stands before, between or behind the two, with drawn links of G
    and P, so that neither separation nor the place of the links tells which two strands touch: only the letters do.

    Parameters
    ----------
    strand : the fewest and the most residues of a strand; at most 8.

    >>> made = hairpin_proteins(2, seed=1)
    >>> made.sequences[0], made.coordinates[0].shape
    ('PGLMMNCGGGPGGQKRFHGPGPYIDETG', (28, 3))
    """
    if not 2 <= strand[0] <= strand[1] < len(PARTNERS):
        raise SettingError(f"strand is the fewest and the most residues, from 2 to {len(PARTNERS) - 1}; got {strand}")
    rng = np.random.default_rng(seed)
    sequences, coordinates = [], []
    for _ in range(n):
        k = int(rng.integers(strand[0], strand[1] + 1))
        pairs = [pair[:: int(rng.choice([1, -1]))] for pair in rng.permutation(PARTNERS)]
        first, second = "".join(pair[0] for pair in pairs[:k]), "".join(pair[1] for pair in pairs[:k])[::-1]
        alone = "".join(rng.permutation([pairs[k + i % (len(pairs) - k)][0] for i in range(k)]))
        links = ["".join(rng.choice(list(TURNS), m)) for m in rng.integers((0, 3, 3, 0), (4, 7, 7, 4))]
        a, b, c, d = links
        coils = [(a + alone + b, c, d), (a, b + alone + c, d), (a, b, c + alone + d)]
        before, turn, after = coils[int(rng.integers(3))]
        sequences.append(before + first + turn + second + after)
        coordinates.append(_placed(len(before), k, len(turn), len(after)))
    return Hairpins(sequences, coordinates)


def _placed(before: int, strand: int, turn: int, after: int) -> np.ndarray:
    """A hairpin in the plane, the turn as part of a circle, and tails that leave it upwards and downwards."""
    along = RISE * np.arange(strand)
    zeros = np.zeros(strand)
    first = np.stack([along, zeros, zeros], 1)
    second = np.stack([along[::-1], zeros + APART, zeros], 1)
    loop = np.array([along[-1], 0.0, 0.0]) + _arc(turn)
    down, up = RISE * np.arange(before, 0, -1), RISE * np.arange(1, after + 1)
    tail = np.stack([-0.5 * down, -0.5 * down, -0.7 * down], 1)
    end = np.stack([-0.5 * up, APART + 0.5 * up, 0.7 * up], 1)
    return np.concatenate([tail, first, loop, second, end])


def _arc(turn: int) -> np.ndarray:
    """The turn's points (turn, 3): turn + 1 equal steps on the circle that leads from one strand over to the other."""
    steps = turn + 1
    low, high = 1e-6, 2 * np.pi / steps
    for _ in range(60):  # the angle of a step: sin(steps angle / 2) / sin(angle / 2) = APART / RISE falls with it
        angle = (low + high) / 2
        low, high = (angle, high) if np.sin(steps * angle / 2) / np.sin(angle / 2) > APART / RISE else (low, angle)
    radius = RISE / (2 * np.sin(angle / 2))
    at = angle * np.arange(1, steps) - steps * angle / 2
    x = radius * (np.cos(at) - np.cos(steps * angle / 2))
    return np.stack([x, APART / 2 + radius * np.sin(at), 0 * at], 1)
