"""What a Translator goes on from: the subwords and the weights of a folder, or of another estimator."""

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..data.broken_spans import BrokenSpans
from ..data.parallel import PIECES, SourceTexts, TargetTexts
from ..data.sentinels import SentinelPieces
from ..errors import SettingError
from ..layouts import few
from ..models.marian import Marian
from ..models.t5 import T5
from ..objectives.translation import Translation
from .identity import versions

if TYPE_CHECKING:
    from .base import Estimator

Kind = TypeVar("Kind", bound="Estimator")


def texts_from(start: Any, sources: list[str], targets: list[str]) -> tuple[SourceTexts, TargetTexts]:
    """The codecs of both sides with the vocabularies of the start, since its weights were learned behind them."""
    from .transfer import estimator_in, is_folder

    if is_folder(start):
        pieces = pieces_of(start)
    else:
        held = estimator_in(start, "start")
        codec = getattr(held, "codec_", None)
        if isinstance(codec, SourceTexts) and isinstance(held.target_, TargetTexts):
            return copy.deepcopy(codec).measured(sources), copy.deepcopy(held.target_).measured(targets)
        if not isinstance(codec, BrokenSpans):
            raise SettingError(
                f"start is {start!r:.80}, which writes no texts; give a fitted Translator, a LanguageModel of 't5', "
                "the path of one, or a folder of T5 or Marian for pn.hub"
            )
        pieces = codec.tokenizer
    source = SourceTexts.of(pieces).measured(sources)
    return source, TargetTexts(unit=PIECES, shared=True).fit(targets, source)


def pieces_of(folder: str | os.PathLike) -> SentinelPieces:
    """The tokenizer.json of a folder, with the sizes of the net beside it."""
    from .. import hub

    config, _ = hub.read(folder)
    start = config.get("decoder_start_token_id")
    return SentinelPieces.read(Path(folder) / "tokenizer.json", vocab_size=config.get("vocab_size"), start=start)


def of_folder(kind: type[Kind], folder: str | os.PathLike) -> Kind:
    """An estimator that writes as the net of a folder does, by the folder's tokenizer.json."""
    from .. import hub
    from .assembly import choose
    from .training import device_of

    net, spec = hub.load(folder), hub.spec_of(folder)
    if not isinstance(net, T5 | Marian):
        raise SettingError(f"{folder} holds a {type(net).__name__}, which writes no texts; give one of T5 or Marian")
    made = kind(spec, unit=PIECES, shared=True)
    own: Any = made
    own.codec_, own.target_, own.target_name_ = SourceTexts.of(pieces_of(folder)), None, None
    own.codec_.max_length = 1
    own.target_ = TargetTexts(unit=PIECES, shared=True)
    own.target_.tokenizer, own.target_.longest, own.target_.commonest = own.codec_.tokenizer, 0, ""
    own.view_, _, own.facts_ = choose(made, None)
    own.objective_ = Translation(net, net.n_ids, start=net.start, end=net.end).to(device_of(made.device)).eval()
    own.history_, own.n_steps_, own.best_epoch_, own.seconds_ = [], 0, None, None
    own.data_, own.versions_, own.held_ = {"source": Path(folder).name}, versions(), None
    return made


def begun_texts(estimator: "Estimator", objective: Translation) -> Translation:
    """Put the start's weights into a net that writes texts.

    Raises
    ------
    SettingError : weights are absent there, or of another shape.
    """
    from .transfer import origin_of

    origin, own = origin_of(getattr(estimator, "start", None)), objective.model.state_dict()
    odd = [n for n in own.keys() | origin.weights.keys() if n not in own or n not in origin.weights]
    odd += [n for n in own if n in origin.weights and origin.weights[n].shape != own[n].shape]
    if odd:
        raise SettingError(
            f"start: {few(sorted(odd))} of {origin.told} do not fit this net; give the model and the options that they "
            "were learned with (model=None takes them)"
        )
    objective.model.load_state_dict(origin.weights)
    estimator.start_ = {"from": origin.told, "taken": list(own), "new": [], "frozen": []}
    return objective
