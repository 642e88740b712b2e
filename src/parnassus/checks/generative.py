"""Autoencoders, diffusion and adversarial games against torch, scipy and diffusers."""

from typing import Any

import numpy as np
import torch

from ..functional.autoencoding import kl_to_standard, principal_angles
from ..functional.diffusion.process import clean_and_noise, noised
from ..functional.diffusion.samplers import ddim_step
from ..functional.diffusion.schedules import noise_schedule
from ..functional.metrics.generation import frechet_distance
from ..functional.metrics.sample_quality import parzen_log_density
from ..models.generative.gan import DCGANGenerator
from ..models.generative.image_translation import cyclegan
from ..models.generative.unet_diffusion import DiffusionUNet
from ..train.randomness import kept_random
from . import check, gap


@check("vae", oracle="torch", tolerance=1e-12)
def divergences_against_torch() -> float:
    """KL(N(mu, diag sigma^2) || N(0, I)) against torch.distributions."""
    g = torch.Generator().manual_seed(0)
    mean, log_variance = (torch.randn(9, 4, generator=g, dtype=torch.float64) for _ in range(2))
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    p = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    theirs = torch.distributions.kl_divergence(q, p).sum(1)
    return gap(kl_to_standard(mean, log_variance), theirs)


@check("linear-ae-pca", oracle="scipy", tolerance=1e-10)
def angles_of_spaces_against_scipy() -> float:
    """Principal angles against scipy.linalg.subspace_angles."""
    from scipy.linalg import subspace_angles

    a, b = np.random.default_rng(0).normal(size=(2, 7, 3))
    ours = principal_angles(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    return gap(ours, np.sort(subspace_angles(a, b)))


@check("fid", oracle="scipy", tolerance=1e-8)
def frechet_distances_against_scipy() -> float:
    """The distance of two Gaussians against the one through scipy.linalg.sqrtm."""
    from scipy.linalg import sqrtm

    a, b = (m @ m.T for m in np.random.default_rng(0).normal(size=(2, 5, 5)))
    theirs = float(np.trace(a + b - 2 * np.real(sqrtm(a @ b))))
    zero = torch.zeros(5)
    return gap(frechet_distance(zero, torch.from_numpy(a), zero, torch.from_numpy(b)), theirs)


def scheduler(name: str) -> Any:
    """diffusers' scheduler with the linear schedule of the paper."""
    import diffusers  # type: ignore[import-not-found, unused-ignore]

    made: Any = getattr(diffusers, name)
    return made(num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear", clip_sample=False)


@check("forward-diffusion", oracle="diffusers", tolerance=1e-5)
def noising_against_diffusers() -> float:
    """x_t of a few steps against DDPMScheduler.add_noise."""
    g = torch.Generator().manual_seed(0)
    x, noise = (torch.randn(3, 2, 4, 4, generator=g) for _ in range(2))
    t = torch.tensor([1, 300, 990])
    theirs = scheduler("DDPMScheduler").add_noise(x, noise, t - 1)
    return gap(noised(x, t, noise, noise_schedule()), theirs)


@check("fast-samplers", oracle="diffusers", tolerance=1e-4)
def ddim_steps_against_diffusers() -> float:
    """One step of twenty back, without and with noise, against DDIMScheduler.step."""
    theirs, schedule = scheduler("DDIMScheduler"), noise_schedule()
    theirs.set_timesteps(50)
    g = torch.Generator().manual_seed(0)
    x, noise, z = (torch.randn(2, 3, generator=g) for _ in range(3))
    off = []
    for eta in (0.0, 1.0):
        step = theirs.step(noise, 500, x, eta=eta, variance_noise=z if eta else None).prev_sample
        clean, _ = clean_and_noise("noise", noise, x, torch.full((2,), 501), schedule)
        off.append(gap(ddim_step(x, clean, noise, 501, 481, schedule, eta=eta, z=z), step))
    return max(off)


@check("time-conditioned-denoiser", oracle="(published)", tolerance=0)
def unet_parameter_count() -> float:
    """Parameters of the CIFAR layout against the published 35,746,307."""
    with torch.device("meta"):
        net = DiffusionUNet(3, (128, 256, 256, 256), attends=(False, True, False, False))
    return gap(sum(p.numel() for p in net.parameters()), 35_746_307)


@check("dcgan", oracle="(published)", tolerance=0)
def dcgan_parameter_count() -> float:
    """Parameters of the generator of 64 x 64 pictures against the published 3,576,704."""
    with kept_random(torch.device("cpu"), 0):
        net = DCGANGenerator(100, 3, (64, 64), 64)
    return gap(sum(p.numel() for p in net.parameters()), 3_576_704)


@check("cyclegan", oracle="(published)", tolerance=0)
def cyclegan_parameter_counts() -> float:
    """Parameters of a translator of 256 x 256 pictures and of its critic against 11,378,179 and 2,764,737."""
    with torch.device("meta"), kept_random(torch.device("cpu"), 0):
        made = cyclegan(in_channels=3, image_size=(256, 256), n_outputs=3)
    counts = [sum(p.numel() for p in net.parameters()) for net in (made.to_b, made.critic_b)]
    return gap(counts, [11_378_179, 2_764_737])


@check("parzen-log-likelihood", oracle="scikit-learn", tolerance=1e-10)
def parzen_against_sklearn() -> float:
    """Log-densities under windows against sklearn.neighbors.KernelDensity."""
    from sklearn.neighbors import KernelDensity

    rows, samples = np.random.default_rng(0).normal(size=(2, 30, 3))
    theirs = KernelDensity(bandwidth=0.4).fit(samples).score_samples(rows)
    ours = parzen_log_density(torch.from_numpy(rows), torch.from_numpy(samples), 0.4).numpy()
    return gap(ours, theirs)
