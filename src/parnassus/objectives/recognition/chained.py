"""What recognisers with a search graph share: transcripts in and out, decoding, and forced alignment."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...data.audio.commands import Commands, is_commands
from ...data.audio.lexicon import Lexicon, letters, read_lexicon, whole
from ...data.audio.transcripts import Units
from ...errors import DataError, SettingError, did_you_mean
from ...functional.ngrams import NGrams
from ...functional.search_graph import Found, Spot, best_path, n_best_words, spotted
from ...train.phase import Batch, Objective
from .acoustic import Acoustic
from .biased import weighed_network
from .embedded import Embedded, Plan, Utterance, check_words, refuse_short, spoken_lexicon
from .topology import Network, Occurrence, Topology, bigram_of

GRAMMARS = ("loop", "bigram", "transcripts")
Span = tuple[str, int, int]
Placed = tuple[Occurrence, int, int]


class Language(NamedTuple):
    """What may be said: units of words, a grammar, and how both are weighed.

    lexicon : a mapping or file of pronunciations; None spells words (`spelled`), or takes each as one unit.
    grammar : "loop", "bigram", "transcripts", a tuple of sentences, or the text of a grammar of commands.
    word_penalty : added to the log probability of each word; below 0 for fewer and longer words.
    """

    lexicon: Any = None
    spelled: bool = True
    grammar: str | tuple[str, ...] = "loop"
    word_penalty: float = 0.0

    def check(self) -> None:
        """Refuse a grammar that is none, and a lexicon that a saved model could not name."""
        if isinstance(self.lexicon, Lexicon | Path):
            raise SettingError(
                f"lexicon is a {type(self.lexicon).__name__}, which a saved model cannot hold; give the file's name as "
                "text, or a dict (Lexicon.plain() is one)"
            )
        known = (isinstance(self.grammar, tuple) and self.grammar) or self.commands
        if not known and self.grammar not in GRAMMARS:
            raise SettingError(
                f"grammar={self.grammar!r}; {did_you_mean(str(self.grammar), GRAMMARS)}, a tuple of sentences, or "
                "commands such as 'turn the (light | radio) on'"
            )

    @property
    def commands(self) -> Commands | None:
        """The grammar of commands, where one was given."""
        return Commands(self.grammar) if isinstance(self.grammar, str) and is_commands(self.grammar) else None

    @property
    def given(self) -> Lexicon | None:
        """The lexicon that the user gave."""
        return None if self.lexicon is None else read_lexicon(self.lexicon)

    def lexicon_for(self, sentences: Sequence[Sequence[str]]) -> Lexicon:
        """Words that can be said, each with its units."""
        given = self.given
        if given is not None:
            return spoken_lexicon(given, sentences)
        words = {word for words in sentences for word in words}
        if isinstance(self.grammar, tuple):
            words |= {word for sentence in self.grammar for word in sentence.split()}
        elif self.commands:
            words |= self.commands.words
        found = letters(words) if self.spelled else whole(words)
        return spoken_lexicon(found, sentences)

    def description(self, sentences: Sequence[Sequence[str]], lexicon: Lexicon) -> dict[str, Any]:
        """The grammar that transcripts teach, as JSON values."""
        if isinstance(self.grammar, tuple):
            allowed = [sentence.split() for sentence in self.grammar]
            for row, words in enumerate(allowed):
                lexicon.check(words, where=f"sentence {row} of the grammar")
            return {"kind": "sentences", "sentences": allowed}
        if self.commands:
            lexicon.check(sorted(self.commands.words), where="the grammar")
            return {"kind": "commands", "tree": self.commands.tree}
        if self.grammar == "transcripts":
            return {"kind": "sentences", "sentences": [list(w) for w in sorted({tuple(s) for s in sentences})]}
        mean = sum(map(len, sentences)) / len(sentences)
        if self.grammar == "loop":
            return {"kind": "loop", "last": 1 / (mean + 1)}
        return {"kind": "bigram", "sentences": [list(words) for words in sentences]}


class ChainRecognizer(Objective):
    """A recogniser whose frames are scored by the states of a search graph; siblings differ in what scores them.

    `log_scores(batch)` (batch, time, densities) is what a sibling gives; decoding finds argmax_W p(X | W) P(W).
    """

    probabilistic = False
    least_score = -5.0  # of a word that is looked for: densities of many features lie far apart

    def __init__(self, acoustic: Acoustic, units: Units, language: Language, plan: Plan, n_states: int) -> None:
        super().__init__()
        language.check()
        self.acoustic, self.units, self.language, self.plan = acoustic, units, language, plan
        self.n_states, self.n_silence = n_states, 3
        self._search: tuple[Topology, Network] | None = None

    def log_scores(self, batch: Batch) -> Tensor:
        """log b_j(x_t) (batch, time, densities), of any value behind a row's length."""
        raise NotImplementedError

    def outputs(self, batch: Batch) -> Tensor:
        return self.log_scores(batch)

    def weight(self, batch: Batch) -> float | Tensor:
        """Frames, each as its recording counts."""
        frames = batch["lengths"].double()
        return float((frames * batch["weight"]).sum() if "weight" in batch else frames.sum())

    # --- rows -------------------------------------------------------------------------------------

    def words_of(self, batch: Batch) -> list[list[str]]:
        """The words of each row's transcript."""
        lengths = batch["y_lengths"].tolist()
        return [self.units.text(row[:n]).split() for row, n in zip(batch["y"].tolist(), lengths, strict=True)]

    def utterances(self, batch: Batch) -> list[Utterance]:
        """Frames, words and weight of each row."""
        weights = batch["weight"].tolist() if "weight" in batch else [1.0] * len(batch["x"])
        rows = zip(batch["x"], batch["lengths"].tolist(), self.words_of(batch), weights, strict=True)
        return [Utterance(x[:n], words, weight) for x, n, words, weight in rows]

    def first_model(self, embedded: Embedded, utterances: Sequence[Utterance]) -> None:
        """Lexicon and grammar from the transcripts, and a flat start."""
        sentences = [one.words for one in utterances]
        lexicon = self.language.lexicon_for(sentences)
        description = {
            "lexicon": lexicon.plain(),
            "n_states": self.n_states,
            "n_silence": self.n_silence,
            "trees": None,
            "n_mixtures": 1,
            "grammar": self.language.description(sentences, lexicon),
        }
        embedded.begin(utterances, description)

    def frames_needed(self, batch: Batch) -> Tensor:
        """The fewest frames that each row's transcript takes (batch,)."""
        known = self.acoustic.topology.lexicon if self.acoustic.begun else self.language.given

        def states(word: str) -> int:
            if known is not None and word in known:
                return self.n_states * min(map(len, known[word]))
            return 0 if known is not None else self.n_states * (len(word) if self.language.spelled else 1)

        return torch.tensor([sum(map(states, words)) for words in self.words_of(batch)])

    def frames_given(self, batch: Batch) -> Tensor:
        """The frames of each row (batch,)."""
        return batch["lengths"].cpu()

    # --- use --------------------------------------------------------------------------------------

    @property
    def words(self) -> list[str]:
        """The words that it can hear."""
        return self.acoustic.topology.words

    @property
    def network(self) -> Network:
        """The grammar as one search graph."""
        topology = self.acoustic.topology
        if self._search is None or self._search[0] is not topology:
            self._search = topology, self._compiled(topology)
        return self._search[1]

    def _compiled(self, topology: Topology) -> Network:
        grammar, penalty = self.acoustic.description["grammar"], self.language.word_penalty
        if grammar["kind"] == "sentences":
            return topology.sentences(grammar["sentences"])
        if grammar["kind"] == "commands":
            return topology.commands(grammar["tree"], penalty=penalty)
        if grammar["kind"] == "bigram":
            return topology.bigram(*bigram_of(grammar["sentences"], topology.words), penalty=penalty)
        share = 1 / len(topology.words)
        return topology.loop(dict.fromkeys(topology.words, share), grammar["last"], penalty=penalty)

    def transcribe(
        self,
        batch: Batch,
        *,
        beam: float | None = None,
        n_best: int = 1,
        language_model: NGrams | None = None,
        language_weight: float = 1.0,
        hot_words: Sequence[str] | Mapping[str, float] = (),
    ) -> list[list[tuple[str, float]]]:
        """The n best texts of each row with the log probability of their best paths, best first.

        beam : what may lie behind a frame's best path before it is given up; None gives up nothing. A beam that loses
            all paths is widened. A row too short for any sentence of the grammar gets "" and -inf.
        language_model : an n-gram model of words, in place of a grammar of any word after any; its log probabilities
            count `language_weight` times.
        hot_words : words that gain 5, or what a dict says.

        Systems: asr-map-decision
        """
        network, table = self.network, self.acoustic.table
        if language_model is not None or hot_words:
            network = weighed_network(
                network, self.acoustic.topology, self.language.grammar, language_model=language_model,
                language_weight=language_weight, hot_words=hot_words, penalty=self.language.word_penalty,
            )  # fmt: skip
        weights = network.graph.weighted(table)
        found = []
        for logs, n in zip(self.log_scores(batch).cpu(), batch["lengths"].tolist(), strict=True):
            answers = self._searched(network, weights, logs[:n], beam or math.inf, n_best)
            found.append(answers or [("", -math.inf)])
        return found

    def _searched(
        self, network: Network, weights: Tensor, logs: Tensor, beam: float, n_best: int
    ) -> list[tuple[str, float]]:
        names = self.acoustic.topology.words
        if n_best > 1:
            several = n_best_words(network.graph, weights, logs, n=n_best, beam=beam)
            answers = [(" ".join(names[w] for w in words), score) for words, score in several]
        else:
            best = best_path(network.graph, weights, logs, beam=beam)
            answers = [(" ".join(names[w] for w in network.words(best)), best.score)] if len(best.arcs) else []
        if answers or beam == math.inf:
            return answers
        return self._searched(network, weights, logs, math.inf, n_best)

    def spot(self, batch: Batch, words: Sequence[str], *, threshold: float | None = None) -> list[list[Spot]]:
        """Where words, or phrases of several, are said in each row; see `spotted` for scores and threshold.

        Words that training never had are spelled, where words are, or looked up in the lexicon that was given.
        """
        phrases = [text.split() for text in words]
        topology = self._topology_with({word for phrase in phrases for word in phrase})
        network, owners = topology.keywords(phrases)
        weights, least = network.graph.weighted(self.acoustic.table), threshold or self.least_score
        rows = zip(self.log_scores(batch), batch["lengths"].tolist(), strict=True)
        return [spotted(network.graph, weights, logs[:n], owners, threshold=least) for logs, n in rows]

    def _topology_with(self, words: set[str]) -> Topology:
        """The topology with more words in its lexicon, of units that it has."""
        own, given = self.acoustic.topology, self.language.given
        found = own.lexicon.plain()
        for word in sorted(words - found.keys()):
            if given is not None and word in given:
                found[word] = [list(way) for way in given[word]]
            elif given is None and self.language.spelled:
                found[word] = [list(word)]
            else:
                own.lexicon.check([word], where="spot")
            strange = sorted({unit for way in found[word] for unit in way} - set(own.units))
            if strange:
                raise DataError(f"the word {word!r} has units that fit did not hear: {', '.join(strange)}")
        return Topology(Lexicon(found), n_states=own.n_states, n_silence=own.n_silence, trees=own.trees)

    def align(self, batch: Batch) -> list[list[Span]]:
        """Each row's units with first frame and the one behind the last: words, where transcripts are read as words.

        Where they are read as characters, the units are those of the lexicon, and " " stands between words.
        """
        rows = []
        for spans in self.forced(batch):
            words = self._words(spans)
            if self.units.kind == "words":
                names = self.acoustic.topology.words
                rows.append([(names[own[0][0].word], own[0][1], own[-1][2]) for own in words])
                continue
            found: list[Span] = []
            for own in words:
                found += [(" ", found[-1][2], own[0][1])] if found else []
                found += [(occurrence.unit, start, end) for occurrence, start, end in own]
            rows.append(found)
        return rows

    def _words(self, spans: Sequence[Placed]) -> list[list[Placed]]:
        """The units of a path by word, silence left out."""
        found: list[list[Placed]] = []
        before: Placed | None = None
        for one in spans:
            unit = one[0]
            if unit.word >= 0 and (before is None or before[0].word < 0 or unit.first):
                found.append([])
            if unit.word >= 0:
                found[-1].append(one)
            before = one
        return found

    def forced(self, batch: Batch) -> list[list[Placed]]:
        """Every unit of the best path through each row's transcript, silence too.

        Raises
        ------
        DataError : words outside the lexicon, a recording with fewer frames than its transcript has states.
        """
        scores, lengths, sentences = self.log_scores(batch), batch["lengths"].tolist(), self.words_of(batch)
        networks = [self.acoustic.topology.sentence(words) for words in self._checked(sentences)]
        paths = self.paths(scores, lengths, sentences)
        return [network.spans(Found(arcs, 0.0)) for network, arcs in zip(networks, paths, strict=True)]

    def _checked(self, sentences: list[list[str]]) -> list[list[str]]:
        for row, words in enumerate(sentences):
            check_words(self.acoustic.topology.lexicon, words, row)
        return sentences

    def paths(self, scores: Tensor, lengths: Sequence[int], sentences: list[list[str]]) -> list[Tensor]:
        """The arcs of the best path of each row (frames,) through its transcript."""
        topology, table = self.acoustic.topology, self.acoustic.table
        rows = []
        for row, (own, n, words) in enumerate(zip(scores.cpu(), lengths, self._checked(sentences), strict=True)):
            network = topology.sentence(words)
            best = best_path(network.graph, network.graph.weighted(table), own[:n])
            if not len(best.arcs):
                refuse_short(network, n, words, row)
                raise DataError(f"row {row} has no path through its transcript; its features are not numbers")
            rows.append(best.arcs)
        return rows


def padded(parts: Sequence[Tensor], like: Tensor) -> Tensor:
    """Rows of different lengths side by side (batch, time, ...)."""
    return torch.nn.utils.rnn.pad_sequence(list(parts), batch_first=True).to(like.device)
