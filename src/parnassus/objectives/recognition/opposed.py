"""Discriminative training of a recogniser: what makes the right words likelier than what else might be heard."""

import copy
import json
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from ...data.audio.lexicon import Lexicon
from ...errors import DataError
from ...functional.discriminative import expected_accuracy, mce
from ...functional.edit_distance import edit_distance
from ...functional.search_graph import expected_counts, n_best_words
from ..probabilistic.class_chains import BOLDER, FACTOR, LARGEST, raise_emissions, raised_rows
from .acoustic import STAY, Acoustic
from .embedded import Utterance, refuse_short
from .topology import Network, Topology

Criterion = Literal["ml", "mmi", "mpe", "mwe", "mce"]
Words = tuple[str, ...]
BEAM = 300.0  # natural logarithms that a sentence of a list may lie behind, at a frame, before it is given up


class Opposition(NamedTuple):
    """What a recogniser is trained for, and against what.

    criterion : "ml" (none of this), "mmi", "mpe", "mwe" or "mce".
    steps : of extended Baum-Welch, after those of Baum-Welch.
    scale : what log likelihoods of sounds are multiplied by: frames are not as independent as a model says.
    n_best : sentences that are compared, the right one beside; "mmi" compares all that the grammar allows.
    """

    criterion: Criterion = "ml"
    steps: int = 10
    scale: float = 0.1
    n_best: int = 10


class Rivals(nn.Module):
    """An acoustic model on trial, and the counts for and against each of its Gaussians.

        D = max(2 D_min, E C_den(1));  a step that lowers the criterion is taken back, and E doubled

    "mmi" raises the log posterior of the transcript among all sentences of the grammar, whose counts come from its
    whole graph. The others compare the transcript with the best sentences of the model they start from: "mpe" raises
    the expected number of right units, "mwe" that of right words, "mce" lowers a smoothed count of wrong sentences.

    Systems: mmi-training, extended-baum-welch, mpe-criteria, mce-risk-decoding
    Source: Hifny A13.23 to A13.27; Povey 2003; N-best lists in place of lattices after Chow 1990.
    """

    def __init__(self, acoustic: Acoustic, opposition: Opposition) -> None:
        super().__init__()
        self.trial, self.opposition = copy.deepcopy(acoustic), opposition
        for name, value in {
            "turned": torch.tensor(False),
            "reached": torch.tensor(-math.inf, dtype=torch.float64),
            "factor": torch.tensor(FACTOR, dtype=torch.float64),
            "restored": torch.tensor(False),
            "lists": torch.zeros(0, dtype=torch.uint8),
        }.items():
            self.register_buffer(name, value)
        self.finished = False
        self._found: list[list[Words]] | None = None
        self.clear()

    turned: Tensor  # whether the model on trial is that of Baum-Welch, or what became of it
    reached: Tensor  # the criterion of the best model, of which the trial is a step
    factor: Tensor  # E
    restored: Tensor  # whether the last step was taken back
    lists: Tensor  # the sentences that each row is compared with, JSON in bytes

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        held = state.get(prefix + "lists")
        if held is not None:
            self.lists, self._found = torch.empty_like(held), None
        super()._load_from_state_dict(state, prefix, *rest)

    def clear(self) -> None:
        """Forget the sums of a step."""
        self._value, self._weight, self._row = 0.0, 0.0, 0
        self._sums: dict[bool, list[Tensor]] = {}

    # --- counts -----------------------------------------------------------------------------------

    def add(self, utterances: Sequence[Utterance], network: Network, prior: Callable[[Words], float]) -> Tensor:
        """Minus the mean criterion of these utterances; adds up what the step needs."""
        value, weight = 0.0, 0.0
        for one in utterances:
            if prior(tuple(one.words)) == -math.inf:
                raise DataError(
                    f"row {self._row}: the grammar does not allow its transcript {' '.join(one.words)[:60]!r}, and "
                    f"criterion={self.opposition.criterion!r} weighs it against what the grammar allows; widen the "
                    "grammar, or leave the row out"
                )
            whole = self.opposition.criterion == "mmi"
            found = self._whole(one, network, prior) if whole else self._listed(one, network, prior)
            value, weight = value + one.weight * found, weight + one.weight
            self._row += 1
        self._value, self._weight = self._value + value, self._weight + weight
        return torch.tensor(-value / weight, dtype=torch.float64)

    def _whole(self, one: Utterance, network: Network, prior: Callable[[Words], float]) -> float:
        """ln P(transcript | x), and the counts of its graph and of the whole grammar's."""
        own, for_it = self._counted(one, self.trial.topology.sentence(one.words))
        every, against = self._counted(one, network)
        self._keep(for_it, one.weight)
        self._keep(against, -one.weight)
        return own + prior(tuple(one.words)) - every

    def _counted(self, one: Utterance, network: Network) -> tuple[float, list[Tensor]]:
        n = len(one.frames)
        (found,), sums = self.trial.count(one.frames, [n], [network.graph], [1.0], scale=self.opposition.scale)
        if not math.isfinite(found):
            refuse_short(network, n, one.words, self._row)
            raise DataError(f"row {self._row} has no path through its transcript; its features are not numbers")
        return found, sums

    def _listed(self, one: Utterance, network: Network, prior: Callable[[Words], float]) -> float:
        """The criterion over a list of sentences, the right one in front, and the counts that its slopes weigh."""
        texts = self._sentences(one, network)
        counted = [self._counted(one, self.trial.topology.sentence(words)) for words in texts]
        scores = [p + prior(words) for (p, _), words in zip(counted, texts, strict=True)]
        with torch.enable_grad():
            given = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
            value = self._criterion(given, texts)
            (slopes,) = torch.autograd.grad(value, given)
        for slope, (_, sums) in zip(slopes.tolist(), counted, strict=True):
            self._keep(sums, slope * one.weight)
        return float(value.detach())

    def _criterion(self, scores: Tensor, texts: Sequence[Words]) -> Tensor:
        criterion, right = self.opposition.criterion, torch.zeros(1, dtype=torch.int64)
        if criterion == "mce":
            return -mce(scores[None], right)[0]
        rows = [self._units(words) if criterion == "mpe" else words for words in texts]
        accuracy = [len(rows[0]) - edit_distance(rows[0], row) for row in rows]
        return expected_accuracy(scores[None], torch.tensor(accuracy, dtype=scores.dtype)[None])[0] / len(rows[0])

    def _units(self, words: Words) -> list[str]:
        return [unit for word in words for unit in self.trial.topology.lexicon[word][0]]

    def _sentences(self, one: Utterance, network: Network) -> list[Words]:
        """The transcript, and the other sentences that the model of Baum-Welch finds best."""
        if self._found is None:
            held = json.loads(bytes(self.lists.tolist()) or b"[]")
            self._found = [[tuple(words) for words in row] for row in held]
        if self._row == len(self._found):
            own, names = self.trial, self.trial.topology.words
            weights, logs = network.graph.weighted(own.table), own.log_prob(one.frames).cpu()
            best = n_best_words(network.graph, weights, logs, n=self.opposition.n_best, beam=BEAM)
            heard = [tuple(names[w] for w in words) for words, _ in best]
            right = tuple(one.words)
            self._found.append([right, *(words for words in heard if words != right and words)])
        return self._found[self._row]

    def _keep(self, sums: list[Tensor], share: float) -> None:
        if not share:
            return
        held, added = self._sums.get(share < 0), [abs(share) * s for s in sums]
        self._sums[share < 0] = added if held is None else [a + b for a, b in zip(held, added, strict=True)]

    # --- steps ------------------------------------------------------------------------------------

    def turn(self, acoustic: Acoustic) -> None:
        """Start from this model."""
        self.trial.load_state_dict(acoustic.state_dict())
        self.turned.fill_(True)

    def step(self, acoustic: Acoustic) -> None:
        """Keep the trial where the criterion did not fall, and take the next step; else go back, with a larger D."""
        value = self._value / self._weight
        if self._found is not None and not len(self.lists):
            self.lists = torch.tensor(list(json.dumps(self._found).encode()), dtype=torch.uint8)
        if not value >= float(self.reached) - 1e-12:
            set_to(self.trial, acoustic)
            self.factor.mul_(2)
            self.restored.fill_(True)
            self.finished = bool(self.factor > LARGEST)
        else:
            set_to(acoustic, self.trial)
            self.reached.fill_(value)
            if not self.restored:
                self.factor.mul_(BOLDER).clamp_(min=FACTOR)
            self.restored.fill_(False)
            self._raise()
        self.clear()

    def _raise(self) -> None:
        """The trial's parameters by extended Baum-Welch."""
        if not self._sums:
            return
        nothing = [torch.zeros_like(s) for s in next(iter(self._sums.values()))]
        own, rivals = self._sums.get(False, nothing), self._sums.get(True, nothing)
        factor, stay = float(self.factor), self.trial.stay.cpu()
        rows = torch.stack([stay, 1 - stay], 1)
        raised = raised_rows(rows, own[0].view(2, -1).T, rivals[0].view(2, -1).T, factor=factor)
        self.trial.stay.copy_(raised[:, 0].clamp(*STAY))
        raise_emissions(self.trial.emissions, own[1:], rivals[1:], factor=factor)


def set_to(model: Acoustic, other: Acoustic) -> None:
    """The numbers of another model of the same structure, which stays the same object."""
    for own, held in zip(model.buffers(), other.buffers(), strict=True):
        own.copy_(held)


def prior_of(compiled: Callable[[Topology], Network], words: Sequence[str]) -> Callable[[Words], float]:
    """The log probability of a sentence by a grammar: a frame a word, each heard for sure."""
    topology = Topology(Lexicon({word: [[word]] for word in words}), n_states=1, n_silence=0)
    graph = compiled(topology).graph
    n = topology.n_positions
    weights = graph.weighted(torch.cat([torch.full((n,), -math.inf), torch.zeros(n)]).double())
    known: dict[Words, float] = {}

    def prior(sentence: Words) -> float:
        if sentence not in known:
            places = [topology.number[word] for word in sentence]
            heard = nn.functional.one_hot(torch.tensor(places), n).double().log()
            known[sentence] = expected_counts(graph, weights, heard).log_prob
        return known[sentence]

    return prior
