"""Automatic differentiation in reverse, over NumPy arrays: a tape, broadcasting, Jacobians, and a picture of the graph.

    x = Variable([1.0, 2.0], name="x")
    y = (x * x).sum()
    y.backward()             # x.grad is [2, 4]

A `Variable` remembers which operation made it from which others, and how to send a slope back to each. Everything is
float64 on the CPU; on other devices torch.autograd does the same with its own arrays.
"""

from .derivatives import count_paths, gradient_check, gradients, graph, jacobian
from .operations import (
    average_pool2d,
    concatenate,
    conv2d,
    exp,
    log,
    log_softmax,
    matmul,
    max_pool2d,
    maximum,
    relu,
    sigmoid,
    softmax,
    sqrt,
    stack,
    tanh,
)
from .variable import Variable

__all__ = [
    "Variable",
    "average_pool2d",
    "concatenate",
    "conv2d",
    "count_paths",
    "exp",
    "gradient_check",
    "gradients",
    "graph",
    "jacobian",
    "log",
    "log_softmax",
    "matmul",
    "max_pool2d",
    "maximum",
    "relu",
    "sigmoid",
    "softmax",
    "sqrt",
    "stack",
    "tanh",
]
