"""Games of generators and critics, codes of autoencoders, scores of made pictures, against torch, scipy and sums."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..functional import adversarial, autoencoding, styles
from ..functional.diffusion import process, samplers, schedules
from ..functional.image_translation import cycle_consistency, patches
from ..functional.metrics import generation, latent_space
from ..layers.conditioning import ConditioningAugmentation
from ..models.generative.autoencoder import ConvAutoencoder, DenseAutoencoder, LSTMAutoencoder
from ..models.generative.image_translation import SkipTranslator
from ..objectives.generative.autoencoder import Reconstruction
from ..train.randomness import kept_random
from . import check, gap


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, float64."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


@check("gan-minimax-loss", "gan-nonsaturating-loss", "lsgan-loss", "wgan", oracle="torch", tolerance=1e-12)
def losses_of_the_players_against_torch() -> float:
    """The critic's and the generator's losses of four games from torch's losses of labels 1 and 0."""
    real, fake = drawn(40), drawn(40, seed=1) - 0.5
    ones, zeros = torch.ones_like(real), torch.zeros_like(real)
    logits = F.binary_cross_entropy_with_logits
    half = 0.5 * (logits(real, ones) + logits(fake, zeros))
    squares = 0.5 * (F.mse_loss(real, ones) + F.mse_loss(fake, zeros))
    return max(
        gap(adversarial.critic_loss("minimax", real, fake), half),
        gap(adversarial.generator_loss("minimax", fake), -logits(fake, zeros)),
        gap(adversarial.generator_loss("nonsaturating", fake), logits(fake, ones)),
        gap(adversarial.critic_loss("least_squares", real, fake), squares),
        gap(adversarial.generator_loss("least_squares", fake), 0.5 * F.mse_loss(fake, ones)),
        gap(adversarial.critic_loss("wasserstein", real, fake), fake.mean() - real.mean()),
    )


@check("wgan-gp", oracle="(closed form)", tolerance=1e-12)
def the_penalty_of_a_quadratic_critic() -> float:
    """Of the critic |x|^2 / 2, whose slope is x itself, at points between real and made rows."""
    real, fake, share = drawn(30, 4), drawn(30, 4, seed=1), torch.rand(30, generator=torch.Generator().manual_seed(0))
    between = share[:, None] * real + (1 - share[:, None]) * fake
    found = adversarial.gradient_penalty(lambda x: x.square().sum(1) / 2, real, fake, share.double())
    return gap(found.detach(), (between.norm(dim=1) - 1).square().mean())


@check("gan-equilibrium", oracle="scipy", tolerance=1e-4)
def the_worth_of_the_game_of_two_normal_laws() -> float:
    """-ln 4 + 2 JS of N(0, 1) and N(1, 1.5^2), by scipy's quadrature; and no other critic does better."""
    from scipy.integrate import quad
    from scipy.stats import norm

    one, two = norm(0, 1), norm(1, 1.5)

    def told(x: float) -> float:
        p, q = one.pdf(x), two.pdf(x)
        return float(p * math.log(p / (p + q)) + q * math.log(q / (p + q)))

    grid = np.linspace(-12, 14, 20_001)
    p, q = torch.from_numpy(one.pdf(grid)), torch.from_numpy(two.pdf(grid))
    cell = float(grid[1] - grid[0])
    best = adversarial.optimal_discriminator(p, q)

    def worth(d: Tensor) -> float:
        return float((p * d.log() + q * (1 - d).log()).sum() * cell)

    others = [worth((best + shift).clamp(1e-9, 1 - 1e-9)) for shift in (-0.01, 0.01)]
    beats = all(other <= worth(best) for other in others)
    return max(gap(adversarial.game_value(p, q, cell), quad(told, -12, 14)[0]), float(not beats))


@check("cycle-consistency-loss", "patchgan", oracle="torch", tolerance=1e-12)
def what_is_lost_on_the_way_and_back() -> float:
    """The cycle's loss of two linear maps from torch's L1 loss; patches as places and pixels of built layers."""
    a, b = drawn(2, 3, 4, 4), drawn(2, 3, 4, 4, seed=1)
    wanted = F.l1_loss((a * 2 + 1) / 3, a) + F.l1_loss(b / 3 * 2 + 1, b)
    layers = [(4, 2, 1)] * 3 + [(4, 1, 1)] * 2
    x = torch.zeros(1, 1, 256, 256)
    for kernel, stride, padding in layers:
        x = F.conv2d(x, torch.ones(1, 1, kernel, kernel), stride=stride, padding=padding)
    return max(
        gap(cycle_consistency(a, b, lambda x: x * 2 + 1, lambda x: x / 3), wanted),
        gap(patches(256, layers), (x.shape[2], 70)),  # the 70 pixels that the published critic is named after
    )


@check("inception-score", oracle="scipy", tolerance=1e-10)
def inception_scores_against_scipys_entropies() -> float:
    """exp of the mean divergence of 200 laws of ten classes from their mean."""
    from scipy.stats import entropy

    p = np.random.default_rng(0).dirichlet(np.ones(10) / 3, 200)
    wanted = math.exp(np.mean([entropy(row, p.mean(0)) for row in p]))
    return gap(generation.inception_score(torch.from_numpy(p)), wanted)


@check("gan-mode-collapse", oracle="(closed form)", tolerance=1e-12)
def collapsed_samples_are_told() -> float:
    """Samples on three of eight places of a ring: three covered, and the share that stands on another's place."""
    angle = torch.arange(8, dtype=torch.float64) * math.pi / 4
    ring = torch.stack([angle.cos(), angle.sin()], 1)
    found = generation.mode_coverage(ring[:3].repeat(10, 1), ring, radius=0.1)
    return max(gap(found.covered.sum(), 3), gap(found.duplicates, 27 / 30), gap(found.astray, 0))


@check("perceptual-path-length", "latent-linear-separability", "fcn-score", oracle="scikit-learn", tolerance=1e-5)
def measures_of_latent_spaces() -> float:
    """The speed of a linear generator on a straight path, planes that part and do not, and maps by scikit-learn's."""
    from sklearn.metrics import accuracy_score, jaccard_score

    a, b, w = drawn(50, 3), drawn(50, 3, seed=1), drawn(3, 7, seed=2)
    length = latent_space.perceptual_path_length(lambda z: z @ w, a, b, path="straight")
    rng = np.random.default_rng(0)
    asked = rng.integers(0, 4, (2, 8, 9))
    said = np.where(rng.random(asked.shape) < 0.7, asked, rng.integers(0, 4, asked.shape))
    scores = latent_space.fcn_score(asked, said, n_classes=4)
    z = torch.linspace(-1, 1, 40, dtype=torch.float64)[:, None]
    return max(
        gap(length / float(((b - a) @ w).square().sum(1).mean()), 1),
        gap(latent_space.linear_separability(z, (z > 0).long()), 1),
        gap(scores.pixel_accuracy, accuracy_score(asked.ravel(), said.ravel())),
        gap(scores.mean_iou, jaccard_score(asked.ravel(), said.ravel(), average="macro")),
    )


@check("reparameterisation", "sgvb", oracle="torch", tolerance=1e-10)
def bounds_of_a_variational_autoencoder() -> float:
    """Draws, their densities and the divergence against torch.distributions; estimator A's mean is estimator B's."""
    normal = torch.distributions.Normal
    mean, log_variance, noise = drawn(6, 3), drawn(6, 3, seed=1) / 3, drawn(4000, 6, 3, seed=2)
    q, prior = normal(mean, (log_variance / 2).exp()), normal(torch.zeros_like(mean), torch.ones_like(mean))
    z = autoencoding.reparameterized(mean, log_variance, noise)
    told = normal(0.0, 1.0).log_prob(z.sum(-1) - 1.0)
    draws = autoencoding.Draws(z, mean, log_variance, told)
    log_weights = told + prior.log_prob(z).sum(-1) - q.log_prob(z).sum(-1)
    divergence = torch.distributions.kl_divergence(q, prior).sum(-1)
    return max(
        gap(z, mean + (log_variance / 2).exp() * noise),
        gap(autoencoding.sgvb_a(draws), log_weights.mean(0)),
        gap(autoencoding.sgvb_b(draws), told.mean(0) - divergence),
    )


@check("sparse-ae", oracle="torch", tolerance=1e-10)
def the_penalty_of_busy_units() -> float:
    """The divergence of units that are on as often as rho from their mean activities, by torch.distributions."""
    h = torch.sigmoid(drawn(50, 8))
    bernoulli = torch.distributions.Bernoulli
    wanted = torch.distributions.kl_divergence(
        bernoulli(torch.tensor(0.05, dtype=torch.float64)), bernoulli(h.mean(0))
    ).sum()
    return gap(autoencoding.sparsity_penalty(h, 0.05), wanted)


@check("denoising-ae", oracle="(closed form)", tolerance=0.01)
def corrupted_rows_by_their_laws() -> float:
    """Noise of the spread asked for, zeros as often as asked for, and salt as often as pepper."""
    x = 0.5 * torch.ones(1000, 200)
    x[0, :2] = torch.tensor([0.0, 1.0])
    g = torch.Generator().manual_seed(0)
    noisy = autoencoding.corrupted(x, "gaussian", 0.3, generator=g) - x
    masked = (autoencoding.corrupted(x, "mask", 0.3, generator=g) == 0).float().mean()
    salted = autoencoding.corrupted(x, "salt_pepper", 0.3, generator=g)
    low, high = (salted == 0).float().mean(), (salted == 1).float().mean()
    return max(gap(noisy.std(), 0.3), gap(masked, 0.3), gap(low, 0.15), gap(high, 0.15))


@check("ddpm-loss", "diffusion-elbo", "reverse-diffusion", oracle="(closed form)", tolerance=1e-5)
def the_chain_of_noise_by_products_of_normal_laws() -> float:
    """q(x_(t-1) | x_t, x_0) by Bayes' rule on the two laws that it is made of, and x_t as a sum of t small steps."""
    schedule = schedules.noise_schedule("linear", 20)
    betas = np.linspace(1e-4, 0.02, 20)
    bars = np.concatenate([[1.0], np.cumprod(1 - betas)])
    x, x_t = drawn(4, 2), drawn(4, 2, seed=1)
    worst = 0.0
    for t in (2, 7, 20):
        a, v = math.sqrt(1 - betas[t - 1]), betas[t - 1]  # x_t given x_(t-1)
        m, s = math.sqrt(bars[t - 1]) * x, 1 - bars[t - 1]  # x_(t-1) given x_0
        precision = a**2 / v + 1 / s
        wanted = (a * x_t / v + m / s) / precision
        at = torch.full((4,), t)
        worst = max(
            worst,
            gap(process.posterior_mean(x, x_t, at, schedule), wanted),
            gap(process.posterior_variance(schedule)[t], 1 / precision),
        )
    grown = 0.0
    for beta in betas:
        grown = (1 - beta) * grown + beta
    return max(worst, gap(1 - schedule.alpha_bar[-1], grown))


@check("classifier-free-guidance", oracle="(closed form)", tolerance=1e-12)
def guidance_is_a_line_through_two_answers() -> float:
    """Scale 0 is the answer without a condition, 1 the one with it, and 3 as far again twice over."""
    a, b = drawn(5), drawn(5, seed=1)
    lines = {0.0: a, 1.0: b, 3.0: b + 2 * (b - a)}
    return max(gap(samplers.guided(a, b, scale), wanted) for scale, wanted in lines.items())


@check("stylegan", oracle="torch", tolerance=1e-10)
def styles_and_what_is_made_of_them() -> float:
    """Maps with statistics from outside by torch's instance norm, truncation half way, latents crossed at layer 2."""
    x, scale, shift = drawn(3, 4, 5, 5), drawn(3, 4, seed=1), drawn(3, 4, seed=2)
    wanted = F.instance_norm(x, eps=1e-8) * scale[..., None, None] + shift[..., None, None]
    first, second = drawn(2, 6), drawn(2, 6, seed=1)
    crossed = styles.crossed(first, second, torch.tensor([2, 2]), 5)
    parts = torch.stack([first, first, second, second, second], 1)
    return max(
        gap(styles.adaptive_instance_norm(x, scale, shift), wanted),
        gap(styles.truncated(first, second[0], 0.5), (first + second[0]) / 2),
        gap(crossed, parts),
    )


@check("conditioning-augmentation", oracle="torch", tolerance=1e-6)
def descriptions_drawn_around_themselves() -> float:
    """KL of each row's law to N(0, I) by torch.distributions, and the mean where nothing is drawn."""
    with kept_random(torch.device("cpu"), 0), torch.no_grad():
        layer = ConditioningAugmentation(5, 3).double().eval()
        mean, log_variance = layer.dense(drawn(7, 5)).split(3, 1)
        condition, divergence = layer(drawn(7, 5))
    normal = torch.distributions.Normal
    wanted = torch.distributions.kl_divergence(
        normal(mean, (0.5 * log_variance).exp()), normal(torch.zeros_like(mean), torch.ones_like(mean))
    )
    return max(gap(divergence, wanted.sum(1)), gap(condition, mean))


@check("pix2pix", oracle="(published)", tolerance=0)
def the_published_translator_of_pictures() -> float:
    """A U-Net of eight levels from 64 channels: 54,413,955 weights."""
    with torch.device("meta"):
        net = SkipTranslator(3, 3)
    return gap(sum(p.numel() for p in net.parameters()), 54_413_955)


@check("lstm-ae", "autoencoder", oracle="torch", tolerance=1e-10)
def a_row_read_into_a_state_and_written_again() -> float:
    """An LSTM's last state given to a second one at every step, by torch's own layers with the same weights."""
    with kept_random(torch.device("cpu"), 0), torch.no_grad():
        net = LSTMAutoencoder(2, 4, 0.2).double().eval()
        reader, writer = (torch.nn.LSTM(n, 4, batch_first=True).double() for n in (2, 4))
        for theirs, ours in ((reader, net.reader), (writer, net.writer)):
            theirs.load_state_dict(ours.inner.state_dict())
        x = drawn(3, 6, 2)
        code = reader(x)[1][0][0]
        wanted = F.linear(writer(code[:, None].expand(-1, 6, -1))[0], net.head.weight, net.head.bias)
        return max(gap(net.encode(x), code), gap(net.decode(code, x), wanted))


@check("conv-ae", "undercomplete-ae", oracle="(book)", tolerance=1e-6)
def autoencoders_of_the_book() -> float:
    """28,353 weights and a code of 1,568 numbers for 28 x 28 pixels; eq. 7.18 with its charges on weights and code."""
    with kept_random(torch.device("cpu"), 0):
        net = ConvAutoencoder(1, (28, 28), (32, 32))
        dense = DenseAutoencoder([4, 2])
    charged = Reconstruction(dense, weights_l1=0.3, code_l1=0.2).double()
    x = drawn(5, 4)
    h = dense.encode(x)
    matrices = torch.cat([p.flatten() for p in charged.parameters() if p.ndim > 1])
    wanted = F.mse_loss(dense.decode(h), x) + 0.3 * matrices.abs().mean() + 0.2 * h.abs().mean()
    size = sum(p.numel() for p in net.parameters())
    return max(gap([size, net.n_code], [28_353, 1568]), gap(charged.loss({"x": x}), wanted))
