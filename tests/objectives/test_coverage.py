"""Scores of a beam's texts as Wu et al. 2016 have them, beside a slow twin that goes over every text."""

import itertools
import math

import pytest
import torch

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.decoding import beam_search, coverage, length_divisor
from parnassus.layers.attention import kept_weights
from parnassus.train.randomness import kept_random

NETS = {
    "rnnsearch": {"width": 6, "hidden": 5, "n_maxout": 4},
    "conv_s2s": {"width": 6, "hidden": 5, "n_layers": 2, "dropout": 0.0},
    "transformer": {"width": 8, "n_heads": 2, "n_layers": 2, "dropout": 0.0},
}
END, NEVER, LONGEST = 4, (0, 1), 3
BATCH = {"x": torch.tensor([[3, 4, 5, 2, 8], [6, 2, 8, 0, 0]]), "lengths": torch.tensor([5, 3])}


def made(name):
    with kept_random(torch.device("cpu"), 3):
        facts = {"source_vocab_size": 9, "target_vocab_size": END + 1}
        objective = pn.model(name, **NETS[name]).make(task="translator", **facts).double().eval()
        with torch.no_grad():
            for parameter in objective.parameters():
                parameter.mul_(1.5 if name == "conv_s2s" else 3)  # weights that are far from alike, and none 0
    return objective


def weights_of(net, x, given):
    """Where a net looks for each unit (steps, n), by one pass that is given the text."""
    if hasattr(net, "kept"):
        net.kept = []
        scores = net(x, given, None)
        looked, net.kept = torch.stack([part[0] for part in net.kept]), None
        return scores[0].log_softmax(-1), looked
    with kept_weights(net) as kept:
        scores = net(x, given, None)
        looked = kept[[name for name in kept if name.endswith("cross")][-1]][0][0].mean(0)
    return scores[0].log_softmax(-1), looked


def slow(objective, row, alpha, beta):
    """Every text of at most LONGEST units with its score by the formula, in plain loops."""
    n = int(BATCH["lengths"][row])
    x, found = BATCH["x"][row : row + 1, :n], {}
    units = [i for i in range(END) if i not in NEVER]
    for length in range(1, LONGEST + 1):
        for body in itertools.product(units, repeat=length - 1):
            for last in [END] if length < LONGEST else [*units, END]:
                ids = [*body, last]
                with torch.no_grad():
                    log_p, looked = weights_of(objective.model, x, torch.tensor([[END, *ids[:-1]]]))
                log_p[:, list(NEVER)] = -torch.inf
                log_p = log_p.log_softmax(-1)
                total = sum(float(log_p[j, i]) for j, i in enumerate(ids))
                lp = (5 + len(ids)) ** alpha / (5 + 1) ** alpha
                cp = sum(math.log(min(sum(float(looked[j, i]) for j in range(len(ids))), 1.0)) for i in range(n))
                found[tuple(ids)] = total / lp + beta * cp
    return found


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("alpha", "beta"), [(0.6, 0.2), (0.0, 1.5), (1.0, 0.0)])
def test_every_text_has_the_score_of_the_formula(name, alpha, beta):
    objective = made(name)
    with torch.no_grad():
        found = objective.translate(
            BATCH, n_tokens=LONGEST, beam=40, n_best=40, length_penalty=alpha, never=NEVER, normalization="gnmt",
            coverage_penalty=beta,
        )  # fmt: skip
    for row, texts in enumerate(found):
        due = slow(objective, row, alpha, beta)
        assert {tuple(ids) for ids, _ in texts} == set(due)
        for ids, score in texts:
            assert score == pytest.approx(due[tuple(ids)], abs=1e-9), ids
        assert [score for _, score in texts] == sorted((score for _, score in texts), reverse=True)


def test_coverage_may_choose_another_text_and_none_changes_nothing():
    objective = made("rnnsearch")
    with torch.no_grad():
        settings = {"n_tokens": LONGEST, "beam": 40, "never": NEVER, "length_penalty": 0.0}
        plain, without = (objective.translate(BATCH, **settings, **more) for more in ({}, {"coverage_penalty": 0.0}))
        strong = objective.translate(BATCH, **settings, coverage_penalty=20.0)
    assert plain == without
    assert [row[0][0] for row in plain] != [row[0][0] for row in strong]
    assert objective.model.kept is None


def test_a_wider_beam_never_finds_a_worse_text_than_all_of_them():
    objective = made("transformer")
    settings = {"n_tokens": LONGEST, "never": NEVER, "length_penalty": 0.7, "normalization": "gnmt"}
    with torch.no_grad():
        scores = [
            [row[0][1] for row in objective.translate(BATCH, beam=beam, coverage_penalty=0.5, **settings)]
            for beam in (2, 3, 40)
        ]
    for few, some, every in zip(*scores, strict=True):
        assert max(few, some) <= every + 1e-12


def test_closed_forms():
    assert length_divisor(1, 0.6, "gnmt") == 1
    assert length_divisor(19, 0.5, "gnmt") == 2
    assert length_divisor(9, 0.5) == 3
    looked = torch.tensor([[1.4, 0.25, 0.0], [0.5, 0.5, 0.7]], dtype=torch.float64)
    heard = torch.tensor([[True, True, False], [True, True, True]])
    assert coverage(looked, heard).exp().tolist() == pytest.approx([0.25, 0.175])


def test_what_has_no_attention_is_refused(draws):
    facts = {"source_vocab_size": 9, "target_vocab_size": 5}
    net = pn.model("seq2seq", width=4, hidden=4).make(task="translator", **facts)
    with pytest.raises(SettingError, match="no attention to its source"):
        net.translate(BATCH, n_tokens=2, beam=2, coverage_penalty=0.1)
    with pytest.raises(SettingError, match="give a beam of 2 or more"):
        made("rnnsearch").translate(BATCH, n_tokens=2, coverage_penalty=0.1)
    with pytest.raises(SettingError, match="by attention"):
        beam_search(torch.zeros(1, 3), object(), beam=2, n_tokens=2, coverage_penalty=0.1)
    with pytest.raises(SettingError, match="coverage_penalty is at least 0"):
        made("rnnsearch").translate(BATCH, n_tokens=2, beam=2, coverage_penalty=-0.1)
    with pytest.raises(SettingError, match="did you mean 'gnmt'"):
        length_divisor(3, 1.0, "gmnt")


def test_a_translator_takes_both():
    pairs = [("a b c", "c b a"), ("b c", "c b"), ("c a", "a c"), ("a", "a")] * 4
    net = pn.Translator(pn.model("rnnsearch", width=8, hidden=8), epochs=2, progress=False).fit(pairs)
    best = net.translate(["a b", "c"], beam=3, n_best=2, normalization="gnmt", coverage_penalty=0.3)
    plain = net.translate(["a b", "c"], beam=3, n_best=2, normalization="gnmt")
    assert [len(row) for row in best] == [2, 2]
    assert all(a[0][1] <= b[0][1] + 1e-6 for a, b in zip(best, plain, strict=True))  # coverage only costs
    with pytest.raises(SettingError, match="goes by ln p alone"):
        net.translate(["a"], beam=2, choose="risk", coverage_penalty=0.1)
