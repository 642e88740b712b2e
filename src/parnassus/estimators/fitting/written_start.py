"""What models that write go on from: the subwords and the weights of a folder, or of another estimator."""

import copy
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ...data.text.arpa import END, UNKNOWN, read_arpa
from ...data.text.broken_spans import BrokenSpans
from ...data.text.hidden_pieces import HiddenPieces
from ...data.text.parallel import PIECES, SourceTexts, TargetTexts, texts_of
from ...data.text.pieces import Pieces
from ...data.text.sentinels import MANY, SentinelPieces
from ...data.text.spm import SentencePieces, ids_in, places_in, tokenizer_of
from ...data.text.stream_pieces import StreamPieces
from ...data.text.token_stream import NextToken, TokenStream
from ...errors import FileError, SettingError
from ...layouts import few
from ...models.text.bert import BERTWithHead
from ...models.text.gpt import GPT
from ...models.text.marian import Marian
from ...models.text.t5 import T5
from ...objectives.text.language import NGramCounting
from ...objectives.text.masked_language import MaskedLanguage
from ...objectives.text.translation import Translation
from ...registry import model
from ...train.phase import Objective
from .identity import versions

if TYPE_CHECKING:
    from ..base import Estimator

SPM = ("source.spm", "spiece.model")
PLACES = re.compile(r"(body\.)?place\.weight")
Kind = TypeVar("Kind", bound="Estimator")


def texts_from(start: Any, sources: list[str], targets: list[str]) -> tuple[SourceTexts, TargetTexts]:
    """The codecs of both sides with the vocabularies of the start, since its weights were learned behind them."""
    from .transfer import estimator_in, is_folder

    if is_folder(start):
        pieces, written = pieces_of(start)
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
        pieces = written = codec.tokenizer
    target = TargetTexts(unit=PIECES, shared=True)
    target.tokenizer = written
    return SourceTexts.of(pieces).measured(sources), target.measured(texts_of(targets, "y"))


def pieces_of(folder: str | os.PathLike) -> tuple[SentinelPieces, SentinelPieces]:
    """The subwords of what a folder's net reads and of what it writes, with the sizes of the net beside them.

    One tokenizer.json for both, and a target_tokenizer.json where there is one; or SentencePiece files, as Marian and
    T5 have them.
    """
    from ... import hub

    place, (config, _) = Path(folder), hub.read(folder)
    told = {"vocab_size": config.get("vocab_size"), "start": config.get("decoder_start_token_id")}
    paths = [place / "tokenizer.json", place / hub.TARGETS]
    if paths[0].exists() or not any((place / name).exists() for name in SPM):
        both = [SentinelPieces.read(path, **told) for path in paths if path.exists() or path is paths[0]]
        return both[0], both[-1]
    if (place / "spiece.model").exists():
        held = SentencePieces.read(place / "spiece.model")
        n_sentinels = max(min(MANY, (told["vocab_size"] or len(held.pieces)) - len(held.pieces)), 0)
        made = SentinelPieces(tokenizer_of(held, places_in(held, n_sentinels)), os.fspath(folder), **told)
        return made, made
    ids = ids_in(place / "vocab.json")
    source, target = (
        SentinelPieces(tokenizer_of(SentencePieces.read(place / name), ids), os.fspath(place / name), **told)
        for name in ("source.spm", "target.spm")
    )
    return source, target


def of_folder(kind: type[Kind], folder: str | os.PathLike) -> Kind:
    """An estimator that writes as the net of a folder does, by the folder's tokenizer.json."""
    from ... import hub

    net, spec = hub.load(folder), hub.spec_of(folder)
    if not isinstance(net, T5 | Marian):
        raise SettingError(f"{folder} holds a {type(net).__name__}, which writes no texts; give one of T5 or Marian")
    made = kind(spec, unit=PIECES, shared=True)
    own: Any = made
    read, written = pieces_of(folder)
    own.codec_, own.target_, own.target_name_ = SourceTexts.of(read), TargetTexts(unit=PIECES, shared=True), None
    own.codec_.max_length = 1
    own.target_.tokenizer, own.target_.longest, own.target_.commonest = written, 0, ""
    return in_use(made, Translation(net, net.n_ids, start=net.start, end=net.end), folder)


def in_use(made: Kind, objective: Objective, folder: str | os.PathLike) -> Kind:
    """An estimator whose codecs are set, with an objective that was learned elsewhere, ready to be asked."""
    from .assembly import choose
    from .training import device_of

    made.view_, _, made.facts_ = choose(made, None)
    made.objective_ = objective.to(device_of(made.device)).eval()
    made.history_, made.n_steps_, made.best_epoch_, made.seconds_ = [], 0, None, None
    made.data_, made.versions_, made.held_ = {"source": Path(folder).name}, versions(), None
    return made


# --- Models of language -----------------------------------------------------------------------------------------------


def language_of_folder(kind: type[Kind], folder: str | os.PathLike) -> Kind:
    """A LanguageModel that says what the GPT-2, BERT or T5 of a folder does, by the folder's tokenizer.json."""
    from ... import hub
    from .assembly import objective_of
    from .transfer import of_task

    net = hub.load(folder)
    codec = codec_of_folder(folder, net)
    spec = of_task(hub.spec_of(folder), kind.task)
    if isinstance(codec, HiddenPieces) and codec.options["next_sentence"]:
        spec.set_params(next_sentence=True)
    made: Any = kind(spec)
    made.codec_ = codec
    made.target_, made.target_name_ = NextToken() if isinstance(net, GPT) else None, None
    made.context = codec.context
    if isinstance(net, GPT):
        return in_use(made, objective_of(made, net), folder)
    if isinstance(net, T5):
        return in_use(made, Translation(net, net.n_ids, start=net.start, end=net.end), folder)
    return in_use(made, MaskedLanguage(net), folder)


def language_of_arpa(kind: type[Kind], path: str | os.PathLike) -> Kind:
    """A LanguageModel that says what an ARPA file does of words with spaces between."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    table, names = read_arpa(path)
    if END not in names:
        raise FileError(f"{os.fspath(path)} has no 1-gram {END}, with which texts end; write one that has")
    held = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token=UNKNOWN))
    held.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    pieces = StreamPieces(held, os.fspath(path), end=len(names) - 1, start=0)
    made: Any = kind(model("ngram", order=table.order))
    made.codec_, made.target_, made.target_name_ = TokenStream.of(pieces, context=made.room), NextToken(), None
    counting = NGramCounting(len(names), order=table.order, smoothing="modified_kneser_ney")
    counting.table = table
    return in_use(made, counting, path)


def codec_of_folder(
    folder: str | os.PathLike, net: Any, *, context: int | None = None, seed: int = 0
) -> TokenStream | HiddenPieces | BrokenSpans:
    """The units of a folder's tokenizer.json, as its net is asked for them."""
    from ... import hub

    if isinstance(net, GPT):
        return TokenStream.of(StreamPieces.read(folder, hub.read(folder)[0]), context=context or net.context)
    if isinstance(net, T5):
        return BrokenSpans.of(pieces_of(folder)[0], seed=seed, **({"max_length": context} if context else {}))
    if not isinstance(net, BERTWithHead) or net.kind not in ("masked", "pretraining"):
        told = f"a {type(net).__name__}" + (f" with head {net.kind!r}" if hasattr(net, "kind") else "")
        raise SettingError(
            f"{folder} holds {told}, which models no language; give a GPT-2, a T5, or a BERT with its masked head"
        )
    read = Pieces.read(folder)
    codec = HiddenPieces(max_length=context or read.max_length, next_sentence=net.kind == "pretraining", seed=seed)
    codec.tokenizer, codec.vocab_size, codec.n_columns = read.tokenizer, read.vocab_size, 0
    codec.max_length = codec.options["max_length"]
    return codec


OWN_UNITS: dict[str, Any] = {"unit": None, "lower": False, "max_words": None, "min_count": 1, "codec": None}


def units_from(estimator: Any, texts: list[str]) -> TokenStream | HiddenPieces | BrokenSpans:
    """The fitted codec of a LanguageModel with the vocabulary of its start, for other texts."""
    from ... import hub
    from .transfer import estimator_in, is_folder

    odd = [name for name, idle in OWN_UNITS.items() if getattr(estimator, name) != idle]
    if odd:
        raise SettingError(f"{', '.join(odd)}: the units are those that the start learned with; leave them out")
    start, context, seed = estimator.start, estimator.context, int(estimator.seed)
    codec: Any
    if is_folder(start):
        codec = codec_of_folder(start, hub.load(start), context=context, seed=seed)
    else:
        held = estimator_in(start, "start")
        codec = copy.deepcopy(getattr(held, "codec_", None))
        if not isinstance(codec, TokenStream | HiddenPieces | BrokenSpans) or isinstance(
            held.objective_, NGramCounting
        ):
            raise SettingError(
                f"start is {start!r:.80}, which is no net that models language; give a fitted LanguageModel, the path "
                "of one, or a folder of GPT-2, BERT or T5 for pn.hub"
            )
        if context is not None:
            room = "context" if isinstance(codec, TokenStream) else "max_length"
            codec.options = dict(codec.options) | {room: context}
    return codec.measured(texts) if isinstance(codec, TokenStream) else codec.fit(texts)


# --- Weights ----------------------------------------------------------------------------------------------------------


def begun_texts(estimator: "Estimator", objective: Any) -> Any:
    """Put the start's weights into a net that writes texts, or models language.

    A table of places may be longer in the start, whose first ones are taken.

    Raises
    ------
    SettingError : weights are absent there, or of another shape.
    """
    from .transfer import origin_of

    if isinstance(objective, NGramCounting):
        raise SettingError("start: n-grams are counted anew, and go on from nothing; leave start out, or name a net")
    origin, own = origin_of(getattr(estimator, "start", None)), objective.model.state_dict()
    weights = {n: t[: len(own[n])] if n in own and PLACES.fullmatch(n) else t for n, t in origin.weights.items()}
    odd = [n for n in own.keys() | weights.keys() if n not in own or n not in weights]
    odd += [n for n in own if n in weights and weights[n].shape != own[n].shape]
    places = [len(weights[n]) for n in odd if PLACES.fullmatch(n) and {n} <= own.keys() & weights.keys()]
    if len(odd) == len(places) == 1:
        raise SettingError(f"start: {origin.told} has {places[0]} places; give a context of {places[0]} at most")
    if odd:
        raise SettingError(
            f"start: {few(sorted(odd))} of {origin.told} do not fit this net; give the model and the options that they "
            "were learned with (model=None takes them)"
        )
    objective.model.load_state_dict(weights)
    estimator.start_ = {"from": origin.told, "taken": list(own), "new": [], "frozen": []}
    return objective
