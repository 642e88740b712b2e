"""ImageTranslator: what it learns with pairs and without, what it keeps, and what it refuses."""

import numpy as np
import pytest
from PIL import Image as Pillow
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus import ImageTranslator
from parnassus.estimators.fitting.intake import Examples

DIGITS = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)
A, B, TEST = DIGITS[:160], 255 - DIGITS[160:400], DIGITS[400:500]
TINY = {"epochs": 1, "batch_size": 32, "progress": False}


def error(made, right):
    return np.abs(made.astype(float) - right).mean() / 255


def small(name="cyclegan", **options):
    widths = {"width": 4, "n_blocks": 1} if name == "cyclegan" else {"width": 4}
    return ImageTranslator(pn.model(name, **widths | options), **TINY)


@pytest.mark.slow
def test_inversion_is_learned_without_pairs_and_there_and_back():
    net = pn.model("cyclegan", width=16, n_blocks=1, identity=0.0)
    made = ImageTranslator(net, epochs=14, batch_size=8, lr=0.001, seed=0, progress=False).fit(A, B)
    right = 255.0 - TEST
    turned = made.translate(TEST)
    assert error(TEST, right) > 0.7  # what doing nothing costs
    assert error(turned, right) < 0.3
    assert error(made.translate(turned, to="A"), TEST) < 0.15
    found = made.evaluate(TEST, 255 - DIGITS[500:600])
    assert found["squared_mmd"].value < 0.3 * found["squared_mmd"].baseline


@pytest.mark.slow
def test_outlines_are_learned_from_pairs():
    edges = np.abs(np.diff(DIGITS.astype(int), axis=2, prepend=0)).astype(np.uint8)
    net = pn.model("pix2pix", width=16)
    made = ImageTranslator(net, epochs=25, batch_size=16, lr=0.001, progress=False).fit(DIGITS[:400], edges[:400])
    found = made.evaluate(TEST, edges[400:500])["absolute_error"]
    assert found.value < 0.5 * found.baseline
    assert np.isclose(found.value, error(made.translate(TEST), edges[400:500]), atol=0.002)
    assert made.score(TEST, edges[400:500]) == -found.value


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cyclegan", "pix2pix"])
def test_it_is_saved_with_both_kinds_of_pictures(name, tmp_path):
    colours = np.stack([255 - DIGITS[:40]] * 3, -1)
    made = small(name).fit(DIGITS[:40], colours)
    turned = made.translate(DIGITS[:5])
    assert turned.shape == (5, 8, 8, 3)
    made.save(tmp_path / "t.parnassus")
    again = pn.load(tmp_path / "t.parnassus")
    assert np.array_equal(again.translate(DIGITS[:5]), turned)
    assert np.array_equal(again.predict(DIGITS[:5]), turned)
    if name == "cyclegan":
        assert again.translate(turned, to="A").shape == (5, 8, 8)


def test_folders_are_read_and_sizes_brought_together(tmp_path):
    for side, size in (("a", 9), ("b", 12)):
        (tmp_path / side).mkdir()
        for i in range(3):
            Pillow.fromarray(DIGITS[i]).resize((size, size)).save(tmp_path / side / f"{i}.png")
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    with pytest.raises(pn.DataError, match=r"size=\.\.\."):
        small().fit(a, b)
    made = ImageTranslator(pn.model("cyclegan", width=4, n_blocks=1), codec=pn.Image(size=8), **TINY).fit(a, b)
    assert made.translate(a).shape == (3, 8, 8)
    assert len(made.plot(a).axes) == 6


@pytest.mark.slow
def test_equal_seeds_give_equal_pictures_and_a_resumed_training_the_same(tmp_path):
    whole = ImageTranslator(pn.model("cyclegan", width=4, n_blocks=1), **TINY | {"epochs": 4}).fit(A, B)
    settings = TINY | {"epochs": 4, "out": str(tmp_path / "run"), "checkpoint_every": 5}
    stopped = ImageTranslator(pn.model("cyclegan", width=4, n_blocks=1), **settings)
    first = ImageTranslator.fit

    class Enough(Exception):
        pass

    from parnassus.train import trainer

    plain = trainer.Trainer.train_step

    def step(self, window):
        if self.step == 17:
            raise Enough
        plain(self, window)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer.Trainer, "train_step", step)
        with pytest.raises(Enough):
            first(stopped, A, B)
    resumed = ImageTranslator(pn.model("cyclegan", width=4, n_blocks=1), **settings | {"resume": True}).fit(A, B)
    assert np.array_equal(resumed.translate(TEST), whole.translate(TEST))


@pytest.mark.slow
def test_validation_holds_out_of_both_kinds():
    made = ImageTranslator(pn.model("cyclegan", width=4, n_blocks=1), **TINY).fit(A, B, validation=0.2)
    assert "validation_cycle" in made.history_[-1]
    assert made.data_["n_rows"] == 192
    made.fit(A, B, validation=(TEST, 255 - TEST[:7]))
    assert "validation_loss" in made.history_[-1]


REFUSED = {
    "no B": (lambda: small().fit(A), "pictures B"),
    "one picture": (lambda: small().fit(A[:1], B), "1 picture"),
    "a single picture": (lambda: small().fit(A[0], B), "single picture"),
    "a single coloured picture": (lambda: small().fit(np.zeros((8, 8, 3), np.uint8), B), "single picture"),
    "the same pictures": (lambda: small().fit(A, A.copy()), "same pictures"),
    "unpaired sizes": (lambda: small("pix2pix").fit(A, B), "160 pictures A and 240 B"),
    "other sizes": (lambda: small().fit(A, np.zeros((9, 12, 12), np.uint8)), "one size"),
    "odd sizes": (lambda: small().fit(np.zeros((4, 9, 9), np.uint8), np.ones((4, 9, 9), np.uint8)), "multiples of 4"),
    "floats to 255": (lambda: small().fit(A.astype(float), B), "255"),
    "weights without pairs": (lambda: small().fit(A, B, sample_weight=np.ones(240)), "pairs"),
    "a table": (lambda: small().fit([[1.0, 2.0], [3.0, 4.0]], B), "picture"),
    "a path that is none": (lambda: small().fit("no/such", B), "no folder"),
    "a target column": (lambda: small().fit(A, target="b"), "no column"),
    "another codec": (lambda: ImageTranslator("cyclegan", codec=pn.Table(), **TINY).fit(A, B), "pn.Image"),
    "another model": (lambda: ImageTranslator("cyclgan", **TINY).fit(A, B), "cyclegan"),
    "a share of 2": (lambda: small().fit(A, B, validation=2.0), "fraction"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_learned_is_refused(name):
    work, words = REFUSED[name]
    with pytest.raises(pn.ParnassusError, match=words):
        work()


def test_what_cannot_be_translated_is_refused():
    made = small().fit(A[:8], np.stack([B[:8]] * 3, -1))
    with pytest.raises(pn.DataError, match="give pictures A"):
        made.translate(np.stack([B[:2]] * 3, -1))
    with pytest.raises(pn.SettingError, match="C"):
        made.translate(A[:2], to="C")
    with pytest.raises(pn.DataError, match="single picture"):
        made.translate(A[0])
    with pytest.raises(pn.SettingError, match="one way"):
        small("pix2pix").fit(A[:8], B[:8]).translate(B[:2], to="A")
    with pytest.raises(pn.NotFitted):
        small().translate(A)
    with pytest.raises(pn.SettingError, match="both kinds"):
        made.report("x.html", A)
    with pytest.raises(pn.SettingError, match="validation"):
        made.report("x.html")


@pytest.mark.parametrize(
    ("model", "seen", "hidden"), [("pix2pix", "made worst", "way back"), ("cyclegan", "way back", "worst")]
)
def test_a_report_shows_both_kinds_and_gives_the_numbers(model, seen, hidden, tmp_path):
    net = small(model).fit(A[:8], B[:8], validation=0.25)
    found = net.report(tmp_path / "page.html", A[8:13], B[8:13])
    assert found.to_dict() == net.evaluate(A[8:13], B[8:13]).to_dict()
    page = (tmp_path / "page.html").read_text()
    assert seen in page
    assert hidden not in page
    assert "5 rows given" in page
    assert net.report(tmp_path / "held.html").n_rows == 2


def test_a_report_of_pairs_shows_those_made_worst_first():
    net = small("pix2pix").fit(A[:8], B[:8])
    off = net._errors(A[:8], B[:8])
    made = net.translate(A[:8]).astype(float)
    np.testing.assert_allclose(off, np.abs(made - B[:8]).mean((1, 2)) / 255, atol=1 / 255)
    assert f"off by {off.max():.3f} at most" in " ".join(net.figures(Examples(A[:8], B[:8])))


def test_a_search_takes_pairs_and_as_many_of_either_kind():
    found = pn.tune(small("pix2pix"), A[:12], B[:12], space={"lr": [1e-3, 1e-4]}, trials=2)
    assert found.best_params_["lr"] in (1e-3, 1e-4)
    with pytest.raises(pn.DataError, match="give 12 of each"):
        pn.tune(small(), A[:12], B[:15], space={"lr": [1e-3]}, trials=1)
    with pytest.raises(pn.DataError, match="no pictures B"):
        pn.tune(small(), A[:12], space={"lr": [1e-3]}, trials=1)
