"""The neocognitron as a classifier: stages against the layer's own learning, the count by hand, shifts and polarity."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.layers.neocognitron import Neocognitron, NeocognitronStage
from parnassus.objectives.templates import TemplateClassifier

pytestmark = pytest.mark.usefixtures("draws")

FIGURES = {
    "T": [(0, x) for x in range(5)] + [(y, 2) for y in range(5)],
    "L": [(4, x) for x in range(5)] + [(y, 0) for y in range(5)],
    "X": [(i, i) for i in range(5)] + [(i, 4 - i) for i in range(5)],
}
SMALL = pn.model("neocognitron", planes=(16, 12), sizes=(3, 7), pools=(3, 5), selectivity=(2.0, 4.0))


def shown(places, ink=255, ground=0):
    """The figures at each place (y, x) on 15 x 15 pixels, uint8, and their names."""
    pictures, names = np.full((len(places) * len(FIGURES), 15, 15), ground, dtype=np.uint8), []
    for i, (y, x) in enumerate(places):
        for j, (name, cells) in enumerate(FIGURES.items()):
            for row, column in cells:
                pictures[i * len(FIGURES) + j, y + row, x + column] = ink
            names.append(name)
    return pictures, np.array(names)


HERE, ELSEWHERE = [(5, 5), (6, 6)], [(y, x) for y in (2, 4, 7) for x in (3, 6, 7)]


@pytest.mark.parametrize(("ink", "ground"), [(255, 0), (40, 0), (0, 255), (90, 180)])
def test_figures_are_known_where_they_never_stood_whatever_their_light(ink, ground):
    clf = pn.Classifier(SMALL, progress=False).fit(*shown(HERE, ink, ground))
    X, y = shown(ELSEWHERE, ink, ground)
    assert clf.score(X, y) == 1.0
    assert not hasattr(clf, "predict_proba")  # shares of winners are no probabilities


def objective(stages, n_outputs=3):
    return TemplateClassifier(stages, 1, n_outputs, n_shown=100)


def stages():
    return [
        NeocognitronStage(2, 8, selectivity=2.0, seed=3),
        NeocognitronStage(8, 6, size=5, selectivity=4.0, seed=4),
    ]


def test_the_stages_learn_what_the_layer_learns_from_the_same_pictures_in_turn():
    game, twin = objective(stages()), Neocognitron(stages())
    x = torch.rand(9, 1, 11, 11).round()
    game.begin({"x": x})
    order = torch.randperm(9, generator=torch.Generator().manual_seed(int(game.drawn)))
    game.learn(0, {"x": x})
    game.learn(1, {"x": x})
    light = torch.cat([(x - game.ground.view(-1, 1, 1)).relu(), (game.ground.view(-1, 1, 1) - x).relu()], 1)
    twin.learn(light[order])
    for ours, theirs in zip(game.stages, twin.stages, strict=True):
        torch.testing.assert_close(ours.excitation, theirs.excitation)
        torch.testing.assert_close(ours.inhibited, theirs.inhibited)
    torch.testing.assert_close(game.answers(x), twin(light))


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_class_scores_by_the_planes_that_won_its_pictures(n_outputs):
    game = objective(stages(), n_outputs)
    x, weight = torch.rand(12, 1, 11, 11).round(), torch.arange(12) / 4.0
    y = torch.arange(12) % 2 if n_outputs == 1 else torch.arange(12) % 3
    batch = {"x": x, "y": y[:, None].float() if n_outputs == 1 else y, "weight": weight}
    game.begin(batch)
    game.learn(0, batch)
    game.learn(1, batch)
    for half in (slice(0, 5), slice(5, 12)):  # as a window that is cut
        game.count({name: part[half] for name, part in batch.items()})
    game.counted()
    answers, wins = game.answers(x), np.zeros((6, 2 if n_outputs == 1 else 3))
    for row, label, w in zip(answers, y.tolist(), weight.tolist(), strict=True):
        if float(row.max()) > 0:
            wins[int(row.argmax()), label] += w
    np.testing.assert_allclose(game.wins.numpy(), wins, rtol=1e-6)
    shares = wins / np.maximum(wins.sum(1, keepdims=True), 1e-12)
    due = (answers.numpy()[:, :, None] * shares).max(1)
    due = due[:, 1:] - due[:, :1] if n_outputs == 1 else due
    np.testing.assert_allclose(game.outputs(batch).numpy(), due, atol=1e-6)


def test_labels_change_no_template():
    X, y = shown(HERE)
    one = pn.Classifier(SMALL, progress=False).fit(X, y).objective_
    other = pn.Classifier(SMALL, progress=False).fit(X, y[::-1]).objective_
    for a, b in zip(one.stages, other.stages, strict=True):
        assert torch.equal(a.excitation, b.excitation)
    assert not torch.equal(one.wins, other.wins)


def test_two_classes_colours_and_a_saved_one(tmp_path):
    X, y = shown(HERE)
    two = y != "X"
    coloured = np.stack([X[two], 255 - X[two], X[two] // 2], -1)
    clf = pn.Classifier(SMALL, progress=False).fit(coloured, y[two])
    assert clf.score(coloured, y[two]) == 1.0
    clf.save(tmp_path / "n.parnassus")
    assert np.array_equal(
        pn.load(tmp_path / "n.parnassus").decision_function(coloured), clf.decision_function(coloured)
    )


def test_what_cannot_be_learned_is_refused():
    X, y = shown(HERE)
    with pytest.raises(pn.SettingError, match="epochs of at least 3"):
        pn.Classifier(SMALL, epochs=2, progress=False).fit(X, y)
    with pytest.raises(pn.SettingError, match=r"learns in stages, .* use fit"):
        pn.Classifier(SMALL, progress=False).partial_fit(X, y)
    with pytest.raises(pn.SettingError, match="one entry a stage each"):
        pn.Classifier(pn.model("neocognitron", planes=(4, 4, 4)), progress=False).fit(X, y)
    with pytest.raises(pn.SettingError, match="odd sizes of templates"):
        pn.Classifier(pn.model("neocognitron", sizes=(4, 7)), progress=False).fit(X, y)


@pytest.mark.slow
def test_digits():
    digits = load_digits()
    X, y = (digits.images * 15).astype(np.uint8), digits.target
    clf = pn.Classifier("neocognitron", progress=False).fit(X[:700], y[:700])
    assert clf.score(X[700:1200], y[700:1200]) > 0.78  # .83 to .88 of three seeds; others wrote these
