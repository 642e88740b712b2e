"""Recognisers of speech by templates and hidden Markov models, by name."""

from pathlib import Path
from typing import Any, cast, get_args

from ...data.audio.lexicon import read_lexicon
from ...data.audio.transcripts import Units
from ...errors import SettingError, did_you_mean
from ...layers.frames import frame_network
from ...objectives.recognition.acoustic import Acoustic
from ...objectives.recognition.chained import Language
from ...objectives.recognition.embedded import Plan
from ...objectives.recognition.generative import GmmHmm
from ...objectives.recognition.hybrid import HybridRecognizer
from ...objectives.recognition.opposed import Criterion, Opposition
from ...objectives.recognition.templates import Templates
from ...registry import model

N_SILENCE = 3
CONTEXTS = ("none", "triphone")
CRITERIA = get_args(Criterion)


@model.register("speech_recognizer")
def dtw(*, step_features: int, units: Units, band: float | None = None, n_neighbors: int = 1) -> Templates:
    """The text of the nearest recordings of training, by dynamic time warping: for single words and phrases.

    band : how far from the diagonal a match may lie (Sakoe-Chiba), as a share of the longest recording, such as 0.1.
    n_neighbors : recordings of a text whose mean distance counts.
    """
    return Templates(step_features, units, band=band, n_neighbors=n_neighbors)


@model.register("speech_recognizer")
def word_hmm(
    *,
    step_features: int,
    units: Units,
    n_states: int = 12,
    n_mixtures: int = 2,
    grammar: Any = None,
    word_penalty: float = 0.0,
    first_steps: int = 8,
    steps_between: int = 4,
    floor: float = 0.01,
    tol: float = 1e-4,
    criterion: str = "ml",
    opposed_steps: int = 10,
    acoustic_scale: float = 0.1,
) -> GmmHmm:
    """A hidden Markov model for each word, in any order: for small vocabularies.

    grammar : "loop" (any word after any; also None), "bigram" (by the words before, counted in training), "transcripts"
        (the sentences of training alone), a tuple of sentences, or commands: "turn [the] (light | radio) on".
    criterion : what is raised; see `gmm_hmm`.
    """
    _check(n_states=n_states, n_mixtures=n_mixtures, first_steps=first_steps, steps_between=steps_between)
    plan = Plan(first_steps, steps_between, n_mixtures, n_tied=0, min_count=0.0)
    language = Language(spelled=False, grammar=grammar or "loop", word_penalty=word_penalty)
    return GmmHmm(
        Acoustic(step_features, floor=floor),
        units,
        language,
        plan,
        n_states=n_states,
        tol=tol,
        opposition=_opposition(criterion, opposed_steps, acoustic_scale),
    )


@model.register("speech_recognizer")
def gmm_hmm(
    *,
    step_features: int,
    units: Units,
    lexicon: Any = None,
    grammar: Any = None,
    word_penalty: float = 0.0,
    context: str = "triphone",
    n_states: int = 3,
    n_mixtures: int = 2,
    n_tied: int = 150,
    min_count: float = 50.0,
    first_steps: int = 8,
    steps_between: int = 4,
    floor: float = 0.01,
    tol: float = 1e-4,
    criterion: str = "ml",
    opposed_steps: int = 10,
    acoustic_scale: float = 0.1,
) -> GmmHmm:
    """Characters or phones as three states each, tied between neighbours, with mixtures of Gaussians and a grammar.

    lexicon : a file ("word unit unit ..." a line) or a dict of pronunciations; None spells words by their characters.
    grammar : "loop" (any word after any; also None), "bigram", "transcripts", a tuple of sentences, or commands.
    context : "triphone": a unit between other neighbours may sound otherwise, `n_tied` states in all, each taught by
        `min_count` frames; "none": a unit sounds alike everywhere.
    first_steps, steps_between : steps of Baum-Welch before states are tied and mixtures grow, and after each time.
    floor : the least variance, as a share of that of all frames.
    criterion : what is raised: "ml", the likelihood of what was said; after that, in `opposed_steps` of extended
        Baum-Welch, "mmi", its posterior among all that the grammar allows, "mpe" or "mwe", the units or words that are
        right on average among the ten best sentences, or "mce", how few sentences are wrong.
    acoustic_scale : what log likelihoods of sounds are multiplied by, where sentences are weighed against each other.
    """
    _check(n_states=n_states, n_mixtures=n_mixtures, first_steps=first_steps, steps_between=steps_between)
    plan = _plan(context, n_tied, n_mixtures, min_count, first_steps, steps_between)
    language = Language(lexicon, grammar=grammar or "loop", word_penalty=word_penalty)
    return GmmHmm(
        Acoustic(step_features, floor=floor),
        units,
        language,
        plan,
        n_states=n_states,
        tol=tol,
        opposition=_opposition(criterion, opposed_steps, acoustic_scale),
    )


@model.register("speech_recognizer")
def hybrid(
    *,
    step_features: int,
    units: Units,
    network: str = "mlp",
    width: int = 128,
    n_layers: int = 3,
    reach: int = 5,
    dropout: float = 0.1,
    rounds: int = 2,
    lexicon: Any = None,
    grammar: Any = None,
    word_penalty: float = 0.0,
    context: str = "triphone",
    n_states: int = 3,
    n_mixtures: int = 1,
    n_tied: int = 150,
    min_count: float = 50.0,
    first_steps: int = 8,
    steps_between: int = 4,
    floor: float = 0.01,
) -> HybridRecognizer:
    """A network says which state a frame is of, a hidden Markov model in what order states come.

    network : "mlp" (a frame and `reach` to either side), "tdnn", or "lstm", of `n_layers` layers `width` wide.
    rounds : trainings; each but the first on alignments by the one before. The first is on those of a `gmm_hmm`, which
        the other options describe.
    """
    _check(n_states=n_states, n_layers=n_layers, rounds=rounds, width=width, first_steps=first_steps)
    plan = _plan(context, n_tied, n_mixtures, min_count, first_steps, steps_between)
    return HybridRecognizer(
        Acoustic(step_features, floor=floor),
        frame_network(network, step_features, width, n_layers=n_layers, context=reach, dropout=dropout),
        units,
        Language(lexicon, grammar=grammar or "loop", word_penalty=word_penalty),
        plan,
        n_states=n_states,
        width=width,
        n_most=max(plan.n_tied, _n_units(lexicon, units) * n_states + N_SILENCE),
        rounds=rounds,
    )


def _opposition(criterion: str, steps: int, scale: float) -> Opposition:
    if criterion not in CRITERIA:
        raise SettingError(f"criterion={criterion!r}; {did_you_mean(criterion, CRITERIA)}")
    if steps < 1 or not scale > 0:
        raise SettingError(f"opposed_steps is at least 1 and acoustic_scale above 0; got {steps} and {scale}")
    return Opposition(cast(Criterion, criterion), steps, scale)


def _n_units(lexicon: Any, units: Units) -> int:
    """The most units that words can be made of; 1 where the lexicon's file is gone, which matters in fit alone."""
    if lexicon is None:
        return len({letter for name in units.names for letter in name if letter != " "})
    if isinstance(lexicon, str) and not Path(lexicon).exists():
        return 1
    return len(read_lexicon(lexicon).units)


def _plan(context: str, n_tied: int, n_mixtures: int, min_count: float, first: int, between: int) -> Plan:
    if context not in CONTEXTS:
        raise SettingError(f"context={context!r}; {did_you_mean(context, CONTEXTS)}")
    if n_tied < 1 or min_count < 0:
        raise SettingError(f"n_tied is at least 1 and min_count at least 0; got {n_tied} and {min_count}")
    return Plan(first, between, n_mixtures, n_tied if context == "triphone" else 0, min_count)


def _check(**counts: int) -> None:
    for name, value in counts.items():
        if value < 1:
            raise SettingError(f"{name} is at least 1; got {value}")
