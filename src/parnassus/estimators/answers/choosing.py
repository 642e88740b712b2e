"""Texts chosen among several: the one whose pair with a prompt is likeliest, and how often that is right."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...data.text.text import strings
from ...errors import DataError, SettingError
from ..protocol import fitted

if TYPE_CHECKING:
    from ..classifier import Classifier


def likeliest(classifier: "Classifier", prompt: str, choices: Sequence[str]) -> str:
    """The choice whose pair (prompt, choice) is most probably of the second of two classes; the first of equals."""
    if isinstance(choices, str) or not isinstance(prompt, str):
        raise DataError(f"give one prompt and a list of choices; got {prompt!r:.40} and {choices!r:.40}")
    known = list(fitted(classifier).classes_)
    if len(known) != 2:
        raise SettingError(
            f"choose is for pairs that are wrong or right, two classes; fit saw {len(known)}: see "
            "data.text.choices.pairs_of_choices"
        )
    offered = strings(list(choices))
    return offered[int(np.argmax(classifier.predict_proba([(prompt, one) for one in offered])[:, 1]))]


def share_chosen(
    choose: Callable[[str, Sequence[str]], str],
    prompts: Sequence[str],
    answers: Sequence[str],
    choices: Sequence[Sequence[str]],
) -> float:
    """The share of prompts after which `choose` takes the answer, which is one of its choices."""
    if not len(prompts) == len(answers) == len(choices) or not len(prompts):
        raise DataError(f"{len(prompts)} prompts, {len(answers)} answers, {len(choices)} choices; give one of each")
    for row, (answer, offered) in enumerate(zip(answers, choices, strict=True)):
        if answer not in offered:
            raise DataError(f"row {row}: the answer {answer!r} is none of its choices, {list(offered)!r:.80}")
    return sum(choose(p, c) == a for p, a, c in zip(prompts, answers, choices, strict=True)) / len(prompts)
