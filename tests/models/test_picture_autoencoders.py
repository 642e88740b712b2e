"""VQ-VAE and masked autoencoders: shapes, sizes, what slopes reach, and that nothing hidden is seen."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.errors import DataError, SettingError

DIGITS = (load_digits().images * 15.9).astype(np.uint8)[..., None]
ODD = np.random.default_rng(0).integers(0, 255, (12, 9, 15, 3), dtype=np.uint8)


def made(name, image_size=(8, 8), in_channels=1, **options):
    builder = next(b for b in pn.model(name).builders("autoencoder"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return builder.make(in_channels=in_channels, image_size=image_size, **options).eval()


def test_the_published_quantizer_has_its_sizes():
    """Two strided 4 x 4 convolutions, blocks of a 3 x 3 and a 1 x 1 without biases, 256 wide; 32 x 32 becomes 8 x 8."""
    net = made("vq_vae", (32, 32), 3, channels=(256, 256), n_codes=512, width=64)
    block = 256 * 256 * 9 + 256 * 256
    coder = (3 * 16 + 1) * 256 + (256 * 16 + 1) * 256 + 2 * block + (256 + 1) * 64
    writer = (64 * 9 + 1) * 256 + 2 * block + (256 * 16 * 256 + 256) + (256 * 16 * 3 + 3)
    assert sum(p.numel() for p in net.parameters()) == coder + writer + 512 * 64
    assert net.codes({"x": torch.zeros(2, 3, 32, 32)}).shape == (2, 64)


def test_each_part_of_the_quantizers_loss_moves_its_own(draws):
    objective = made("vq_vae", beta=0.5).double()
    batch = {"x": torch.randn(6, 1, 8, 8, dtype=torch.float64).sigmoid()}
    errors, charged, _ = objective.parts(batch)
    (by_error,) = torch.autograd.grad(errors.sum(), objective.book, retain_graph=True, allow_unused=True)
    assert by_error is None  # what is rebuilt moves encoder and decoder
    encoder = next(objective.net.encoder.parameters())
    by_error, by_charge = (torch.autograd.grad(part.sum(), encoder, retain_graph=True)[0] for part in (errors, charged))
    assert float(by_error.abs().max()) > 0
    assert float(by_charge.abs().max()) > 0
    twice = made("vq_vae", beta=1.0).double()
    (doubled,) = torch.autograd.grad(twice.parts(batch)[1].sum(), next(twice.net.encoder.parameters()))
    torch.testing.assert_close(doubled, 2 * by_charge)


@pytest.mark.slow
def test_a_quantizer_rebuilds_pictures_from_whole_numbers(tmp_path):
    model = pn.Autoencoder("vq_vae", epochs=12, progress=False).fit(DIGITS[:600])
    found = model.evaluate(DIGITS[1500:])["reconstruction_error"]
    assert found.value < 0.6 * found.baseline
    codes = model.encode(DIGITS[1500:1510])
    assert codes.shape == (10, 4)
    assert (codes == codes.round()).all()
    assert len(np.unique(model.encode(DIGITS))) > 10
    np.testing.assert_array_equal(model.decode(codes), model.reconstruct(DIGITS[1500:1510]))
    model.save(tmp_path / "vq.parnassus")
    np.testing.assert_array_equal(pn.load(tmp_path / "vq.parnassus").encode(DIGITS[:20]), model.encode(DIGITS[:20]))
    for call, words in (
        (lambda: model.interpolate(DIGITS[:1], DIGITS[1:2]), "whole numbers from 0 to 127"),
        (lambda: model.decode(np.full((1, 4), 128)), "whole numbers from 0 to 127"),
        (lambda: model.decode(np.zeros((1, 3))), "has 4 numbers; got 3"),
    ):
        with pytest.raises(DataError, match=words):
            call()
    with pytest.raises(SettingError, match="cannot sample"):
        model.sample(2)


@pytest.mark.parametrize("share", [0.75, 0.5, 0.2])
def test_what_is_said_of_a_patch_does_not_come_from_it(share, draws):
    objective = made("mae", size="ti", n_layers=1, patch_size=2, share=share).double()
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    before = objective.rebuilt({"x": x})
    assert before.shape == x.shape
    changed = x.clone()
    changed[:, :, 2:4, 4:6] += 5  # one patch
    after = objective.rebuilt({"x": changed})
    torch.testing.assert_close(after[:, :, 2:4, 4:6], before[:, :, 2:4, 4:6])
    assert float((after - before).detach().abs().max()) > 1e-6  # others are told from it
    hidden = sum(torch.zeros(2, 16).scatter(1, order[:, objective.n_seen :], 1.0) for order in objective.orders(x))
    assert float(hidden.min()) >= 1


def test_the_loss_is_of_hidden_patches_alone(draws):
    objective = made("mae", size="ti", n_layers=1, patch_size=4, share=0.5).double()
    x, order = torch.randn(1, 1, 8, 8, dtype=torch.float64), torch.tensor([[2, 0, 3, 1]])
    said = objective.said(x, order).detach()
    squares = []
    for patch, (row, column) in ((3, (4, 4)), (1, (0, 4))):  # the two that stand last
        squares.append((said[0, patch].view(4, 4) - x[0, 0, row : row + 4, column : column + 4]).square().mean())
    assert float(objective.errors(x, order).detach()) == pytest.approx(float(sum(squares) / 2))


@pytest.mark.parametrize("size", [(8, 8), (7, 10)])
def test_training_begins_as_that_of_deviations_from_the_mean_picture(size, draws):
    objective = made("mae", size, 2, n_layers=1, patch_size=2, share=0.5).double()
    x = 3 + 0.2 * torch.rand(30, 2, *size, dtype=torch.float64)
    mean = x.mean(0, keepdim=True)
    deviation = (x - mean).square().mean().sqrt()
    order = torch.rand(30, objective.n_patches).argsort(1)
    before = objective.said((x - mean) / deviation, order).detach()
    seer = objective.model.states((x - mean) / deviation).detach()
    objective.begin({"x": x})
    torch.testing.assert_close(objective.said(x, order), objective.pixels(mean) + deviation * before)
    torch.testing.assert_close(objective.model.states(x), seer)  # what a classifier goes on from, too
    held = {name: value.clone() for name, value in objective.state_dict().items()}
    objective.begin({"x": x + 1})  # a second training goes on from the first
    assert all(torch.equal(value, held[name]) for name, value in objective.state_dict().items())


def test_pictures_that_are_all_one_begin_as_they_are(draws):
    objective = made("mae", (8, 8), 2, n_layers=1, patch_size=2, share=0.5)
    objective.begin({"x": torch.full((4, 2, 8, 8), 0.5)})
    assert all(value.isfinite().all() for value in objective.state_dict().values())


def test_weights_without_a_mean_picture_say_what_they_said(draws):
    objective, x = made("mae", (8, 8), 2, n_layers=1, patch_size=2, share=0.5), torch.rand(3, 2, 8, 8)
    said = objective.rebuilt({"x": x})
    older = {name: value.clone() for name, value in objective.state_dict().items() if name not in ("mean", "deviation")}
    objective.begin({"x": x})
    objective.load_state_dict(older)
    torch.testing.assert_close(objective.rebuilt({"x": x}), said)


@pytest.mark.slow
def test_a_classifier_goes_on_from_a_masked_autoencoder():
    seer = pn.model("mae", size="ti", n_layers=1, share=0.5)
    learned = pn.Autoencoder(seer, epochs=1, progress=False).fit(DIGITS[:64])
    fitted = pn.Classifier(pn.model("vit_ti", n_layers=1), start=learned, epochs=1, lr=0.0, progress=False)
    fitted.fit(DIGITS[:64], load_digits().target[:64])
    assert sorted(fitted.start_["new"]) == ["head.bias", "head.weight"]
    theirs = learned.objective_.model.state_dict()
    own = fitted.objective_.model.state_dict()
    assert all(torch.equal(own[name], theirs[name]) for name in theirs)
    with pytest.raises(SettingError, match="no picture is rebuilt from one"):
        learned.decode(learned.encode(DIGITS[:2]))


@pytest.mark.parametrize("name", ["vq_vae", "mae"])
def test_odd_sizes_are_borne(name):
    model = pn.Autoencoder(name, epochs=1, progress=False).fit(ODD)
    assert model.reconstruct(ODD).shape == ODD.shape


@pytest.mark.parametrize(("name", "options", "words"), [
    ("vq_vae", {"n_codes": 1}, "n_codes of at least 2"),
    ("vq_vae", {"channels": (8, 8, 8, 8)}, "halves pictures 4 times"),
    ("vq_vae", {"width": 0}, "1 or more"),
    ("mae", {"share": 1.0}, "share is of 16 patches"),
    ("mae", {"share": 0.0}, "share is of 16 patches"),
    ("mae", {"size": "tiny"}, "did you mean 'ti'"),
    ("mae", {"patch_size": 9}, "patch_size is from 1 to the picture's 8"),
    ("mae", {"decoder_width": 30}, "multiple of its four heads"),
    ("mae", {"decoder_layers": 0}, "decoder_layers"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(name, options, words):
    with pytest.raises((SettingError, DataError), match=words):
        pn.Autoencoder(pn.model(name, **options), epochs=1, progress=False).fit(DIGITS[:10])
