"""Sequences that no path of a chain explains, named with the step where they stop being possible."""

from torch import Tensor

from ...errors import DataError
from ...functional.chains import Chain, recursions


def refuse_impossible(chain: Chain, logs: Tensor, lengths: Tensor, log_probs: Tensor, *, first: int) -> None:
    """Refuses sequences without a path, the first of them by its number among all, the batch's own from `first` on."""
    bad = (~log_probs.isfinite()).nonzero()[:, 0]
    if len(bad):
        own = logs.split(lengths.tolist())[int(bad[0])]
        raise DataError(f"sequence {first + int(bad[0])} {why_impossible(chain, own)}")


def why_impossible(chain: Chain, logs: Tensor) -> str:
    """Where a sequence that no path explains stops being possible, in words."""
    start, step, _ = chain.logs()
    if not bool(logs.isfinite().any(1).all()):
        t = int((~logs.isfinite().any(1)).int().argmax())
        return f"has no path: no state emits what step {t} holds; give a prior, or states that emit it"
    alpha, _ = recursions.forward(start, step, logs)
    gone = ~alpha.isfinite().any(1)
    if bool(gone.any()):
        t = int(gone.int().argmax())
        return (
            f"has no path: at step {t} every state that emits it is cut off by transitions (or a start) of "
            "probability 0; allow a transition, or give a prior"
        )
    return (
        f"has no path of its {len(logs)} steps that ends in the exit state; it may be shorter than the "
        f"{chain.n_states} states in a row: give longer sequences, fewer states, or entry_exit=False"
    )
