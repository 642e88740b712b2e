"""The subwords that a QuestionAnswerer goes on with: those of a folder, or of another estimator."""

import copy
from typing import Any

from ...data.text.passages import Passages
from ...data.text.pieces import Pieces
from ...errors import SettingError
from .transfer import estimator_in, is_folder


def passages_of(start: Any, given: Passages) -> Passages:
    """A codec of these options that cuts words as the start's does, since its weights were learned behind it."""
    if is_folder(start):
        learned: Pieces = Pieces.read(start)
    else:
        learned = getattr(estimator_in(start, "start"), "codec_", None)  # type: ignore[assignment]
    if not isinstance(learned, Pieces):
        raise SettingError(
            f"start is {start!r:.80}, which reads no subwords; give a folder for pn.hub, or a fitted estimator of "
            "'bert'"
        )
    room, asked = learned.max_length, given.options["max_length"]
    if asked is not None and asked > room:
        raise SettingError(f"max_length is {asked}, and the start has {room} positions; give {room} at most")
    made = copy.deepcopy(given)
    made.tokenizer, made.vocab_size, made.max_length = learned.tokenizer, learned.vocab_size, asked or room
    return made
