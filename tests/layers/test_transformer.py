"""Transformer layers against torch's with the same weights."""

import pytest
import torch
from torch import nn

from parnassus.errors import SettingError
from parnassus.functional.attention import padding_mask
from parnassus.layers.attention import KeyValueCache
from parnassus.layers.transformer import Decoder, DecoderLayer, Encoder, EncoderLayer, FeedForward

pytestmark = pytest.mark.usefixtures("draws")


def in_torchs_names(ours: EncoderLayer | DecoderLayer) -> dict[str, torch.Tensor]:
    names = {
        "attention.qkv.": "self_attn.in_proj_", "attention.out.": "self_attn.out_proj.",
        "cross.qkv.": "multihead_attn.in_proj_", "cross.out.": "multihead_attn.out_proj.",
        "feed_forward.inner.": "linear1.", "feed_forward.outer.": "linear2.",
    }  # fmt: skip
    found = {}
    for name, tensor in ours.state_dict().items():
        before = next((b for b in names if name.startswith(b)), "")
        found[names.get(before, "") + name[len(before) :]] = tensor
    return found


def spread(module: nn.Module) -> None:
    """Weights far from their first values, so that no norm is the identity and no bias 0."""
    for p in module.parameters():
        nn.init.normal_(p, std=0.4)


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_an_encoder_layer_is_torchs(norm, activation):
    ours = EncoderLayer(8, 2, hidden=12, norm=norm, activation=activation)
    spread(ours)
    theirs = nn.TransformerEncoderLayer(
        8, 2, 12, 0.0, activation=activation, norm_first=norm == "pre", batch_first=True
    )
    theirs.load_state_dict(in_torchs_names(ours))
    x, lengths = torch.randn(2, 5, 8, requires_grad=True), torch.tensor([3, 5])
    mask = padding_mask(lengths, 5)
    one, two = ours(x, mask=mask), theirs(x, src_key_padding_mask=~mask[:, 0])
    torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5)
    slopes = [torch.autograd.grad(z.square().sum(), x)[0] for z in (one, two)]
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_a_decoder_layer_is_torchs(norm):
    ours = DecoderLayer(8, 2, hidden=12, norm=norm)
    spread(ours)
    theirs = nn.TransformerDecoderLayer(8, 2, 12, 0.0, norm_first=norm == "pre", batch_first=True)
    theirs.load_state_dict(in_torchs_names(ours))
    y, memory = torch.randn(2, 4, 8), torch.randn(2, 5, 8)
    mask = padding_mask(torch.tensor([3, 5]), 5)
    causal = nn.Transformer.generate_square_subsequent_mask(4)
    wanted = theirs(y, memory, tgt_mask=causal, memory_key_padding_mask=~mask[:, 0], tgt_is_causal=True)
    torch.testing.assert_close(ours(y, memory, memory_mask=mask), wanted, rtol=1e-5, atol=1e-5)


def test_the_stacks_of_torchs_transformer_with_its_weights():
    theirs = nn.Transformer(8, 2, 2, 2, 12, 0.0, batch_first=True)
    encoder = Encoder([EncoderLayer(8, 2, hidden=12) for _ in range(2)], nn.LayerNorm(8))
    decoder = Decoder([DecoderLayer(8, 2, hidden=12) for _ in range(2)], nn.LayerNorm(8))
    for part, stack in ((theirs.encoder, encoder), (theirs.decoder, decoder)):
        spread(stack)
        for a, b in zip(part.layers, stack.layers, strict=True):
            a.load_state_dict(in_torchs_names(b))
        part.norm.load_state_dict(stack.last.state_dict())
    x, y = torch.randn(2, 5, 8), torch.randn(2, 4, 8)
    wanted = theirs(x, y, tgt_mask=nn.Transformer.generate_square_subsequent_mask(4))
    torch.testing.assert_close(decoder(y, encoder(x)), wanted, rtol=1e-5, atol=1e-5)


def test_the_published_sizes():
    def count(module):
        return sum(p.numel() for p in module.parameters())

    assert count(EncoderLayer(512, 8)) == 3_152_384
    assert count(DecoderLayer(512, 8)) == 4_204_032
    assert count(FeedForward(512, 2048)) == 2_099_712


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_layers_read_step_by_step_give_what_they_give_at_once(norm):
    layer, y, memory = DecoderLayer(8, 2, norm=norm, memory_width=6), torch.randn(2, 4, 8), torch.randn(2, 5, 6)
    cache, heard = KeyValueCache.empty(2, 2, 4, 4, like=y), layer.cross.answered(memory)
    steps = [layer(y[:, t : t + 1], heard, cache=cache) for t in range(4)]
    torch.testing.assert_close(torch.cat(steps, 1), layer(y, memory))


def test_dropout_works_in_training_alone():
    for rates in ({"dropout": 0.5}, {"attention_dropout": 0.5}, {"inner_dropout": 0.5}):
        layer, x = EncoderLayer(8, 2, **rates), torch.randn(2, 5, 8)
        assert not torch.equal(layer(x), layer(x))
        layer.eval()
        assert torch.equal(layer(x), layer(x))


@pytest.mark.parametrize("settings", [{"norm": "middle"}, {"activation": "swoosh"}, {"dropout": 1.0}, {"hidden": 0}])
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(SettingError):
        EncoderLayer(8, 2, **settings)
