"""A linear-chain conditional random field alone: its scores and its law by hand over all rows of tags."""

import itertools

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.models.text.tagging import StepVectors, SymbolVectors, WindowTagger
from parnassus.objectives.text.tagging import ChainTagging


@pytest.fixture
def chain():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        made = ChainTagging(WindowTagger(StepVectors(2, 4), 3, reach=1), 3).double().eval()
        for part in (made.transitions, made.start, made.end):
            torch.nn.init.normal_(part)
        return made


def scores_by_hand(chain, x):
    """Sums over a step and its neighbours, zeros beyond the ends, one number at a time."""
    own = {name: part.detach().numpy() for name, part in chain.model.named_parameters()}
    v = x @ own["vectors.linear.weight"].T + own["vectors.linear.bias"]
    found = np.tile(own["head.bias"], (len(x), 1))
    for t, shift in itertools.product(range(len(x)), (-1, 0, 1)):
        if 0 <= t + shift < len(x):
            found[t] += own["head.weight"][:, :, shift + 1] @ v[t + shift]
    return found


def test_the_law_of_tags_is_that_of_all_rows_of_them(chain):
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(n, 2)) for n in (4, 1)]
    start, step, end = (part.detach().numpy() for part in (chain.start, chain.transitions, chain.end))
    x = torch.full((2, 4, 2), 9.0, dtype=torch.float64)  # anything behind the end
    for padded, row in zip(x, rows, strict=True):
        padded[: len(row)] = torch.from_numpy(row)
    y = torch.tensor([[0, 2, 2, 1], [1, 0, 0, 0]])
    batch = {"x": x, "lengths": torch.tensor([4, 1]), "y": y}
    total = 0.0
    said, shares = chain.tags(batch), chain.probabilities(batch)
    for i, row in enumerate(rows):
        scores, n = scores_by_hand(chain, row), len(row)
        ways = list(itertools.product(range(3), repeat=n))
        each = np.array([
            start[w[0]] + end[w[-1]] + sum(scores[t, w[t]] for t in range(n))
            + sum(step[a, b] for a, b in itertools.pairwise(w))
            for w in ways
        ])  # fmt: skip
        p = np.exp(each - each.max()) / np.exp(each - each.max()).sum()
        total -= np.log(p[ways.index(tuple(y[i, :n].tolist()))])
        assert said[i] == list(ways[int(p.argmax())])
        by_tag = [[sum(q for q, w in zip(p, ways, strict=True) if w[t] == k) for k in range(3)] for t in range(n)]
        np.testing.assert_allclose(shares[i].detach().numpy(), by_tag, atol=1e-12)
    assert float(chain.mean_loss(batch).detach()) == pytest.approx(total / 5, rel=1e-12)


def test_without_reach_a_step_is_scored_alone():
    with torch.random.fork_rng():
        net, wide = (WindowTagger(SymbolVectors(5, 4), 2, reach=reach) for reach in (0, 1))
    one, other = (net(torch.tensor([row]), torch.tensor([3])) for row in ([0, 1, 2], [4, 1, 3]))
    assert torch.equal(one[0, 1], other[0, 1])
    one, other = (wide(torch.tensor([row]), torch.tensor([3])) for row in ([0, 1, 2], [4, 1, 3]))
    assert not torch.equal(one[0, 1], other[0, 1])


def test_a_field_of_words_finds_names_of_two_words():
    rows = [text.split() for text in ("ann left new york", "new ideas please ann", "ann likes york")] * 4
    tags = [["O", "O", "B-X", "I-X"], ["O", "O", "O", "O"], ["O", "O", "O"]] * 4
    found = pn.Tagger(pn.model("crf", width=8), epochs=25, lr=0.1, progress=False).fit(rows, tags)
    assert found.predict(rows[:3]) == tags[:3]


@pytest.mark.parametrize(("options", "words"), [({"reach": -1}, "reach is at least 0"), ({"width": 0}, "width is at")])
def test_settings_that_mean_nothing_are_refused(options, words):
    with pytest.raises(pn.SettingError, match=words):
        pn.Tagger(pn.model("crf", **options), epochs=1).fit([np.zeros((2, 1))], [["a", "b"]])
