"""Tags under the rules of their scheme: which chains are possible, the best of them, and Z, all by enumeration."""

import itertools
import math

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.text.tags import Tags
from parnassus.functional.metrics.tagging import Entity, entities
from parnassus.objectives.text.tagging import ChainTagging, TagRules, TokenTagging

NAMES = {
    "bio": ["O", "B-X", "I-X", "B-Y", "I-Y"],
    "iobes": ["O", "B-X", "I-X", "E-X", "S-X", "S-Y"],
    "bilou": ["O", "B-X", "I-X", "L-X", "U-X", "U-Y"],
}
WHOLE = {"bio": None, "iobes": ("B", "E", "S"), "bilou": ("B", "L", "U")}


def possible(tags, scheme):
    """By reading a row as a whole: entities cut out one by one, and nothing left over. Written without a table."""
    at = 0
    while at < len(tags):
        part, _, name = tags[at].partition("-")
        if part == "O":
            at += 1
            continue
        inner = at + 1
        while inner < len(tags) and tags[inner] == f"I-{name}":
            inner += 1
        if scheme == "bio":
            if part != "B":
                return False
            at = inner
            continue
        begin, end, single = WHOLE[scheme]
        if part == single:
            at += 1
        elif part == begin and inner < len(tags) and tags[inner] == f"{end}-{name}":
            at = inner + 1
        else:
            return False
    return True


def target_of(scheme):
    target = Tags(scheme=scheme)
    target.names, target.scheme = sorted(NAMES[scheme]), scheme
    return target


@pytest.mark.parametrize("scheme", NAMES)
def test_the_rules_allow_just_the_rows_that_can_be_read(scheme):
    target = target_of(scheme)
    start, follow, end = target.rules()
    for n in (1, 2, 3, 4):
        for row in itertools.product(range(len(target.names)), repeat=n):
            allowed = start[row[0]] and end[row[-1]] and all(follow[a, b] for a, b in itertools.pairwise(row))
            assert bool(allowed) == possible([target.names[i] for i in row], scheme), row
    assert Tags(scheme="plain").fit([["a", "b"]]).rules() is None


def drawn(kind, scheme, n=4):
    """An objective whose scores are given, its target, every chain's worth, and that of possible ones: not the best."""
    return next(
        case
        for case in (scored(kind, scheme, n, seed) for seed in range(9))
        if max(case[2].values()) > max(case[3].values())
    )


def scored(kind, scheme, n, seed):
    g = torch.Generator().manual_seed(seed)
    target = target_of(scheme)
    k = len(target.names)
    scores = 2 * torch.randn(1, n, k, generator=g, dtype=torch.float64)
    objective = (
        ChainTagging(torch.nn.Identity(), k) if kind == "chain" else TokenTagging(torch.nn.Identity())
    ).double()
    with torch.no_grad():
        for p in objective.parameters():
            p.copy_(torch.randn(p.shape, generator=g, dtype=torch.float64))
    objective.outputs = lambda batch: scores

    def worth(tags):
        s = sum(float(scores[0, t, i]) for t, i in enumerate(tags))
        if kind == "chain":
            s += float(objective.start[tags[0]] + objective.end[tags[-1]])
            s += sum(float(objective.transitions[a, b]) for a, b in itertools.pairwise(tags))
        return s

    with torch.no_grad():
        every = {tags: worth(tags) for tags in itertools.product(range(k), repeat=n)}
    readable = {tags: s for tags, s in every.items() if possible([target.names[i] for i in tags], scheme)}
    return objective, target, every, readable


@pytest.mark.parametrize("scheme", NAMES)
@pytest.mark.parametrize("kind", ["chain", "token"])
def test_the_best_possible_chain_is_said(kind, scheme):
    objective, target, every, readable = drawn(kind, scheme)
    batch = {"lengths": torch.tensor([4])}
    free = tuple(objective.tags(batch)[0])
    assert free == max(every, key=every.__getitem__)
    assert free not in readable
    assert tuple(objective.tags(batch, TagRules(*target.rules()))[0]) == max(readable, key=readable.__getitem__)


@pytest.mark.parametrize("scheme", NAMES)
def test_in_training_z_sums_over_possible_chains_alone(scheme):
    objective, target, every, readable = drawn("chain", scheme)
    y = min(readable, key=readable.__getitem__)
    batch = {"lengths": torch.tensor([4]), "y": torch.tensor([y])}
    free = objective.mean_loss(batch).item()
    assert free == pytest.approx((math.log(math.fsum(map(math.exp, every.values()))) - every[y]) / 4)
    objective.rules = TagRules(*target.rules())
    found = objective.mean_loss(batch)
    assert found.item() == pytest.approx((math.log(math.fsum(map(math.exp, readable.values()))) - readable[y]) / 4)
    assert found.item() < free
    found.backward()
    assert all(p.grad.isfinite().all() for p in objective.parameters())
    assert (objective.transitions.grad[~objective.rules.transitions] == 0).all()


def test_a_row_without_a_possible_chain_gets_tags_all_the_same():
    target = Tags(scheme="bilou")
    target.names, target.scheme = ["B-X", "L-X"], "bilou"
    objective = TokenTagging(torch.nn.Identity())
    objective.outputs = lambda batch: torch.tensor([[[0.0, 1.0]]])
    assert objective.tags({"lengths": torch.tensor([1])}, TagRules(*target.rules())) in ([[0]], [[1]])


def test_bilou_is_read_as_iobes_is():
    assert entities(["B-A", "I-A", "L-A", "U-B", "O", "U-A", "B-A", "L-A"]) == [
        Entity("A", 0, 3), Entity("B", 3, 4), Entity("A", 5, 6), Entity("A", 6, 8)
    ]  # fmt: skip
    assert Tags().fit([["U-A", "O", "B-B", "L-B"]]).scheme == "bilou"
    assert Tags().fit([["S-A", "O", "B-B", "E-B"]]).scheme == "iobes"
    with pytest.raises(pn.DataError, match=r"row 0, token 1: 'O' cannot stand behind 'B-A' in BILOU; .* B- or U-"):
        Tags(scheme="bilou").fit([["B-A", "O", "U-A"]])


def toy(n, scheme, seed=0):
    """Rows whose tags are hard to tell, so that a net that has learned little says impossible ones."""
    draw = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(n):
        k = int(draw.integers(1, 4))
        body = ["B-X", *["I-X"] * (k - 1)]
        if scheme == "bilou":
            body = ["U-X"] if k == 1 else [*body[:-1], "L-X"]
        before, behind = (int(draw.integers(0, 3)) for _ in range(2))
        X.append([str(draw.choice(list("abcd"))) for _ in range(before + k + behind)])
        y.append(["O"] * before + body + ["O"] * behind)
    return X, y


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["bio", "bilou"])
@pytest.mark.parametrize("model", ["bilstm", "bilstm_crf"])
def test_no_answer_of_a_tagger_is_impossible(model, scheme, tmp_path):
    X, y = toy(60, scheme)
    small = {"model": pn.model(model, width=8, hidden=8), "epochs": 12, "lr": 0.05, "progress": False}
    tagger = pn.Tagger(**small).fit(X, y)
    new, _ = toy(200, scheme, seed=1)
    assert all(possible(row, scheme) for row in tagger.predict(new))
    tagger.save(tmp_path / "t.parnassus")
    assert pn.load(tmp_path / "t.parnassus").predict(new) == tagger.predict(new)
    free = pn.Tagger(**small, constraints="none").fit(X, y)
    assert free.history_ == tagger.history_  # the constraint is of decoding alone
    if (model, scheme) == ("bilstm", "bio"):
        assert not all(possible(row, scheme) for row in free.predict(new))


def test_constraints_in_training_are_learned_under_and_refused_where_there_is_no_chain():
    X, y = toy(60, "bilou")
    small = {"epochs": 2, "lr": 0.02, "progress": False}
    net = pn.model("bilstm_crf", width=8, hidden=8)
    bound, free = (pn.Tagger(net, constraints=c, **small).fit(X, y) for c in ("training", "decoding"))
    assert bound.history_[0]["loss"] < free.history_[0]["loss"]
    assert all(possible(row, "bilou") for row in bound.predict(toy(50, "bilou", seed=1)[0]))
    with pytest.raises(pn.SettingError, match="constraints='training' is for chains"):
        pn.Tagger("bilstm", constraints="training", **small).fit(X, y)
    with pytest.raises(pn.SettingError, match="did you mean 'none'"):
        pn.Tagger("bilstm", constraints="nnone", **small).fit(X, y)
