"""Multiple choice as pairs of texts: each prompt beside each of its choices, and which of them is right."""

from collections.abc import Sequence

import numpy as np

from ...errors import DataError


def pairs_of_choices(
    prompts: Sequence[str], choices: Sequence[Sequence[str]], answers: Sequence[str | int]
) -> tuple[list[tuple[str, str]], np.ndarray]:
    """Pairs (prompt, choice) that a Classifier learns from, and 1 for those that are right, 0 for others, int64.

    Parameters
    ----------
    prompts : a text a row. choices : the texts to choose from, a list a row, of two or more.
    answers : the right choice of each row, as its text or as its place from 0.

    Raises
    ------
    DataError : an answer is none of its choices, or twice among them; the message names the row.

    >>> pairs_of_choices(["2 + 2 ="], [["3", "4"]], ["4"])
    ([('2 + 2 =', '3'), ('2 + 2 =', '4')], array([0, 1]))
    """
    if not len(prompts) == len(choices) == len(answers) or not len(prompts):
        raise DataError(f"{len(prompts)} prompts, {len(choices)} choices, {len(answers)} answers; give one of each")
    pairs, right = [], []
    for row, (prompt, offered, answer) in enumerate(zip(prompts, choices, answers, strict=True)):
        if isinstance(offered, str) or len(offered) < 2:
            raise DataError(f"row {row}: choices are two texts or more; got {offered!r:.60}")
        given = list(offered)
        if isinstance(answer, str):
            at = [i for i, one in enumerate(given) if one == answer]
        else:
            at = [int(answer)] if 0 <= answer < len(given) else []
        if len(at) != 1:
            how = "twice among" if at else "none of"
            raise DataError(f"row {row}: the answer {answer!r:.60} is {how} its choices, {given!r:.80}")
        pairs += [(prompt, one) for one in given]
        right += [int(i == at[0]) for i in range(len(given))]
    return pairs, np.array(right)
