"""How probable each tag of a token is: by all chains of a tiny field, and by each token alone."""

import itertools

import numpy as np
import pytest
import torch

from parnassus.evaluation.tagging import evaluate_tagging
from parnassus.objectives.text.tagging import ChainTagging, TagRules, TokenTagging

N_TAGS, LENGTHS = 3, (4, 1, 2)
# B may begin; I follows B or I; O comes last: tags O, B, I
RULES = TagRules(
    torch.tensor([True, True, False]),
    torch.tensor([[True, True, False], [True, True, True], [True, True, True]]),
    torch.tensor([True, False, True]),
)


def field(kind):
    g = torch.Generator().manual_seed(3)
    scores = torch.randn(len(LENGTHS), max(LENGTHS), N_TAGS, generator=g, dtype=torch.float64)
    made = ChainTagging(torch.nn.Identity(), N_TAGS).double() if kind == "chain" else TokenTagging(torch.nn.Identity())
    with torch.no_grad():
        for p in made.parameters():
            p.copy_(torch.randn(p.shape, generator=g, dtype=torch.float64))
    made.outputs = lambda batch: scores
    return made, scores


def by_counting(made, scores, n, rules):
    """p of each tag at each token (n, N_TAGS), over all chains that the rules allow."""
    found, total = np.zeros((n, N_TAGS)), 0.0
    for tags in itertools.product(range(N_TAGS), repeat=n):
        steps = list(itertools.pairwise(tags))
        if rules is not None and not (
            rules.start[tags[0]] and rules.end[tags[-1]] and all(rules.transitions[a, b] for a, b in steps)
        ):
            continue
        worth = sum(float(scores[t, k]) for t, k in enumerate(tags))
        if isinstance(made, ChainTagging):
            worth += float(made.start[tags[0]] + made.end[tags[-1]] + sum(made.transitions[a, b] for a, b in steps))
        found[np.arange(n), tags] += np.exp(worth)
        total += np.exp(worth)
    return found / total


@pytest.mark.parametrize("kind", ["chain", "token"])
@pytest.mark.parametrize("rules", [None, RULES], ids=["free", "ruled"])
def test_marginals_are_those_of_all_chains_counted(kind, rules):
    made, scores = field(kind)
    batch = {"lengths": torch.tensor(LENGTHS)}
    with torch.no_grad():
        found = made.probabilities(batch, rules)
        for row, n, own in zip(found, LENGTHS, scores, strict=True):
            assert row.shape == (n, N_TAGS)
            np.testing.assert_allclose(row.numpy(), by_counting(made, own, n, rules), atol=1e-12)


def test_marginals_of_long_rows_in_single_precision_sum_to_one():
    g = torch.Generator().manual_seed(4)
    made = ChainTagging(torch.nn.Identity(), 5)
    scores = 30 * torch.randn(1, 900, 5, generator=g)
    made.outputs = lambda batch: scores
    (found,) = made.probabilities({"lengths": torch.tensor([900])})
    np.testing.assert_allclose(found.sum(1).numpy(), 1, atol=1e-9)
    assert float(found.min()) >= 0


def test_a_table_a_tag_and_the_confusion_by_hand():
    """Row one counts twice: N N V said N V V, then V said N; N: 2 of 2+1 said right, due 4."""
    true, said = [["N", "N", "V"], ["V"]], [["N", "V", "V"], ["N"]]
    found = evaluate_tagging(true, said, commonest="N", plain=True, sample_weight=[2, 1], n_bootstrap=0)
    assert found.classes == ["N", "V"]
    assert found.confusion == [[2, 2], [1, 2]]
    n, v = found.by_class
    assert (n["precision"], n["recall"], n["tokens"], n["said"]) == pytest.approx((2 / 3, 1 / 2, 4, 3))
    assert v["f1"] == pytest.approx(4 / 7)
    named = evaluate_tagging([["B-A", "O"]], [["O", "O"]], commonest="O", plain=False, n_bootstrap=0)
    assert named.classes == ["B-A", "O"]
    assert named.confusion == [[0, 1], [0, 1]]
    assert [row["name"] for row in named.by_class] == ["A"]
