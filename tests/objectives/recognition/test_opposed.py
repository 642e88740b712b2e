"""Discriminative training: criteria against sums over sentences, counts against slopes, steps that never do harm."""

import math

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.functional.edit_distance import edit_distance
from parnassus.functional.search_graph import expected_counts
from parnassus.objectives.recognition.embedded import Utterance
from parnassus.objectives.recognition.opposed import Opposition, Rivals, prior_of
from parnassus.objectives.recognition.topology import bigram_of

SOUND = dict(zip("abc", np.random.default_rng(5).normal(0, 1, (3, 4)), strict=True))
SENTENCES = ("ab", "ab ca", "ca ab")
OTHERS = ("mpe", "mwe", "mce")


def utterance(text, rng):
    """Frames (time, 4): 2 to 4 of each character, with much noise, and silence around."""
    frames = [np.tile(SOUND[c], (rng.integers(2, 5), 1)) for c in text.replace(" ", "")]
    whole = np.concatenate([np.zeros((3, 4)), *frames, np.zeros((3, 4))])
    return whole + rng.normal(0, 0.7, whole.shape)


def corpus(n=12, seed=0):
    rng = np.random.default_rng(seed)
    texts = [str(rng.choice(SENTENCES)) for _ in range(n)]
    return [utterance(t, rng) for t in texts], texts


def trained(criterion="ml", grammar=SENTENCES, **options):
    model = pn.model(
        "gmm_hmm",
        context="none",
        n_states=1,
        n_mixtures=1,
        first_steps=3,
        grammar=grammar,
        criterion=criterion,
        **options,
    )
    return pn.SpeechRecognizer(model, progress=False)


@pytest.fixture(scope="module")
def fitted():
    return trained().fit(*corpus()).objective_


def rivals_of(objective, criterion, **options):
    found = Rivals(objective.acoustic, Opposition(criterion, **options))
    found.turn(objective.acoustic)
    return found, objective.network, prior_of(objective._compiled, objective.words)


def by_sentence(acoustic, x, scale):
    """scale ln p(x | sentence) + ln P(sentence) of the three, each by its own graph."""
    logs, found = scale * acoustic.log_prob(x), []
    for text in SENTENCES:
        graph = acoustic.topology.sentence(text.split()).graph
        found.append(expected_counts(graph, graph.weighted(scale * acoustic.table), logs).log_prob - math.log(3))
    return torch.tensor(found, dtype=torch.float64)


def wanted(criterion, scores, right):
    """The criterion by its definition."""
    p = scores.softmax(0)
    if criterion == "mmi":
        return float(p[right].log())
    if criterion == "mce":
        rivals = np.delete(scores.numpy(), right)
        return -1 / (1 + math.exp(float(scores[right]) - math.log(np.mean(np.exp(rivals)))))
    split = str.split if criterion == "mwe" else lambda text: list(text.replace(" ", ""))
    said = split(SENTENCES[right])
    risks = [1 - edit_distance(said, split(text)) / len(said) for text in SENTENCES]
    return float(p @ torch.tensor(risks, dtype=torch.float64))


@pytest.mark.parametrize("criterion", ["mmi", *OTHERS])
@pytest.mark.parametrize("right", [0, 2])
def test_a_criterion_is_what_all_sentences_of_the_grammar_say(fitted, criterion, right):
    rivals, network, prior = rivals_of(fitted, criterion, scale=0.3)
    x = torch.from_numpy(utterance(SENTENCES[right], np.random.default_rng(3)))
    found = rivals.add([Utterance(x, SENTENCES[right].split())], network, prior)
    assert float(-found) == pytest.approx(wanted(criterion, by_sentence(rivals.trial, x, 0.3), right), rel=1e-9)


@pytest.mark.parametrize("criterion", ["mmi", *OTHERS])
def test_counts_for_and_against_are_the_slope_by_each_mean(fitted, criterion):
    rivals, network, prior = rivals_of(fitted, criterion, scale=0.3)
    x = torch.from_numpy(utterance(SENTENCES[1], np.random.default_rng(4)))
    rivals.add([Utterance(x, SENTENCES[1].split())], network, prior)
    own, against = rivals._sums[False], rivals._sums[True]
    gaussians = rivals.trial.emissions.gaussians
    means, variances = gaussians.means - gaussians.centre, gaussians.covariances
    slope = 0.3 * ((own[2] - against[2]) - (own[1] - against[1])[:, None] * means) / variances
    for k, feature in ((0, 0), (3, 2), (5, 1)):
        values = []
        for step in (1e-5, -1e-5):
            gaussians.means[k, feature] += step
            values.append(wanted(criterion, by_sentence(rivals.trial, x, 0.3), 1))
            gaussians.means[k, feature] -= step
        assert float(slope[k, feature]) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5, abs=1e-8)


def test_a_sentence_is_as_likely_as_its_grammar_says(fitted):
    words = fitted.words
    prior = prior_of(lambda own: own.loop(dict.fromkeys(words, 0.5), 0.25), words)
    assert prior(("ab", "ca", "ab")) == pytest.approx(3 * math.log(0.5) + 2 * math.log(0.75) + math.log(0.25))
    first, follows, last = bigram_of([["ab", "ca"], ["ab"]], words)
    prior = prior_of(lambda own: own.bigram(first, follows, last), words)
    a, c = words.index("ab"), words.index("ca")
    assert prior(("ab", "ca")) == pytest.approx(math.log(first[a] * follows[a][c] * last[c]))


@pytest.mark.parametrize("criterion", ["mmi", *OTHERS])
def test_no_step_that_is_kept_lowers_the_criterion(criterion):
    X, texts = corpus(10)
    found = trained(criterion, opposed_steps=4).fit(X, texts)
    values = [row[criterion] for row in found.history_ if criterion in row]
    assert len(values) == 5
    assert float(found.objective_.rivals.reached) == pytest.approx(-min(values))
    assert min(values) < values[0]
    rivals, network, prior = rivals_of(found.objective_, criterion)
    rows = found.codec_.encode(X).take(torch.arange(len(X)))
    said = [Utterance(x[:n], t.split()) for x, n, t in zip(rows["x"], rows["lengths"].tolist(), texts, strict=True)]
    if criterion == "mmi":  # lists are those of the model before
        assert float(rivals.add(said, network, prior)) == pytest.approx(min(values), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("criterion", ["mmi", "mwe"])
def test_a_training_goes_on_where_it_was_cut_and_is_saved(criterion, tmp_path):
    from parnassus.train.trainer import Trainer

    X, texts = corpus(8)
    whole = trained(criterion, opposed_steps=3).fit(X, texts)
    held, step = Trainer.train_step, [0]

    def cut(self, window):
        step[0] += 1
        if step[0] == len(whole.history_) - 1:
            raise RuntimeError("cut")
        return held(self, window)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_step", cut)
        with pytest.raises(RuntimeError, match="cut"):
            trained(criterion, opposed_steps=3).set_params(out=str(tmp_path)).fit(X, texts)
    again = trained(criterion, opposed_steps=3).set_params(out=str(tmp_path), resume=True).fit(X, texts)
    assert again.history_[-1][criterion] == pytest.approx(whole.history_[-1][criterion], rel=1e-12)
    again.save(tmp_path / "model.parnassus")
    assert pn.load(tmp_path / "model.parnassus").transcribe(X, n_best=1) == whole.transcribe(X, n_best=1)


def test_what_cannot_be_weighed_is_refused():
    X, texts = corpus(8)
    with pytest.raises(DataError, match=r"row \d: the grammar does not allow its transcript 'ab ca'.*criterion='mmi'"):
        trained("mmi", grammar=("ab", "ca ab")).fit(X, texts)
    with pytest.raises(SettingError, match="criterion='mmie'"):
        trained("mmie").fit(X, texts)
    with pytest.raises(SettingError, match="opposed_steps is at least 1"):
        trained("mmi", opposed_steps=0).fit(X, texts)
