"""Chains of amino acids as text, and the residues of them that touch."""

from typing import Any

import numpy as np

from ..data.proteins.residues import AMINO, OTHERS, residue_rows
from ..errors import DataError
from ..functional.contacts import separated
from .answers import Answer, png
from .inputs import Input, Json, read_text
from .refusal import Refused, invalid

LONGEST = 1_500  # residues: memory grows with their square


class Chain(Input):
    """A chain as a text of one-letter amino acids; blanks and ends of lines in it are passed over."""

    kind = "chain"
    schema = {"type": "string", "pattern": f"^[{AMINO}{OTHERS}{(AMINO + OTHERS).lower()}\\s]*$", "minLength": 1}

    def read(self, item: Any, where: str) -> str:
        chain = "".join(read_text(item, where).split())
        if len(chain) > LONGEST:
            words = f"{where} has {len(chain):,} residues, and {LONGEST:,} are the most taken; send a part of it"
            raise Refused(413, "too_long", words, where=where)
        try:
            return residue_rows([chain])[0]
        except DataError as error:
            raise invalid(str(error).replace("row 0 of X", where), where) from error

    def example(self) -> str:
        return AMINO * 2

    def told(self) -> Json:
        return super().told() | {"example": self.example()}


def of_contact_predictor(estimator: Any) -> tuple[Answer, Json]:
    """The likeliest pairs of each chain, as many as it has residues, and the map of all of them as a grey PNG."""
    least = estimator.target_.options["least"]

    def answer(X: list[str]) -> list[Json]:
        return [
            {"contacts": likeliest(p, chain, least), "map": png((255 * p).round().astype(np.uint8))}
            for chain, p in zip(X, estimator.predict_proba(X), strict=True)
        ]

    place = {"type": "integer", "description": "of the residue, from 0"}
    kinds: Json = {"i": place, "j": place, "pair": {"type": "string"}, "probability": {"type": "number"}}
    told = {"type": "string", "description": "a data URL: PNG, (i, j) is 255 times the probability"}
    one = {"type": "object", "properties": kinds}
    return answer, {"type": "object", "properties": {"contacts": {"type": "array", "items": one}, "map": told}}


def likeliest(p: np.ndarray, chain: str, least: int) -> list[Json]:
    """The pairs of highest probability that are `least` apart or more, one for each residue, the likeliest first."""
    i, j = separated(len(chain), least).numpy()
    best = np.argsort(-p[i, j], kind="stable")[: len(chain)]
    pairs = zip(i[best].tolist(), j[best].tolist(), strict=True)
    return [{"i": a, "j": b, "pair": chain[a] + chain[b], "probability": float(p[a, b])} for a, b in pairs]
