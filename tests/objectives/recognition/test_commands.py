"""Grammars of commands as search graphs: beside every sentence that they allow, written out with its probability."""

import math

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.audio.commands import Commands
from parnassus.data.audio.lexicon import letters
from parnassus.errors import DataError
from parnassus.functional.search_graph import best_path, n_best_words
from parnassus.objectives.recognition.topology import Topology

WRITTEN_OUT = {
    "a [b] (a | b)": {"a a": 1 / 4, "a b": 1 / 4, "a b a": 1 / 4, "a b b": 1 / 4},
    "(a | b a | b)": {"a": 1 / 3, "b a": 1 / 3, "b": 1 / 3},
    "<x> [<x>]; <x> = a | b": {"a": 1 / 4, "b": 1 / 4, "a a": 1 / 8, "a b": 1 / 8, "b a": 1 / 8, "b b": 1 / 8},
    "(a b)+": {"a b": 1 / 2, "a b a b": 1 / 4},
    "b* a": {"a": 1 / 2, "b a": 1 / 4, "b b a": 1 / 8, "b b b a": 1 / 16},
}


@pytest.mark.parametrize("n_silence", [0, 1])
@pytest.mark.parametrize("text", WRITTEN_OUT)
def test_every_sentence_has_its_probability(text, n_silence):
    topology = Topology(letters(["a", "b"]), n_states=1, n_silence=n_silence)
    rng = np.random.default_rng(3)
    stay = torch.tensor(rng.uniform(0.2, 0.8, topology.n_positions))
    table = torch.cat([stay.log(), torch.log1p(-stay)])
    logs = torch.tensor(rng.normal(size=(4, topology.n_positions)))  # four frames: at most four words
    expected = {}
    for sentence, p in WRITTEN_OUT[text].items():
        graph = topology.sentence(sentence.split()).graph
        expected[sentence] = math.log(p) + best_path(graph, graph.weighted(table), logs).score
    network = topology.commands(Commands(text).tree)
    found = n_best_words(network.graph, network.graph.weighted(table), logs, n=20)
    said = {" ".join(topology.words[w] for w in words): score for words, score in found}
    assert said == pytest.approx(expected)


@pytest.mark.slow
def test_a_recogniser_hears_what_its_grammar_allows(tmp_path):
    rng = np.random.default_rng(0)
    sound = {word: rng.normal(0, 3, 6) for word in ("go", "stop", "left", "right", "now")}

    def said(text: str) -> np.ndarray:
        parts = [
            np.zeros((4, 6)),
            *(np.tile(sound[w], (rng.integers(6, 9), 1)) for w in text.split()),
            np.zeros((4, 6)),
        ]
        whole = np.concatenate(parts)
        return whole + rng.normal(0, 0.5, whole.shape)

    grammar = "go <side> [now] | stop [now]; <side> = left | right"
    texts = ["go left", "go right now", "stop", "stop now", "go left now", "go right"] * 4
    model = pn.model("word_hmm", n_states=3, grammar=grammar, first_steps=4, steps_between=2)
    found = pn.SpeechRecognizer(model, progress=False).fit([said(t) for t in texts], texts)
    assert found.predict([said(t) for t in texts[:6]]) == texts[:6]
    (odd,) = found.predict([said("left left go")])
    assert Commands(grammar).slots(odd) is not None
    found.save(tmp_path / "m.parnassus")
    again = pn.load(tmp_path / "m.parnassus")
    assert again.predict([said("stop now")]) == ["stop now"]


def test_words_outside_the_lexicon_are_named():
    lexicon = letters(["stop", "now"]).plain()
    model = pn.model("gmm_hmm", context="none", lexicon=lexicon, grammar="(stop | halt)", first_steps=1)
    with pytest.raises(DataError, match=r"the grammar.*halt"):
        pn.SpeechRecognizer(model, progress=False).fit([np.zeros((40, 3))], ["stop now"])
