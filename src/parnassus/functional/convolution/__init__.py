"""Convolution arithmetic over one, two or three axes: sizes, padding, products in every form, and fixed kernels.

Data are (batch, channels, *places) and kernels (n_out, n_in / groups, *taps), as torch has them; the number of places
says how many axes there are. A setting of an axis (stride, dilation, ...) is a number for all or one an axis.
"""

from .filters import FILTERS, box, finite_difference, gaussian, laplacian, line_detector, prewitt, sharpen, sobel
from .forms import (
    as_matrix,
    causal,
    depthwise_separable,
    locally_connected,
    pointwise,
    transposed,
    transposed_slowly,
    upsampled,
)
from .padding import MODES, padded, same_amounts
from .products import convolve, correlate, correlate_slowly, shift_gap
from .sizes import Reach, costs, dense_cost, output_size, receptive_fields, transposed_size

__all__ = [
    "FILTERS",
    "MODES",
    "Reach",
    "as_matrix",
    "box",
    "causal",
    "convolve",
    "correlate",
    "correlate_slowly",
    "costs",
    "dense_cost",
    "depthwise_separable",
    "finite_difference",
    "gaussian",
    "laplacian",
    "line_detector",
    "locally_connected",
    "output_size",
    "padded",
    "pointwise",
    "prewitt",
    "receptive_fields",
    "same_amounts",
    "sharpen",
    "shift_gap",
    "sobel",
    "transposed",
    "transposed_size",
    "transposed_slowly",
    "upsampled",
]
