"""State-space systems: from continuous to discrete time, memories, and every way to run them over a sequence."""

from .discretization import (
    bilinear,
    bilinear_diagonal,
    derivative,
    discretized,
    euler,
    observed,
    zero_order_hold,
    zero_order_hold_diagonal,
)
from .dplr import Dplr, diagonal_kernel, dplr_discrete, dplr_kernel, legs_dplr, linear_spectrum
from .hippo import fourier, hippo, lagt, legs, legt, memory_of, recalled
from .modes import causal_convolution, fft_convolution, kernel, modes, recurrent, states_of
from .scan import composed, doubling_scan, frugal_scan, linear_scan, stepwise
from .selective import discrete_scan, selective_loop, selective_scan, selective_step, summed_form
from .ssd import ssd_chunked, ssd_loop, ssd_step

__all__ = [
    "Dplr",
    "bilinear",
    "bilinear_diagonal",
    "causal_convolution",
    "composed",
    "derivative",
    "diagonal_kernel",
    "discrete_scan",
    "discretized",
    "doubling_scan",
    "dplr_discrete",
    "dplr_kernel",
    "euler",
    "fft_convolution",
    "fourier",
    "frugal_scan",
    "hippo",
    "kernel",
    "lagt",
    "legs",
    "legs_dplr",
    "legt",
    "linear_scan",
    "linear_spectrum",
    "memory_of",
    "modes",
    "observed",
    "recalled",
    "recurrent",
    "selective_loop",
    "selective_scan",
    "selective_step",
    "ssd_chunked",
    "ssd_loop",
    "ssd_step",
    "states_of",
    "stepwise",
    "summed_form",
    "zero_order_hold",
    "zero_order_hold_diagonal",
]
