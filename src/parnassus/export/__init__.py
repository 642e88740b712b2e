"""A fitted model as a file that runs without this library: ONNX, torch.export, smaller forms, and its card.

`to_onnx` and `to_program` write a file, run it, and say how far its answers lie from the estimator's, `to_arpa` writes
n-grams; `weigh` compares such files, pruned and distilled models by size, speed and score; `write_card` tells what a
model is and is not for.
"""

from .card import write_card
from .counts import to_arpa
from .files import Exported, to_onnx, to_program
from .weighing import Weighed, weigh

__all__ = ["Exported", "Weighed", "to_arpa", "to_onnx", "to_program", "weigh", "write_card"]
