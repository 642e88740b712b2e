"""Bayes' rule and what follows from it where it can be written down: conjugate posteriors, linear models, processes."""

from .conjugate import (
    BetaPosterior,
    GammaPosterior,
    NormalInverseGamma,
    NormalPosterior,
    bernoulli_posterior,
    categorical_posterior,
    normal_inverse_gamma,
    normal_posterior,
    poisson_posterior,
)
from .drawn import draw_weights, take_back_weights
from .generalised import GeneralisedLinear
from .kernel_sums import KernelSum
from .laplace_process import learn_classes
from .linear import LinearPosterior, evidence_maximum, linear_posterior
from .logistic import LogisticPosterior, logistic_evidence_maximum, logistic_posterior
from .process_evidence import learn_process
from .processes import (
    GaussianProcess,
    gaussian_process,
    linear_kernel,
    matern_kernel,
    periodic_kernel,
    rbf_kernel,
)
from .rule import grid_posterior, log_posterior_density, posterior_table
from .variational import (
    BackpropStep,
    bayes_by_backprop_gradients,
    kl_of_normals,
    mean_field_of_gaussian,
    normal_elbo,
)
from .weights import flipout_linear, local_linear, scale_mixture_log_prior

__all__ = [
    "BackpropStep",
    "BetaPosterior",
    "GammaPosterior",
    "GaussianProcess",
    "GeneralisedLinear",
    "KernelSum",
    "LinearPosterior",
    "LogisticPosterior",
    "NormalInverseGamma",
    "NormalPosterior",
    "bayes_by_backprop_gradients",
    "bernoulli_posterior",
    "categorical_posterior",
    "draw_weights",
    "evidence_maximum",
    "flipout_linear",
    "gaussian_process",
    "grid_posterior",
    "kl_of_normals",
    "learn_classes",
    "learn_process",
    "linear_kernel",
    "linear_posterior",
    "local_linear",
    "log_posterior_density",
    "logistic_evidence_maximum",
    "logistic_posterior",
    "matern_kernel",
    "mean_field_of_gaussian",
    "normal_elbo",
    "normal_inverse_gamma",
    "normal_posterior",
    "periodic_kernel",
    "poisson_posterior",
    "posterior_table",
    "rbf_kernel",
    "scale_mixture_log_prior",
    "take_back_weights",
]
