"""Patch transformers and decoders that are fed their forecasts: counts, parity with transformers, and the loops."""

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.unrolling import teacher_forced
from parnassus.layers.cells import GRU
from parnassus.layers.writing_forecasts import StepByStep
from parnassus.models.forecasting.patches import PatchTransformer, n_patches


def n_weights(net):
    return sum(p.numel() for p in net.parameters())


# --- patches --------------------------------------------------------------------------------------


def test_a_window_of_336_steps_has_42_patches_and_one_of_512_has_64():
    """The counts that Nie et al. 2023 name their two nets by."""
    assert n_patches(336, 16, 8, "repeated") == 42
    assert n_patches(512, 16, 8, "repeated") == 64


def test_its_weights_are_as_many_as_the_closed_form_says(draws):
    P, N, D, F, L, T = 16, 42, 128, 256, 3, 96
    net = PatchTransformer(336, T)
    layer = 4 * D * (D + 1) + 2 * D * F + F + D + 4 * D
    assert n_weights(net) == P * D + D + N * D + L * layer + (N * D + 1) * T == 921_184


def test_patches_overlap_by_half_and_repeat_the_last_value(draws):
    net = PatchTransformer(8, 1, length=4, stride=2, width=4, n_heads=1, n_layers=1, hidden=4)
    x = torch.arange(8.0)[None, :, None]
    found = net.patches(x, None, n_channels=1)[0]
    assert found.tolist() == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [6, 7, 7, 7]]


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_it_is_transformers_own_with_the_same_weights(draws, norm):
    transformers = pytest.importorskip("transformers", reason="transformers is the peer")
    config = transformers.PatchTSTConfig(
        num_input_channels=3, context_length=41, patch_length=8, patch_stride=4, prediction_length=5, d_model=12,
        num_hidden_layers=2, num_attention_heads=3, ffn_dim=20, norm_type=f"{norm}norm", pre_norm=norm == "layer",
        scaling="std", loss="mse", do_mask_input=False, use_cls_token=False, positional_encoding_type="random",
        share_embedding=True, share_projection=True, pooling_type=None,
    )  # fmt: skip
    peer = transformers.PatchTSTForPrediction(config).double().eval()
    net = PatchTransformer(
        41, 5, length=8, stride=4, width=12, n_layers=2, n_heads=3, hidden=20, end="cut", norm=norm, dropout=0.0
    )
    net = net.double().eval()
    with torch.no_grad():
        for p in peer.parameters():
            p.normal_(std=0.3)
        for b in (b for b in peer.modules() if isinstance(b, nn.BatchNorm1d)):
            b.running_mean.normal_()
            b.running_var.uniform_(0.5, 2)
    _copied(net, peer)
    x = torch.randn(4, 41, 3, dtype=torch.float64) * 5 + 2
    with torch.no_grad():
        said, theirs = net(x), peer(past_values=x).prediction_outputs
    torch.testing.assert_close(said, theirs.mT, rtol=1e-10, atol=1e-10)


def _copied(net, peer):
    """The peer's weights in ours."""
    inner = peer.model.encoder
    net.inputs.load_state_dict(inner.embedder.input_embedding.state_dict())
    net.places.data.copy_(inner.positional_encoder.position_enc)
    for ours, theirs in zip(net.encoder.layers, inner.layers, strict=True):
        attention = theirs.self_attn
        stacked = [getattr(attention, f"{name}_proj") for name in "qkv"]
        ours.attention.qkv.weight.data.copy_(torch.cat([part.weight for part in stacked]))
        ours.attention.qkv.bias.data.copy_(torch.cat([part.bias for part in stacked]))
        ours.attention.out.load_state_dict(attention.out_proj.state_dict())
        ours.feed_forward.inner.load_state_dict(theirs.ff[0].state_dict())
        ours.feed_forward.outer.load_state_dict(theirs.ff[3].state_dict())
        for norm, other in ((ours.norm1, theirs.norm_sublayer1), (ours.norm2, theirs.norm_sublayer3)):
            held = getattr(other, "batchnorm", other).state_dict()
            getattr(norm, "norm", norm).load_state_dict(held)
    net.encoder.last = nn.Identity()  # the peer has no norm behind its last layer
    net.head.load_state_dict(peer.head.projection.state_dict())


def test_a_channel_does_not_see_the_others(draws):
    net = PatchTransformer(16, 2, length=4, stride=2, width=8, n_heads=2, n_layers=1, hidden=8, dropout=0.0).eval()
    x = torch.randn(2, 16, 3)
    other = x.clone()
    other[..., 1:] += torch.randn(2, 16, 2)
    assert torch.equal(net(x)[:, 0], net(other)[:, 0])
    torch.testing.assert_close(net(3 * x + 7), 3 * net(x) + 7, rtol=1e-3, atol=1e-3)  # each window by its own scale


def test_a_window_shorter_than_a_patch_is_refused():
    with pytest.raises(SettingError, match="a patch has 16 steps, and the window 8"):
        pn.Forecaster("patch_transformer", horizon=2, history=8, epochs=1).fit(np.sin(np.arange(60.0)))


# --- a decoder that is fed ------------------------------------------------------------------------


def made(**settings):
    plan = {"hidden": 5, "n_layers": 2, "n_parameters": 1, "teaching": 1.0, **settings}
    return StepByStep(GRU, 2, 4, **plan).double()


def test_teacher_forcing_at_once_is_the_loop_over_steps(draws):
    net = made()
    x, y = torch.randn(3, 6, 2, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    looped = teacher_forced(net._step, x[:, -1, :1], y[..., None], net.encoder.run(x)[2])
    torch.testing.assert_close(net.taught(x, y), torch.stack(looped, 1).flatten(1))


def test_free_running_is_teacher_forcing_by_its_own_forecasts(draws):
    net = made()
    x = torch.randn(3, 6, 2, dtype=torch.float64)
    said = net(x)
    torch.testing.assert_close(net.taught(x, said), said)
    net.teaching = 0.0
    torch.testing.assert_close(net.taught(x, torch.randn_like(said)), said)  # the truth is never looked at


def test_what_goes_back_is_the_parameter_that_answers(draws):
    net = made(n_parameters=3)
    net.fed = 1
    x = torch.randn(2, 6, 2, dtype=torch.float64)
    said = net(x).unflatten(1, (4, 3))
    torch.testing.assert_close(net.taught(x, said[..., 1]), said.flatten(1))


@pytest.mark.slow
@pytest.mark.parametrize("distribution", ["point", "quantiles", "gaussian"])
def test_a_decoder_learns_a_wave_by_any_distribution(distribution):
    y = np.sin(np.arange(120) * 2 * np.pi / 8)
    made = pn.model("seq2seq", hidden=12, teaching=0.5)
    net = pn.Forecaster(made, horizon=8, history=8, epochs=40, lr=0.02, distribution=distribution, progress=False)
    said = net.fit(y).predict()
    assert np.abs(said - np.sin(np.arange(120, 128) * 2 * np.pi / 8)).mean() < 0.25  # repeating nothing is off by 0.6
    assert net.objective_.model.fed == (1 if distribution == "quantiles" else 0)


def test_the_strategy_of_that_name_says_which_model_it_is():
    with pytest.raises(SettingError, match="seq2seq"):
        pn.Forecaster("gru", strategy="sequence").fit(np.arange(40.0))


def test_settings_that_are_none_are_refused():
    for options, says in (({"cell": "gur"}, "gru"), ({"teaching": 2}, "probability"), ({"hidden": 0}, "at least 1")):
        with pytest.raises(SettingError, match=says):
            pn.Forecaster(pn.model("seq2seq", **options), horizon=2).fit(np.arange(40.0))
