"""What the foreign layouts of Transformers share: names of activations, labels, and sizes read off a net."""

from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from ...layers.transformer import EncoderLayer

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
}
BACK = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu", "silu": "silu"}
Config = Mapping[str, Any]


def rate_of(module: nn.Module) -> float:
    """The rate of a dropout; 0 of anything else."""
    return module.p if isinstance(module, nn.Dropout) else 0.0


def first_of(layers: nn.ModuleList) -> EncoderLayer:
    """The first layer, whose sizes are those of all."""
    return cast(EncoderLayer, layers[0])


def n_labels(config: Config, facts: Config) -> int:
    """How many classes a head answers with: as the caller says, as the labels are counted, else their default of 2."""
    known = len(config["id2label"]) if "id2label" in config else config.get("num_labels", 2)
    return int(facts.get("n_outputs", known))


def labels_of(n: int) -> dict[str, Any]:
    """The labels of n classes, as a configuration counts them."""
    return {"id2label": {str(i): f"LABEL_{i}" for i in range(n)}, "label2id": {f"LABEL_{i}": i for i in range(n)}}
