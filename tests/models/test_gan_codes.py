"""Critics of two answers: classes that were told, and kinds that were found."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.functional.adversarial import information_bound
from parnassus.functional.information import mutual_information
from parnassus.models.generative.gan_codes import ac_gan, info_gan, picture_players

ANGLES = np.arange(8) * np.pi / 4
MODES = 2 * np.c_[np.cos(ANGLES), np.sin(ANGLES)]
RNG = np.random.default_rng(0)
WHICH = RNG.integers(0, 8, 800)
X = MODES[WHICH] + 0.1 * RNG.normal(size=(800, 2))


def nearest(drawn):
    gap = np.linalg.norm(drawn[:, None] - MODES, axis=2)
    return gap.argmin(1), gap.min(1)


def test_the_bound_is_the_mutual_information_where_the_reader_knows_the_posterior():
    g = torch.Generator().manual_seed(0)
    rows_of_kind = torch.rand(3, 5, generator=g, dtype=torch.float64)  # p(row | kind)
    rows_of_kind = rows_of_kind / rows_of_kind.sum(1, keepdim=True)
    joint = rows_of_kind / 3
    exact = float(mutual_information(joint))
    kinds = torch.arange(3).repeat_interleave(5)

    def mean_bound(logits):  # over the joint: each pair counts by its chance
        each = [information_bound(logits[r : r + 1], k[None]) for k, r in zip(kinds, [*range(5)] * 3, strict=True)]
        return float((torch.stack(each) * joint.flatten()).sum())

    assert mean_bound(joint.T.log()) == pytest.approx(exact, abs=1e-12)
    assert mean_bound(joint.T.log() + torch.randn(5, 3, generator=g).double()) < exact


@pytest.mark.slow
def test_an_auxiliary_classifier_makes_rows_of_the_class_asked_for():
    made = pn.Generator("ac_gan", epochs=80, progress=False).fit(X, WHICH)
    asked = np.arange(400) % 8
    mode, gap = nearest(made.sample(400, condition=asked, seed=0))
    assert (mode == asked).mean() > 0.95
    assert (gap < 0.6).mean() > 0.9
    said = made.objective_.critic.said(torch.from_numpy(made._asked(made._rows(X), lambda b: b["x"])))
    assert (said.argmax(1).numpy() == WHICH).mean() > 0.95


@pytest.mark.slow
def test_an_information_gan_finds_the_kinds_by_itself(tmp_path):
    made = pn.Generator(pn.model("info_gan", n_kinds=8), epochs=80, progress=False).fit(X)
    kinds = made._asked(made._rows(X), made.objective_.kinds_of).argmax(1)
    table = np.array([[((kinds == i) & (j == WHICH)).sum() for j in range(8)] for i in range(8)])
    assert table.max(1).sum() / len(X) > 0.8  # rows of one mode are of one kind
    asked = torch.arange(8).repeat(20)
    with torch.no_grad():
        drawn = made.objective_.drawn_of(asked, torch.zeros(160, 0), torch.Generator().manual_seed(0))
    again = made.objective_.kinds_of({"x": drawn}).argmax(1)
    assert float((again == asked).float().mean()) > 0.9
    made.save(tmp_path / "i.parnassus")
    assert np.array_equal(pn.load(tmp_path / "i.parnassus").sample(3), made.sample(3))


def test_each_player_moves_its_own_and_every_weight_is_somebodys(draws):
    x, which = torch.randn(12, 2), torch.randint(3, (12,))
    vectors = {"in_channels": None, "image_size": None, "in_features": 2}
    told = ac_gan(**vectors, n_outputs=3, hidden=(8,), n_noise=4)
    found = info_gan(**vectors, n_kinds=3, n_numbers=1, hidden=(8,))
    for game, batch in ((told, {"x": x, "y": which}), (found, {"x": x})):
        moved = [p for phase in game.phases() for p in phase.params]
        assert {id(p) for p in moved} == {id(p) for p in game.parameters()}
        assert len(moved) == len(list(game.parameters()))
        for phase in game.phases():
            game.zero_grad()
            phase.loss(batch).backward()
            assert all(p.grad is not None for p in phase.params)
        game.zero_grad()
        game.criticise(batch).backward()
        assert all(p.grad is None for p in game.generator.parameters())


@pytest.mark.filterwarnings("ignore:the generator has collapsed")  # after one epoch it may
def test_pictures_are_made_by_dcgans_convolutions(draws):
    maker, critic = picture_players("ac_gan", 1, (16, 16), 3, 3, 8, 5)
    assert maker(torch.randn(2, 5), torch.eye(3)[:2]).shape == (2, 1, 16, 16)
    score, said = critic.both(torch.randn(2, 1, 16, 16))
    assert score.shape == (2,)
    assert said.shape == (2, 3)
    pictures = RNG.integers(0, 255, (24, 8, 8), dtype=np.uint8)
    made = pn.Generator(pn.model("ac_gan", width=4), epochs=1, progress=False).fit(pictures, np.arange(24) % 3)
    assert made.sample(3, condition=2).shape == (3, 8, 8)
    found = pn.Generator(pn.model("info_gan", width=4, n_kinds=3, n_numbers=2), epochs=1, progress=False).fit(pictures)
    assert found.sample(3).shape == (3, 8, 8)


@pytest.mark.parametrize(("name", "options", "words"), [
    ("ac_gan", {"naming": -1.0}, "naming"), ("ac_gan", {"hidden": ()}, "hidden"), ("info_gan", {"n_kinds": 1}, "kinds"),
    ("ac_gan", {"game": "hing"}, "hinge"), ("info_gan", {"informing": -1.0}, "informing"),
])  # fmt: skip
def test_what_cannot_be_played_is_refused(name, options, words):
    with pytest.raises(ValueError, match=words):
        pn.Generator(pn.model(name, **options), epochs=1, progress=False).fit(X, WHICH if name == "ac_gan" else None)


def test_an_auxiliary_classifier_without_classes_is_refused():
    with pytest.raises(ValueError, match=r"n_outputs|class"):
        pn.Generator("ac_gan", epochs=1, progress=False).fit(X)
    with pytest.raises(ValueError, match="class"):
        pn.Generator("info_gan", epochs=1, progress=False).fit(X, WHICH)
