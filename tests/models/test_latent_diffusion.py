"""Latent diffusion: published sizes, diffusers' and transformers' answers with their weights, texts that are obeyed."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.audio.transcripts import Units
from parnassus.models.generative.latent_coder import LatentCoder
from parnassus.models.generative.latent_diffusion import latent_diffusion
from parnassus.models.generative.unet_text import TextUNet
from parnassus.models.text.text_tower import TextTower

pytestmark = pytest.mark.usefixtures("draws")
TINY = {"coder": (8, 16), "channels": (16,), "width": 16, "n_layers": 1, "n_tokens": 3, "n_steps": 50, "n_sampled": 5}


def loaded(ours, theirs, prefix=""):
    ours.load_state_dict({k.removeprefix(prefix): v for k, v in theirs.state_dict().items()})
    return ours.eval()


def test_b8_21_stable_diffusions_parts_have_their_published_sizes():
    with torch.device("meta"):
        parts = (
            TextUNet(4, (320, 640, 1280, 1280), context=768),
            TextTower(49_408, 768, n_layers=12, n_heads=12, n_tokens=77),
            LatentCoder(3, (128, 256, 512, 512)),
        )
    assert [sum(p.numel() for p in net.parameters()) for net in parts] == [859_520_964, 123_060_480, 83_653_863]


def test_the_unet_gives_diffusers_answers():
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed; it is the oracle here")
    looks = ("CrossAttnDownBlock2D",) * 2, ("CrossAttnUpBlock2D",) * 2
    theirs = diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=2, block_out_channels=(32, 64, 64),
        down_block_types=(*looks[0], "DownBlock2D"), up_block_types=("UpBlock2D", *looks[1]),
        cross_attention_dim=16, attention_head_dim=8,
    ).eval()  # fmt: skip
    ours = loaded(TextUNet(4, (32, 64, 64), context=16), theirs)
    x, t, context = torch.randn(2, 4, 8, 8), torch.tensor([3, 700]), torch.randn(2, 5, 16)
    with torch.no_grad():
        torch.testing.assert_close(ours(x, t, context), theirs(x, t, context).sample, rtol=1e-4, atol=1e-5)


def test_the_coder_gives_diffusers_answers():
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed; it is the oracle here")
    theirs = diffusers.AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(32, 64), layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    ).eval()  # fmt: skip
    ours = loaded(LatentCoder(3, (32, 64)), theirs)
    x, z = torch.randn(2, 3, 16, 16), torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        mean, log_variance = ours.posterior(x)
        torch.testing.assert_close(mean, theirs.encode(x).latent_dist.mean, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(log_variance, theirs.encode(x).latent_dist.logvar, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours.decode(z), theirs.decode(z).sample, rtol=1e-4, atol=2e-5)


def test_the_tower_gives_transformers_answers():
    transformers = pytest.importorskip("transformers", reason="transformers is not installed; it is the oracle here")
    config = transformers.CLIPTextConfig(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=10, bos_token_id=48, eos_token_id=49,
    )  # fmt: skip
    theirs = transformers.CLIPTextModel(config).eval()
    ours = loaded(TextTower(50, 32, n_layers=2, n_heads=4, n_tokens=10, hidden=64), theirs, "text_model.")
    ids = torch.randint(0, 48, (2, 10))
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).last_hidden_state, rtol=1e-5, atol=1e-6)


# --- the objective --------------------------------------------------------------------------------


def objective(**options):
    units = Units(("", "blue", "red", "row"), "words")
    return latent_diffusion(in_channels=3, image_size=(8, 8), n_outputs=None, units=units, **TINY | options)


def test_the_coder_learns_first_and_stays_as_it_is_while_the_net_learns():
    made = objective()
    first, second = made.phases()
    assert first.during == (0.0, 0.4)
    assert second.during == (0.4, 1.0)
    assert {id(p) for p in first.params} == {id(p) for p in made.coder.parameters()}
    y = torch.tensor([[1, 3], [2, 0], [2, 3], [0, 0]])
    batch = {"x": torch.rand(4, 3, 8, 8), "y": y, "y_lengths": torch.ones(4)}
    second.loss(batch).backward()
    assert all(p.grad is None for p in made.coder.parameters())
    assert all(p.grad is not None for p in made.net.parameters())


def test_maps_are_scaled_to_a_deviation_of_one_and_read_back_at_their_own():
    made, batch = objective(), {"x": torch.rand(64, 3, 8, 8)}
    assert float(made.clean(batch).std()) == pytest.approx(1, abs=0.05)
    scale = float(made.scale)
    made.clean({"x": torch.rand(8, 3, 8, 8) * 3})
    assert float(made.scale) == scale


def test_a_narrow_net_hears_its_step_and_keeps_published_groups_in_the_coder():
    made = objective()
    x, ids = torch.randn(2, 4, 4, 4), torch.tensor([[1, 3, 0], [2, 0, 0]])
    with torch.no_grad():
        first, later = (made.net(x, torch.full((2,), t), ids) for t in (1, 40))
        assert (later - first).norm() > 0.01 * first.norm()
        groups = {norm.num_groups for norm in made.coder.modules() if isinstance(norm, torch.nn.GroupNorm)}
        assert groups == {8, 16}
        made.net.load_state_dict({k: v for k, v in made.net.state_dict().items() if k != "least"})
        first, later = (made.net(x, torch.full((2,), t), ids) for t in (1, 40))
    assert (later - first).norm() < 1e-5 * first.norm()


def test_texts_are_filled_up_and_the_untold_are_all_filling():
    made = objective()
    ids = made.condition_of({"x": torch.zeros(2, 1), "y": torch.tensor([[1, 3], [2, 0]]), "y_lengths": torch.ones(2)})
    assert ids.tolist() == [[1, 3, 0], [2, 0, 0]]
    assert made.untold(ids, torch.tensor([False, True])).tolist() == [[1, 3, 0], [0, 0, 0]]
    assert made.condition_of({"x": torch.zeros(2, 1), "y": torch.tensor([0, 2])}).tolist() == [[1, 0, 0], [3, 0, 0]]
    with pytest.raises(pn.DataError, match="4 words"):
        made.ids(torch.ones(1, 4, dtype=torch.long))


def test_the_divergence_is_that_from_a_standard_normal():
    coder, x = LatentCoder(3, (8, 16), n_blocks=1), torch.rand(2, 3, 8, 8)
    mean, log_variance = coder.posterior(x)
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    exact = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).flatten(1).sum(1) / 192
    before = torch.get_rng_state()
    charged = coder.loss(x, 1.0)
    torch.set_rng_state(before)
    torch.testing.assert_close(charged - coder.loss(x, 0.0), exact, rtol=1e-4, atol=1e-5)


# --- the estimator --------------------------------------------------------------------------------


def bars(n=160):
    """Pictures of one bar, red or blue, in a row or a column, and what they show in words."""
    rng, X, words = np.random.default_rng(0), np.full((n, 8, 8, 3), 20, np.uint8), []
    for i in range(n):
        colour, lying = rng.integers(2, size=2)
        at, paint = rng.integers(0, 5), [(230, 30, 30), (30, 30, 230)][colour]
        if lying:
            X[i, at : at + 3] = paint
        else:
            X[i, :, at : at + 3] = paint
        words.append(f"{['Red', 'blue'][colour]} {['column', 'row'][lying]}")
    return X, words


@pytest.mark.slow
def test_pictures_show_what_the_text_says(tmp_path):
    X, words = bars()
    spec = pn.model("latent_diffusion", **TINY | {"coder": (16, 32), "channels": (32,), "n_steps": 200, "n_sampled": 10,
                                                  "guidance": 3.0})  # fmt: skip
    made = pn.Generator(spec, condition="text", epochs=30, batch_size=16, lr=0.002).fit(X, words)
    red, blue = (made.sample(24, condition=t).astype(float) for t in ("red row", "blue row"))
    assert red[..., 0].mean() - red[..., 2].mean() > blue[..., 0].mean() - blue[..., 2].mean() + 10
    made.save(tmp_path / "g.parnassus")
    again = pn.load(tmp_path / "g.parnassus")
    np.testing.assert_array_equal(again.sample(2, condition="red row"), made.sample(2, condition="red row"))
    assert again.classes_ is None
    with pytest.raises(pn.DataError, match="green"):
        made.sample(1, condition="green row")
    with pytest.raises(pn.SettingError, match="in words such as 'blue'"):
        made.sample(1)


@pytest.mark.parametrize("y", [None, "classes"])
def test_classes_or_nothing_may_be_told_as_well(y):
    X, words = bars(24)
    made = pn.Generator(pn.model("latent_diffusion", **TINY), epochs=2).fit(X, None if y is None else words)
    drawn = made.sample(3, condition=None if y is None else ["Red row", "blue row", "blue column"])
    assert drawn.shape == (3, 8, 8, 3)
    assert drawn.dtype == np.uint8


@pytest.mark.parametrize(("options", "words"), [
    ({"coding": 1.0}, "coding"), ({"n_tokens": 1}, "2 words"), ({"coder": (8, 16, 32, 64, 64)}, "need pictures"),
    ({"width": 0}, "at least 1"),
])  # fmt: skip
def test_settings_without_meaning_are_refused(options, words):
    X, y = bars(8)
    with pytest.raises((pn.SettingError, pn.DataError), match=words):
        pn.Generator(pn.model("latent_diffusion", **TINY | options), condition="text", epochs=1).fit(X, y)


def test_a_condition_is_a_class_or_a_text():
    X, y = bars(8)
    with pytest.raises(pn.SettingError, match="did you mean 'text'"):
        pn.Generator("latent_diffusion", condition="texts").fit(X, y)
    with pytest.raises(pn.SettingError, match="takes no texts"):
        pn.Generator("dcgan", condition="text", epochs=1).fit(X, y)


def test_texts_that_are_not_given_cannot_be_learned():
    with pytest.raises(pn.SettingError, match="give the texts as y"):
        pn.Generator("latent_diffusion", condition="text").fit(bars(4)[0])
