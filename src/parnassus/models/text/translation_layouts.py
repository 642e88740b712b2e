"""The layouts of T5 and Marian in transformers, read and written."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from ...errors import DataError
from ...layers.transformer import DecoderLayer
from ...layouts import Keys, Layout, Tensors, register
from .foreign import ACTIVATIONS, BACK, Config, first_of, rate_of
from .marian import Marian
from .t5 import T5, T5Layer

# --- T5 ---------------------------------------------------------------------------------------------------------------


def _attention(theirs: str, ours: str, out: str, ending: str) -> list[tuple[str, str]]:
    """The pairs of one attention, whose queries, keys and values are one matrix here."""
    parts = [(f"{theirs}{part}.{ending}", f"{ours}.qkv.{ending}[{i}]") for i, part in enumerate(out.split()[:3])]
    return [*parts, (f"{theirs}{out.split()[3]}.{ending}", f"{ours}.out.{ending}")]


def _t5_layers(side: str, feed: int, gated: bool) -> list[tuple[str, str]]:
    """The pairs of the layers of a side, whose feed-forward part is the `feed`-th."""
    dense = f"layer.{feed}.DenseReluDense"
    pairs = _attention("layer.0.SelfAttention.", "attention", "q k v o", "weight")
    pairs += [("layer.0.layer_norm.weight", "attention_norm.weight")]
    pairs += [(f"{dense}.{'wi_0' if gated else 'wi'}.weight", "feed_forward.inner.weight")]
    pairs += [(f"{dense}.wi_1.weight", "feed_forward.gate.weight")] if gated else []
    pairs += [
        (f"{dense}.wo.weight", "feed_forward.outer.weight"),
        (f"layer.{feed}.layer_norm.weight", "feed_norm.weight"),
    ]
    if side == "decoder":
        pairs += _attention("layer.1.EncDecAttention.", "cross", "q k v o", "weight")
        pairs += [("layer.1.layer_norm.weight", "cross_norm.weight")]
    return [(f"{side}.block.*.{theirs}", f"{side}.layers.*.{ours}") for theirs, ours in pairs]


def _t5_keys(gated: bool, tied: bool) -> Keys:
    table = [("shared.weight", "tokens.weight"), *([] if tied else [("lm_head.weight", "head.weight")])]
    for side, feed in (("encoder", 1), ("decoder", 2)):
        bias = f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        table += [(bias, f"{side}.by_distance.weight"), (f"{side}.final_layer_norm.weight", f"{side}.last.weight")]
        table += _t5_layers(side, feed, gated)
    return table


def _layer_of(net: T5) -> T5Layer:
    return cast(T5Layer, net.encoder.layers[0])


def _t5_keys_of(net: T5, head: str) -> Keys:
    return _t5_keys(_layer_of(net).feed_forward.gate is not None, net.head is None)


def _t5_seen(config: Config, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Any], Tensors]:
    """Whether the output's matrix is the table, which newer configurations do not say; without its copies."""
    head, table = tensors.get("lm_head.weight"), tensors.get("shared.weight")
    tied = head is None or (table is not None and torch.equal(head, table))
    kept = {name: tensor for name, tensor in tensors.items() if not (tied and name == "lm_head.weight")}
    scaled = config.get("scale_decoder_outputs", config.get("tie_word_embeddings", True) is not False)
    return dict(config) | {"tie_word_embeddings": tied, "scale_decoder_outputs": scaled}, kept


def _t5_options(config: Config) -> dict[str, Any]:
    gate, _, name = config.get("feed_forward_proj", "relu").rpartition("-")
    return {
        "width": config["d_model"],
        "n_layers": config["num_layers"],
        "n_decoder_layers": config.get("num_decoder_layers"),
        "n_heads": config["num_heads"],
        "size": config["d_kv"],
        "feed_forward": config["d_ff"],
        "activation": "gelu_tanh" if gate and name == "gelu" else ACTIVATIONS[name],
        "gated": bool(gate),
        "tied": config["tie_word_embeddings"],
        "scaled": config["scale_decoder_outputs"],
        "n_buckets": config.get("relative_attention_num_buckets", 32),
        "furthest": config.get("relative_attention_max_distance", 128),
        "dropout": float(config.get("dropout_rate", 0.1)),
        "eps": config.get("layer_norm_epsilon", 1e-6),
    }


def _t5(config: Config, head: str, facts: Config) -> nn.Module:
    options = _t5_options(config)
    start, end = config.get("decoder_start_token_id"), config.get("eos_token_id", 1)
    ids = {"start": config.get("pad_token_id", 0) if start is None else start, "end": end}
    return T5(config["vocab_size"], hidden=options.pop("feed_forward"), **options, **ids)


def _t5_config(net: T5) -> dict[str, Any]:
    layer = _layer_of(net)
    feed, own = layer.feed_forward, layer.attention
    kind = ("gated-" if feed.gate is not None else "") + BACK[feed.kind]
    return {
        "vocab_size": net.n_ids,
        "d_model": net.width,
        "d_kv": own.size,
        "d_ff": feed.inner.out_features,
        "num_layers": len(net.encoder.layers),
        "num_decoder_layers": len(net.decoder.layers),
        "num_heads": own.n_heads,
        "relative_attention_num_buckets": net.encoder.by_distance.num_embeddings,
        "relative_attention_max_distance": net.encoder.furthest,
        "dropout_rate": rate_of(layer.dropout),
        "layer_norm_epsilon": layer.attention_norm.eps,
        "feed_forward_proj": "gated-gelu" if kind == "gated-gelu_new" else kind,
        "tie_word_embeddings": net.head is None and net.scaled,
        "scale_decoder_outputs": net.scaled,
        "is_encoder_decoder": True,
        "decoder_start_token_id": net.start,
        "pad_token_id": 0,
        "eos_token_id": net.end,
    }


def _t5_head(net: T5) -> str:
    """The head "language", or "" where the layout has no word for a gate with the exact gelu."""
    feed = _layer_of(net).feed_forward
    return "" if feed.gate is not None and feed.kind == "gelu" else "language"


# --- Marian -----------------------------------------------------------------------------------------------------------


def _marian_keys(head: str) -> Keys:
    table = [("model.shared.weight", "targets.weight"), ("final_logits_bias", "offset")]
    for side, last in (("encoder", "norm2"), ("decoder", "norm3")):
        pairs = _attention("self_attn.", "attention", "q_proj k_proj v_proj out_proj", "*")
        pairs += [("self_attn_layer_norm.*", "norm1.*"), ("final_layer_norm.*", f"{last}.*")]
        pairs += [("fc1.*", "feed_forward.inner.*"), ("fc2.*", "feed_forward.outer.*")]
        if side == "decoder":
            pairs += _attention("encoder_attn.", "cross", "q_proj k_proj v_proj out_proj", "*")
            pairs += [("encoder_attn_layer_norm.*", "norm2.*")]
        table += [(f"model.{side}.layers.*.{theirs}", f"{side}.layers.*.{ours}") for theirs, ours in pairs]
    return table


def _marian_seen(config: Config, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Any], Tensors]:
    """The offset of the logits, which is 0 where a file lacks it."""
    return dict(config), {"final_logits_bias": torch.zeros(1, config["vocab_size"]), **tensors}


def _marian_options(config: Config) -> dict[str, Any]:
    for name in ("attention_heads", "ffn_dim"):
        if config[f"encoder_{name}"] != config[f"decoder_{name}"]:
            raise DataError(
                f"config.json: encoder_{name} and decoder_{name} are {config[f'encoder_{name}']} and "
                f"{config[f'decoder_{name}']}; here both sides are alike"
            )
    if config.get("decoder_vocab_size", config["vocab_size"]) != config["vocab_size"]:
        raise DataError("config.json: decoder_vocab_size differs from vocab_size; here both sides have one vocabulary")
    return {
        "width": config["d_model"],
        "n_layers": config["encoder_layers"],
        "n_decoder_layers": config["decoder_layers"],
        "n_heads": config["encoder_attention_heads"],
        "feed_forward": config["encoder_ffn_dim"],
        "activation": ACTIVATIONS[config.get("activation_function", "gelu").replace("swish", "silu")],
        "scaled": config.get("scale_embedding", False),
        "dropout": float(config.get("dropout", 0.1)),
        "attention_dropout": float(config.get("attention_dropout", 0.0)),
    }


def _marian(config: Config, head: str, facts: Config) -> nn.Module:
    options = _marian_options(config)
    start, end = config.get("decoder_start_token_id", config["vocab_size"] - 1), config.get("eos_token_id", 0)
    return Marian(config["vocab_size"], hidden=options.pop("feed_forward"), **options, start=start, end=end)


def _marian_config(net: Marian) -> dict[str, Any]:
    layer = first_of(net.encoder.layers)
    heads, hidden = layer.attention.n_heads, layer.feed_forward.inner.out_features
    return {
        "vocab_size": net.n_ids,
        "decoder_vocab_size": net.n_ids,
        "max_position_embeddings": 512,
        "d_model": net.width,
        "encoder_layers": len(net.encoder.layers),
        "decoder_layers": len(net.decoder.layers),
        "encoder_attention_heads": heads,
        "decoder_attention_heads": heads,
        "encoder_ffn_dim": hidden,
        "decoder_ffn_dim": hidden,
        "activation_function": BACK[layer.feed_forward.kind],
        "dropout": rate_of(layer.dropout),
        "attention_dropout": layer.attention.dropout,
        "scale_embedding": net.scale != 1,
        "is_encoder_decoder": True,
        "decoder_start_token_id": net.start,
        "pad_token_id": 0 if net.start == net.end else net.start,
        "eos_token_id": net.end,
        "forced_eos_token_id": None,
        "bos_token_id": None,
    }


def _marian_head(net: Marian) -> str:
    """The head "language", or "" where an activation has no name there."""
    return "language" if cast(DecoderLayer, net.decoder.layers[0]).feed_forward.kind in BACK else ""


register(
    Layout(
        "t5",
        {"T5ForConditionalGeneration": "language", "T5WithLMHeadModel": "language"},
        _t5,
        _t5_config,
        _t5_head,
        lambda head: _t5_keys(False, True),
        (T5,),
        unused=(r"(encoder|decoder)\.embed_tokens\.weight", r".*EncDecAttention\.relative_attention_bias\.weight"),
        assumed={
            "feed_forward_proj": (*ACTIVATIONS, *(f"gated-{name}" for name in ACTIVATIONS)),
            "is_decoder": (False,),
        },
        options=_t5_options,
        keys_of=_t5_keys_of,
        seen=_t5_seen,
    )
)
register(
    Layout(
        "marian",
        {"MarianMTModel": "language"},
        _marian,
        _marian_config,
        _marian_head,
        _marian_keys,
        (Marian,),
        unused=(r"model\.(encoder|decoder)\.embed_(positions|tokens)\.weight", r"lm_head\.weight"),
        assumed={
            "share_encoder_decoder_embeddings": (True,),
            "tie_word_embeddings": (True,),
            "normalize_before": (False,),
            "normalize_embedding": (False,),
            "add_final_layer_norm": (False,),
            "static_position_embeddings": (True,),
            "activation_function": (*ACTIVATIONS, "swish"),
        },
        options=_marian_options,
        seen=_marian_seen,
    )
)
