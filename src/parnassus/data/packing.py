"""JSON values as one uint8 tensor, so that long lists never swell the header of a saved model."""

import json
from typing import Any

import torch
from torch import Tensor


def packed(value: Any) -> Tensor:
    """A JSON value as UTF-8 bytes; `unpacked` gives it back.

    >>> unpacked(packed([1, "two", None]))
    [1, 'two', None]
    """
    text = json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass")  # half a pair is a character as well
    return torch.frombuffer(bytearray(text), dtype=torch.uint8)


def unpacked(tensor: Tensor) -> Any:
    """The JSON value that `packed` packed."""
    return json.loads(bytes(tensor.cpu().numpy()))
