"""The layouts of BERT and DistilBERT in transformers, read and written."""

from typing import Any

from torch import nn

from ...errors import SettingError
from ...layouts import Keys, Layout, register
from .bert import BERT, BERTWithHead
from .foreign import ACTIVATIONS, BACK, Config, first_of, labels_of, n_labels, rate_of

POOLED = ("none", "pretraining", "next", "sequence", "choice")
LAYER = [
    ("attention.self.query.*", "attention.qkv.*[0]"),
    ("attention.self.key.*", "attention.qkv.*[1]"),
    ("attention.self.value.*", "attention.qkv.*[2]"),
    ("attention.output.dense.*", "attention.out.*"),
    ("attention.output.LayerNorm.*", "norm1.*"),
    ("intermediate.dense.*", "feed_forward.inner.*"),
    ("output.dense.*", "feed_forward.outer.*"),
    ("output.LayerNorm.*", "norm2.*"),
]
DISTILLED = [
    ("attention.q_lin.*", "attention.qkv.*[0]"),
    ("attention.k_lin.*", "attention.qkv.*[1]"),
    ("attention.v_lin.*", "attention.qkv.*[2]"),
    ("attention.out_lin.*", "attention.out.*"),
    ("sa_layer_norm.*", "norm1.*"),
    ("ffn.lin1.*", "feed_forward.inner.*"),
    ("ffn.lin2.*", "feed_forward.outer.*"),
    ("output_layer_norm.*", "norm2.*"),
]


def _bert_keys(head: str) -> Keys:
    body = "" if head == "none" else "body."
    table = [
        ("bert.embeddings.word_embeddings.weight", f"{body}tokens.weight"),
        ("bert.embeddings.position_embeddings.weight", f"{body}place.weight"),
        ("bert.embeddings.token_type_embeddings.weight", f"{body}segments.weight"),
        ("bert.embeddings.LayerNorm.*", f"{body}norm.*"),
        *((f"bert.encoder.layer.*.{theirs}", f"{body}blocks.layers.*.{ours}") for theirs, ours in LAYER),
    ]
    table += [("bert.pooler.dense.*", f"{body}pooler.*")] if head in POOLED else []
    if head in ("masked", "pretraining"):
        table += [
            ("cls.predictions.transform.dense.*", "masked.inner.*"),
            ("cls.predictions.transform.LayerNorm.*", "masked.norm.*"),
            ("cls.predictions.bias", "masked.bias"),
        ]
    out = {"next": "cls.seq_relationship", "pretraining": "cls.seq_relationship", "span": "qa_outputs"}
    table += [(f"{out.get(head, 'classifier')}.*", "out.*")] if head not in ("none", "masked") else []
    return table


def _bert_options(config: Config) -> dict[str, Any]:
    return {
        "width": config["hidden_size"],
        "n_layers": config["num_hidden_layers"],
        "n_heads": config["num_attention_heads"],
        "hidden": config["intermediate_size"],
        "context": config.get("max_position_embeddings", 512),
        "dropout": float(config.get("hidden_dropout_prob", 0.1)),
        "attention_dropout": float(config.get("attention_probs_dropout_prob", 0.1)),
        "activation": ACTIVATIONS[config.get("hidden_act", "gelu")],
        "eps": config.get("layer_norm_eps", 1e-12),
    }


def _distilbert_options(config: Config) -> dict[str, Any]:
    return {
        "width": config["dim"],
        "n_layers": config["n_layers"],
        "n_heads": config["n_heads"],
        "hidden": config["hidden_dim"],
        "context": config.get("max_position_embeddings", 512),
        "dropout": float(config.get("dropout", 0.1)),
        "attention_dropout": float(config.get("attention_dropout", 0.1)),
        "activation": ACTIVATIONS[config.get("activation", "gelu")],
    }


def _bert(config: Config, head: str, facts: Config) -> nn.Module:
    rate = config.get("hidden_dropout_prob", 0.1)
    body = BERT(
        config["vocab_size"],
        context=config.get("max_position_embeddings", 512),
        width=config["hidden_size"],
        n_layers=config["num_hidden_layers"],
        n_heads=config["num_attention_heads"],
        hidden=config["intermediate_size"],
        n_segments=config.get("type_vocab_size", 2),
        pooler="tanh" if head in POOLED else "none",
        dropout=rate,
        attention_dropout=config.get("attention_probs_dropout_prob", 0.1),
        activation=ACTIVATIONS[config.get("hidden_act", "gelu")],
        eps=config.get("layer_norm_eps", 1e-12),
    )
    if head == "none":
        return body
    given = config.get("classifier_dropout")
    return BERTWithHead(body, head, n_outputs=n_labels(config, facts), dropout=rate if given is None else given)


def _bert_config(module: Any) -> dict[str, Any]:
    body: BERT = getattr(module, "body", module)
    layer = first_of(body.blocks.layers)
    config = {
        "vocab_size": body.vocab_size,
        "max_position_embeddings": body.context,
        "hidden_size": body.width,
        "num_hidden_layers": len(body.blocks.layers),
        "num_attention_heads": layer.attention.n_heads,
        "intermediate_size": layer.feed_forward.inner.out_features,
        "type_vocab_size": 0 if body.segments is None else body.segments.num_embeddings,
        "hidden_dropout_prob": rate_of(body.dropout),
        "attention_probs_dropout_prob": layer.attention.dropout,
        "hidden_act": BACK[layer.feed_forward.kind],
        "layer_norm_eps": layer.norm1.eps,
    }
    return config | _head_config(module)


def _head_config(module: Any) -> dict[str, Any]:
    if getattr(module, "kind", None) not in ("sequence", "token"):
        return {}
    return labels_of(module.out.out_features)


def _bert_head(module: Any) -> str:
    """The head of a BERT; "" where it is a DistilBERT, or nothing that the layout can say."""
    body: BERT = getattr(module, "body", module)
    head = getattr(module, "kind", "none")
    pooler = "tanh" if head in POOLED else "none"
    return head if body.segments is not None and body.pool == pooler else ""


def _distilbert_keys(head: str) -> Keys:
    body = "" if head == "none" else "body."
    table = [
        ("distilbert.embeddings.word_embeddings.weight", f"{body}tokens.weight"),
        ("distilbert.embeddings.position_embeddings.weight", f"{body}place.weight"),
        ("distilbert.embeddings.LayerNorm.*", f"{body}norm.*"),
        *((f"distilbert.transformer.layer.*.{theirs}", f"{body}blocks.layers.*.{ours}") for theirs, ours in DISTILLED),
    ]
    if head == "masked":
        table += [
            ("vocab_transform.*", "masked.inner.*"),
            ("vocab_layer_norm.*", "masked.norm.*"),
            ("vocab_projector.bias", "masked.bias"),
        ]
    table += [("pre_classifier.*", "body.pooler.*")] if head in ("sequence", "choice") else []
    out = "qa_outputs" if head == "span" else "classifier"
    return table + ([(f"{out}.*", "out.*")] if head not in ("none", "masked") else [])


def _distilbert(config: Config, head: str, facts: Config) -> nn.Module:
    body = BERT(
        config["vocab_size"],
        context=config.get("max_position_embeddings", 512),
        width=config["dim"],
        n_layers=config["n_layers"],
        n_heads=config["n_heads"],
        hidden=config["hidden_dim"],
        n_segments=0,
        pooler="relu" if head in ("sequence", "choice") else "none",
        dropout=config.get("dropout", 0.1),
        attention_dropout=config.get("attention_dropout", 0.1),
        activation=ACTIVATIONS[config.get("activation", "gelu")],
    )
    if head == "none":
        return body
    rate = {"sequence": "seq_classif_dropout", "choice": "seq_classif_dropout", "span": "qa_dropout"}.get(
        head, "dropout"
    )
    return BERTWithHead(body, head, n_outputs=n_labels(config, facts), dropout=config.get(rate, 0.1))


def _distilbert_config(module: Any) -> dict[str, Any]:
    body: BERT = getattr(module, "body", module)
    layer = first_of(body.blocks.layers)
    if layer.norm1.eps != 1e-12:
        raise SettingError(f"DistilBERT's norms have eps=1e-12, and these {layer.norm1.eps}; the layout cannot say it")
    config = {
        "vocab_size": body.vocab_size,
        "max_position_embeddings": body.context,
        "dim": body.width,
        "n_layers": len(body.blocks.layers),
        "n_heads": layer.attention.n_heads,
        "hidden_dim": layer.feed_forward.inner.out_features,
        "dropout": rate_of(body.dropout),
        "attention_dropout": layer.attention.dropout,
        "activation": BACK[layer.feed_forward.kind],
    }
    return config | _head_config(module)


def _distilbert_head(module: Any) -> str:
    body: BERT = getattr(module, "body", module)
    head = getattr(module, "kind", "none")
    pooler = "relu" if head in ("sequence", "choice") else "none"
    return head if body.segments is None and body.pool == pooler and head not in ("next", "pretraining") else ""


HEADS = {
    "Model": "none",
    "ForPreTraining": "pretraining",
    "ForMaskedLM": "masked",
    "ForNextSentencePrediction": "next",
    "ForSequenceClassification": "sequence",
    "ForTokenClassification": "token",
    "ForQuestionAnswering": "span",
    "ForMultipleChoice": "choice",
}

register(
    Layout(
        "bert",
        {f"Bert{name}": head for name, head in HEADS.items()},
        _bert,
        _bert_config,
        _bert_head,
        _bert_keys,
        (BERT, BERTWithHead),
        prefix="bert.",
        older=((r"LayerNorm\.gamma$", "LayerNorm.weight"), (r"LayerNorm\.beta$", "LayerNorm.bias")),
        unused=(r".*position_ids", r"cls\.predictions\.decoder\..*"),
        headed=("masked", "out", "pooler", "body.pooler"),
        assumed={
            "position_embedding_type": ("absolute", None),
            "is_decoder": (False,),
            "tie_word_embeddings": (True,),
            "hidden_act": tuple(ACTIVATIONS),
        },
        options=_bert_options,
    )
)
register(
    Layout(
        "distilbert",
        {f"DistilBert{name}": head for name, head in HEADS.items() if head not in ("next", "pretraining")},
        _distilbert,
        _distilbert_config,
        _distilbert_head,
        _distilbert_keys,
        (BERT, BERTWithHead),
        prefix="distilbert.",
        unused=(r".*position_ids", r"vocab_projector\.weight"),
        headed=("masked", "out", "body.pooler"),
        assumed={"tie_word_embeddings": (True,), "activation": tuple(ACTIVATIONS)},
        options=_distilbert_options,
    )
)
