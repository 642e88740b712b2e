"""New rows like those seen, as a user draws them."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import parnassus as pn
from parnassus.errors import DataError, DataWarning
from parnassus.functional.metrics.generation import mode_coverage
from parnassus.objectives.generative.gan import Adversarial

pytestmark = pytest.mark.slow

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = (DIGITS.reshape(-1, 8, 8) * 255 / 16).round().astype(np.uint8)[:200]
LABELS = LABELS[:200]
ANGLES = np.arange(8) * np.pi / 4
MODES = 2 * np.c_[np.cos(ANGLES), np.sin(ANGLES)]


def ring(n=800, seed=0):
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 8, n)
    return MODES[which] + 0.1 * rng.normal(size=(n, 2)), which


def covered(drawn, radius=0.5):
    return mode_coverage(torch.tensor(drawn).float(), torch.tensor(MODES).float(), radius=radius)


X, WHICH = ring()


@pytest.fixture(scope="module")
def diffusion():
    return pn.Generator("ddpm", epochs=60, lr=0.003, schedule="cosine", progress=False).fit(X, WHICH % 2)


def test_a_diffusion_covers_all_of_a_ring(diffusion):
    drawn = diffusion.sample(800, condition=np.arange(800) % 2, seed=0)
    found = covered(drawn)
    assert found.covered.all()
    assert found.astray < 0.4
    np.testing.assert_allclose(drawn.std(0), X.std(0), atol=0.15)
    assert diffusion.score(X, WHICH % 2) > -0.02


def test_a_class_that_is_asked_for_is_what_comes(diffusion):
    drawn = torch.tensor(diffusion.sample(400, condition=1, seed=0)).float()
    nearest = torch.cdist(drawn, torch.tensor(MODES).float()).argmin(1)
    assert float((nearest % 2 == 1).float().mean()) > 0.85


def test_samples_depend_on_the_seed_alone_and_survive_saving(diffusion, tmp_path):
    one = diffusion.sample(5, condition=[0, 1, 0, 1, 0], seed=3)
    assert np.array_equal(one, diffusion.sample(5, condition=[0, 1, 0, 1, 0], seed=3))
    assert not np.array_equal(one, diffusion.sample(5, condition=[0, 1, 0, 1, 0], seed=4))
    diffusion.save(tmp_path / "g.parnassus")
    back = pn.load(tmp_path / "g.parnassus")
    assert np.array_equal(one, back.sample(5, condition=[0, 1, 0, 1, 0], seed=3))


@pytest.mark.parametrize("options", [
    {"sampler": "ddpm", "n_sampled": 100}, {"sampler": "plms", "n_sampled": 20}, {"target": "velocity"},
    {"target": "clean"}, {"weighting": "bound"}, {"schedule": "cosine"}, {"n_steps": 60},
])  # fmt: skip
def test_every_option_of_a_diffusion_draws_rows_in_range(options):
    made = pn.Generator(pn.model("ddpm", **options), epochs=4, progress=False).fit(X)
    drawn = made.sample(50, seed=0)
    assert np.isfinite(drawn).all()
    assert np.abs(drawn).max() < 4


@pytest.mark.parametrize("with_classes", [False, True])
def test_pictures_come_back_as_bytes(with_classes):
    model = pn.model("ddpm", channels=(8, 16), n_sampled=5)
    made = pn.Generator(model, epochs=1, progress=False).fit(DIGITS, LABELS if with_classes else None)
    drawn = made.sample(3, condition=[0, 1, 2] if with_classes else None)
    assert drawn.shape == (3, 8, 8)
    assert drawn.dtype == np.uint8
    assert len(made.plot(4, condition=0 if with_classes else None).axes) >= 4
    metric = made.evaluate(DIGITS, LABELS if with_classes else None).headline
    assert 0 <= metric.value < 2


def test_the_bound_of_a_trained_diffusion_beats_that_of_an_untrained_one():
    trained, fresh = (
        pn.Generator(pn.model("ddpm", n_steps=50), epochs=n, lr=0.003, progress=False).fit(X) for n in (30, 1)
    )
    bounds = []
    for made in (trained, fresh):
        batch = made.codec_.prepare(made._rows(X[:200]).take(torch.arange(200)), "vector")
        with torch.no_grad():
            bounds.append(float(made.objective_.bound(batch, torch.Generator().manual_seed(0)).mean()))
    assert bounds[0] < bounds[1] - 0.3


def test_a_table_with_categories_comes_back_as_a_frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.normal(size=100), "c": rng.choice(["u", "v"], 100), "what": rng.choice(["p", "q"], 100)}
    )
    made = pn.Generator("ddpm", epochs=3, progress=False).fit(frame, target="what")
    drawn = made.sample(60, condition="p")
    assert list(drawn.columns) == ["a", "c"]
    assert set(drawn["c"]) == {"u", "v"}


def test_columns_are_learned_at_one_scale_and_come_back_in_their_own_units():
    rows = np.random.default_rng(0).normal(size=(200, 2)) * (0.01, 500) + (3, 1e4)
    made = pn.Generator("flow_matching", epochs=40, lr=0.003, progress=False).fit(rows)
    learned = made.codec_.prepare(made._rows(rows).take(torch.arange(200)), "vector")["x"]
    torch.testing.assert_close(learned.std(0), torch.ones(2), rtol=0.01, atol=0)
    drawn = made.sample(500, seed=0)
    np.testing.assert_allclose(drawn.std(0), rows.std(0), rtol=0.3)
    assert (np.abs(drawn.mean(0) - rows.mean(0)) < 0.3 * rows.std(0)).all()


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda g: g.sample(3), pn.SettingError, "condition"),
    (lambda g: g.sample(3, condition=7), pn.DataError, "7"),
    (lambda g: g.sample(3, condition=[0, 1]), pn.SettingError, "each of 3"),
    (lambda g: g.sample(0, condition=0), pn.SettingError, "1 row"),
    (lambda g: g.score(X), pn.DataError, "give the class"),
    (lambda g: g.plot(), pn.SettingError, "pictures"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_refused_in_words(diffusion, call, error, words):
    with pytest.raises(error, match=words):
        call(diffusion)


@pytest.mark.parametrize(("data", "options", "words"), [
    ((X, np.zeros(len(X))), {}, "class"), ((X,), {"n_sampled": 2000}, "n_sampled"), ((X,), {"sampler": "dpm"}, "ddpm"),
    ((X,), {"hidden": (8, 9)}, "equal widths"), ((DIGITS,), {"channels": (7,)}, "even"),
    ((np.where(X > 2, np.nan, X),), {}, "NaN"),
])  # fmt: skip
def test_what_cannot_be_learned_is_refused_at_fit(data, options, words):
    with pytest.raises(ValueError, match=words):
        pn.Generator(pn.model("ddpm", **options), epochs=1, progress=False).fit(*data)


def test_classes_are_not_asked_of_a_generator_without_them():
    made = pn.Generator("ddpm", epochs=1, progress=False).fit(X)
    with pytest.raises(pn.SettingError, match="no classes"):
        made.sample(2, condition=1)


def test_pictures_of_floats_beyond_1_are_refused():
    with pytest.raises(pn.DataError, match="255"):
        pn.Generator("ddpm", codec=pn.Image(), epochs=1, progress=False).fit(DIGITS.astype(float))


def test_a_report_sets_what_is_drawn_beside_what_was_given(tmp_path):
    draw = np.random.default_rng(0)
    pictures = draw.integers(0, 256, (40, 8, 8), dtype=np.uint8)
    small = pn.model("ddpm", channels=(4,), n_sampled=2)
    made = pn.Generator(small, epochs=1, progress=False).fit(pictures, np.arange(40) % 2)
    made.report(tmp_path / "pictures.html", pictures[:10], np.arange(10) % 2)
    page = (tmp_path / "pictures.html").read_text(encoding="utf-8")
    assert "Pictures given." in page
    assert "Pictures drawn, told in the same order what to be." in page
    table = pd.DataFrame({"size": draw.normal(size=60), "kind": draw.choice(["a", "b"], 60)})
    made = pn.Generator("gan", epochs=1, progress=False).fit(table)
    made.report(tmp_path / "table.html", table[:30])
    page = (tmp_path / "table.html").read_text(encoding="utf-8")
    assert "Column size, as given and as drawn." in page
    assert "Column kind, as given" not in page


@pytest.mark.parametrize("given", [np.zeros((20, 16, 16), np.uint8), np.random.default_rng(0).normal(size=(20, 3))])
def test_a_model_of_classes_asks_for_them_and_one_class_is_no_condition(given):
    with pytest.raises(DataError, match="the class of each row as y"):
        pn.Generator("ac_gan", epochs=1, progress=False).fit(given)
    with pytest.raises(DataError, match=r"one class, .*; leave y out"):
        pn.Generator("ddpm", epochs=1, progress=False).fit(given, ["same"] * len(given))


@pytest.mark.parametrize(("lipschitz", "named"), [("none", True), ("penalty", False)])
def test_what_has_collapsed_is_told_to_take_another_model(lipschitz, named, draws):
    still = nn.Linear(1, 2)
    nn.init.zeros_(still.weight)
    made = Adversarial(Alone(still), Alone(nn.Linear(2, 1)), (2,), 0, n_noise=1, lipschitz=lipschitz)
    x = torch.randn(50, 2)
    with pytest.warns(DataWarning, match="hardly differ") as seen:
        made.conclude(lambda: [{"x": x}])
    assert ("wgan_gp" in str(seen[0].message)) == named


class Alone(nn.Module):
    """A net that is told nothing."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x, told):
        return self.net(x)


def test_texts_as_bags_of_words_are_drawn_as_numbers(tmp_path):
    texts = ["the cat sat", "a dog ran far", "red fish", "ünï çödé text"] * 6
    make = pn.Generator("flow_matching", epochs=1, progress=False).fit(texts)
    drawn = make.sample(3, seed=0)
    assert drawn.shape == (3, make.facts_["in_features"])
    make.save(tmp_path / "texts.parnassus")
    np.testing.assert_array_equal(pn.load(tmp_path / "texts.parnassus").sample(3, seed=0), drawn)


def test_rows_that_are_no_numbers_are_not_handed_out(tmp_path):
    make = pn.Generator("flow_matching", epochs=1, progress=False).fit(X[:40])
    with torch.no_grad():
        next(make.objective_.parameters()).fill_(torch.nan)
    for ask in (lambda: make.sample(3), lambda: make.score(X[:40]), lambda: make.evaluate(X[:40])):
        with pytest.raises(DataError, match="learned too little, or diverged"):
            ask()
