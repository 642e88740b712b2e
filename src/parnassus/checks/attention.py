"""Attention and Transformers against torch and transformers with the same weights, and against published sizes."""

import tempfile
from typing import Any

import torch
from torch import Tensor, nn

from .. import hub
from ..functional import attention
from ..functional.positions import sinusoidal
from ..layers.attention import MultiHeadAttention
from ..layers.positions import positions
from ..layers.transformer import Encoder, EncoderLayer
from ..models.text.bert import bert_of
from ..models.text.gpt import gpt2
from ..models.text.transformer import Transformer, TransformerNet
from ..models.vision.vit import ViT
from ..train.randomness import kept_random
from . import check, gap


def _drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@check("multi-head-attention", "self-attention", "attention-masks", oracle="torch", tolerance=1e-5)
def multi_head_attention_with_torchs_weights() -> float:
    """Outputs and weights by head, causal, against torch.nn.MultiheadAttention."""
    with kept_random(torch.device("cpu"), 0):
        ours, theirs = MultiHeadAttention(16, 4), nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        ours.qkv.weight.copy_(theirs.in_proj_weight)
        ours.out.load_state_dict(theirs.out_proj.state_dict())
    x, mask = _drawn(2, 6, 16), ~attention.causal_mask(6)
    return gap(ours(x, causal=True), theirs(x, x, x, attn_mask=mask)[0])


@check("scaled-dot-product-attention", oracle="torch", tolerance=1e-5)
def scaled_dot_product_against_torch() -> float:
    """softmax(q k' / sqrt d) v against torch.nn.functional.scaled_dot_product_attention."""
    q, k, v = _drawn(3, 2, 4, 7, 8)
    return gap(attention.scaled_dot_product(q, k, v).z, nn.functional.scaled_dot_product_attention(q, k, v))


@check("nadaraya-watson", oracle="statsmodels", tolerance=1e-6)
def kernel_regression_against_statsmodels() -> float:
    """Nadaraya-Watson with a Gaussian kernel against KernelReg of local constants."""
    import warnings

    from statsmodels.nonparametric.kernel_regression import KernelReg

    x, y = _drawn(2, 30).double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = KernelReg(y.numpy(), x.numpy(), "c", reg_type="lc", bw=[0.4])
        wanted = torch.from_numpy(peer.fit(x.numpy())[0])
    return gap(attention.nadaraya_watson(x, x, y, bandwidth=0.4), wanted)


@check("self-attention-backward", oracle="torch", tolerance=1e-10)
def slopes_of_self_attention_against_autograd() -> float:
    """The hand-derived slopes by x and by the three matrices against torch's autograd, in float64."""
    x, slope = _drawn(2, 5, 4).double()
    ws = [w.requires_grad_() for w in _drawn(3, 4, 4).double()]
    wanted = torch.autograd.grad(attention.self_attention(x, *ws).z, ws, slope)
    found = attention.self_attention_backward(slope, x, *(w.detach() for w in ws))[1:]
    return max(gap(a, b) for a, b in zip(found, wanted, strict=True))


def _encoder_layers(norm: str, activation: str, n: int) -> tuple[list[EncoderLayer], list[nn.TransformerEncoderLayer]]:
    """n layers of ours and of torch's with the same weights."""
    options: dict[str, Any] = {"norm_first": norm == "pre", "activation": activation, "batch_first": True}
    with kept_random(torch.device("cpu"), 0):
        theirs = [nn.TransformerEncoderLayer(16, 4, 32, 0.0, **options).eval() for _ in range(n)]
        ours = [EncoderLayer(16, 4, hidden=32, norm=norm, activation=activation).eval() for _ in range(n)]
    for one, other in zip(ours, theirs, strict=True):
        with torch.no_grad():
            one.attention.qkv.weight.copy_(other.self_attn.in_proj_weight)
        one.attention.out.load_state_dict(other.self_attn.out_proj.state_dict())
        one.feed_forward.inner.load_state_dict(other.linear1.state_dict())
        one.feed_forward.outer.load_state_dict(other.linear2.state_dict())
    return ours, theirs


@check("transformer-encoder-layer", "add-norm-post", "pre-norm-block", oracle="torch", tolerance=1e-5)
def encoder_layers_with_torchs_weights() -> float:
    """Layers with norms after and before against torch.nn.TransformerEncoderLayer."""
    worst, x = 0.0, _drawn(2, 6, 16)
    for norm in ("post", "pre"):
        (ours,), (theirs,) = _encoder_layers(norm, "relu", 1)
        worst = max(worst, gap(ours(x), theirs(x)))
    return worst


@check("transformer-classifier", "transformer-forecaster", oracle="torch", tolerance=1e-5)
def an_encoder_over_rows_with_torchs_layers() -> float:
    """Inputs and sinusoids through two of torch's layers with norms before, their mean or class vector, a head."""
    x, worst = _drawn(2, 6, 3), 0.0
    for pooling in ("mean", "class"):
        layers, theirs = _encoder_layers("pre", "gelu", 2)
        with kept_random(torch.device("cpu"), 1):
            encoder, place = Encoder(layers, nn.LayerNorm(16)), positions("sinusoidal", 16, context=8)
            options: dict[str, Any] = {"width": 16, "place": place, "pooling": pooling, "dropout": 0.0}
            net = TransformerNet(3, 2, encoder, **options).eval()
        h = net.inputs(x)
        if pooling == "class":
            nn.init.constant_(net.first, 0.5)
            h = torch.cat([net.first.expand(2, 1, 16), h], 1)
        h = h + sinusoidal(h.shape[1], 16)
        for layer in theirs:
            h = layer(h)
        h = nn.functional.layer_norm(h, (16,))
        worst = max(worst, gap(net(x), net.head(h.mean(1) if pooling == "mean" else h[:, 0])))
    return worst


@check("transformer", "gpt2", "bert", "vit", oracle="(published)", tolerance=0)
def published_numbers_of_parameters() -> float:
    """The base Transformer with 37,000 ids, GPT-2's four sizes, both BERTs, ViT-B/16: the largest difference."""
    with torch.device("meta"):
        found = [_count(Transformer(37_000, 37_000, final_norm=False, tied="all"))]
        found += [_count(gpt2(size)) for size in ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")]
        found += [_count(bert_of(size)) for size in ("bert-base", "bert-large")]
        found += [_count(ViT(in_channels=3, image_size=(224, 224), n_outputs=1000))]
    wanted = [63_082_496, 124_439_808, 354_823_168, 774_030_080, 1_557_611_200, 109_482_240, 335_141_888, 86_567_656]
    return gap(found, wanted)


def _theirs(name: str, config: str, **sizes: Any) -> tuple[Any, nn.Module]:
    """A net of transformers with random weights, and ours that read its folder."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with kept_random(torch.device("cpu"), 0), tempfile.TemporaryDirectory() as folder:
        theirs = getattr(transformers, name)(getattr(transformers, config)(**sizes)).eval()
        theirs.save_pretrained(folder)
        return theirs, hub.load(folder)


IDS = {"vocab_size": 40, "bos_token_id": None, "eos_token_id": None}


@check("gpt2", oracle="transformers", tolerance=1e-5)
def gpt2_logits_against_transformers() -> float:
    """GPT2LMHeadModel with random weights, saved, loaded here: equal logits."""
    theirs, ours = _theirs("GPT2LMHeadModel", "GPT2Config", n_embd=16, n_layer=2, n_head=4, n_positions=12, **IDS)
    ids = torch.arange(20).view(2, 10)
    with torch.no_grad():
        return gap(ours(ids), theirs(ids).logits)


@check("bert", "masked-language-modelling", oracle="transformers", tolerance=1e-5)
def bert_logits_against_transformers() -> float:
    """BertForMaskedLM with random weights, saved, loaded here: equal logits."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24}
    theirs, ours = _theirs("BertForMaskedLM", "BertConfig", vocab_size=40, **sizes)
    ids = torch.arange(20).view(2, 10)
    with torch.no_grad():
        return gap(ours(ids), theirs(ids).logits)


@check("vit", oracle="transformers", tolerance=1e-5)
def vit_logits_against_transformers() -> float:
    """ViTForImageClassification with random weights, saved, loaded here: equal logits."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24}
    theirs, ours = _theirs("ViTForImageClassification", "ViTConfig", image_size=8, patch_size=4, **sizes)
    x = _drawn(2, 3, 8, 8)
    with torch.no_grad():
        return gap(ours(x), theirs(x).logits)


BERT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24, "vocab_size": 40}


@check("next-sentence-prediction", "bert-sequence-head", "bert-span-head", oracle="transformers", tolerance=1e-5)
def heads_over_a_row_against_transformers() -> float:
    """Scores of the next sentence, of three classes, and of a span's start and end, of rows with two segments."""
    ids, segments, worst = torch.arange(20).view(2, 10), torch.arange(20).view(2, 10) % 10 // 6, 0.0
    for name in ("BertForNextSentencePrediction", "BertForSequenceClassification", "BertForQuestionAnswering"):
        labels = {} if "Question" in name else {"num_labels": 2 if "Next" in name else 3}
        theirs, ours = _theirs(name, "BertConfig", **BERT, **labels)
        with torch.no_grad():
            said = theirs(ids, token_type_ids=segments)
            wanted = torch.stack([said.start_logits, said.end_logits], -1) if "Question" in name else said.logits
            worst = max(worst, gap(ours(ids, segments=segments), wanted))
    return worst


@check("bert-choice-head", oracle="transformers", tolerance=1e-5)
def candidates_against_transformers() -> float:
    """One score for each of four candidates."""
    theirs, ours = _theirs("BertForMultipleChoice", "BertConfig", **BERT)
    ids = torch.arange(40).view(2, 4, 5)
    with torch.no_grad():
        return gap(ours(ids), theirs(ids).logits)
