"""A classifier that learns from rows with labels and rows without: a variational autoencoder whose code has a class."""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError, did_you_mean
from ...functional.autoencoding import kl_to_standard, log_normal, log_shares, reparameterized
from ...train.phase import Batch, Objective, Phase
from ..probabilistic.generative import class_numbers
from .autoencoder import refuse_outside_unit

Likelihood = Literal["gaussian", "bernoulli", "categorical"]


class SemiSupervisedVAE(Objective):
    """p(x, y, z) = p(y) N(z; 0, I) p(x | y, z), with q(y | x) and q(z | x, y) learned beside it (the model M2).

        L(x, y) = E_q(z | x, y) ln p(x | y, z) + ln p(y) - KL(q(z | x, y) || N(0, I))
        U(x)    = sum_y q(y | x) L(x, y) + H(q(y | x))
        lowered:  - mean L over labelled rows - mean U over others - alpha mean ln q(y | x) over labelled rows

    Classes are alike before x is seen. Rows without labels are drawn anew each step, as many as have labels.

    Parameters
    ----------
    namer : x (n, d) -> logits (n, n_outputs) of q(y | x); of two classes one logit.
    encoder : (n, d + K) of x and a unit vector of y -> mean and ln variance of z (n, 2 k).
    decoder : (n, k + K) -> mean or logits of x (n, d).
    alpha : what naming the labelled rows counts.
    likelihood : of x given y and z; "categorical" is of the last entries, in groups of `sizes`, the others Gaussian.

    Systems: semi-supervised-vae
    Source: Kingma et al. 2014, equations 6 to 9; Martinez-Ramon problem 7.9, which leaves the design open.
    """

    besides: Tensor | None = None

    def __init__(
        self,
        namer: nn.Module,
        encoder: nn.Module,
        decoder: nn.Module,
        n_features: int,
        n_outputs: int,
        *,
        alpha: float,
        likelihood: Likelihood,
        sizes: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if likelihood not in get_args(Likelihood):
            raise SettingError(f"likelihood={likelihood!r}; {did_you_mean(likelihood, get_args(Likelihood))}")
        if likelihood == "categorical" and not sizes:
            raise SettingError("likelihood='categorical' is of tables with columns of categories, and these rows have "
                               "none; choose 'gaussian'")  # fmt: skip
        if not alpha >= 0:
            raise SettingError(f"alpha is what naming labelled rows counts, at least 0; got {alpha}")
        self.namer, self.encoder, self.decoder = namer, encoder, decoder
        self.n_outputs, self.n_classes = n_outputs, 2 if n_outputs == 1 else n_outputs
        self.alpha, self.likelihood = alpha, likelihood
        self.sizes = list(sizes) if likelihood == "categorical" else []
        self.spread = nn.Parameter(torch.zeros(n_features))  # ln variance of x, of a Gaussian

    def phases(self) -> Sequence[Phase]:
        return [Phase("bound", self.loss, self.parameters())]

    def begin(self, batch: Batch) -> None:
        if self.likelihood == "bernoulli":
            refuse_outside_unit(batch["x"], "likelihood='bernoulli'")

    def take_unlabelled(self, x: Tensor) -> None:
        """Keep rows (n, d) without labels for the training; they are not saved."""
        self.besides = x

    def labelled(self, x: Tensor, y: Tensor) -> Tensor:
        """L(x, y) of each row, by one draw of z; y (n,) class numbers."""
        told = F.one_hot(y, self.n_classes).to(x.dtype)
        mean, log_variance = self.encoder(torch.cat([x, told], 1)).chunk(2, 1)
        log_variance = log_variance.clamp(-8, 8)
        z = reparameterized(mean, log_variance, torch.randn_like(mean))
        made = self.decoder(torch.cat([z, told], 1))
        if self.likelihood == "bernoulli":
            fit = -F.binary_cross_entropy_with_logits(made, x, reduction="none").sum(1)
        else:
            n = x.shape[1] - sum(self.sizes)
            fit = log_normal(x[:, :n], made[:, :n], self.spread[:n].clamp(-8, 8)).sum(1)
            if self.sizes:
                fit = fit + (x[:, n:] * log_shares(made, self.sizes)).sum(1)
        return fit - math.log(self.n_classes) - kl_to_standard(mean, log_variance)

    def named(self, x: Tensor) -> Tensor:
        """ln q(y | x), (n, classes)."""
        logits = self.namer(x)
        if self.n_outputs == 1:
            return torch.cat([F.logsigmoid(-logits), F.logsigmoid(logits)], 1)
        return logits.log_softmax(1)

    def unlabelled(self, x: Tensor) -> Tensor:
        """U(x) of each row, every class taken in turn."""
        log_q = self.named(x)
        each = torch.stack([self.labelled(x, torch.full_like(log_q[:, 0], k).long()) for k in range(self.n_classes)], 1)
        return (log_q.exp() * (each - log_q)).sum(1)

    def loss(self, batch: Batch) -> Tensor:
        """What is lowered, a mean over rows."""
        x, y, weight = batch["x"], class_numbers(batch["y"], self.n_outputs), batch.get("weight")
        each = -self.labelled(x, y) - self.alpha * self.named(x).gather(1, y[:, None])[:, 0]
        loss = each.mean() if weight is None else (each * weight).sum() / weight.sum()
        if self.besides is None or not self.training:
            return loss
        rows = torch.randint(len(self.besides), (len(x),), device=self.besides.device)
        return loss - self.unlabelled(self.besides[rows]).mean()

    def outputs(self, batch: Batch) -> Tensor:
        return self.namer(batch["x"])

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of q(y | x), and the share of right answers."""
        log_q, y = self.named(batch["x"]), class_numbers(batch["y"], self.n_outputs)
        loss, right = -log_q.gather(1, y[:, None])[:, 0], (log_q.argmax(1) == y).to(log_q.dtype)
        weight = batch.get("weight")
        if weight is None:
            return {"loss": loss.mean(), "accuracy": right.mean()}
        return {"loss": (loss * weight).sum() / weight.sum(), "accuracy": (right * weight).sum() / weight.sum()}

    def drawn(self, classes: Tensor, generator: torch.Generator) -> Tensor:
        """The mean of x (n, d) for classes (n,) and z drawn from N(0, I): what the model takes them to look like.

        Of categories it is how likely each is.
        """
        told = F.one_hot(classes, self.n_classes).to(self.spread.dtype)
        n_code = self.decoder[0].in_features - self.n_classes  # type: ignore[index]
        z = torch.randn(len(classes), n_code, generator=generator).to(told)
        made = self.decoder(torch.cat([z, told], 1))
        if self.sizes:
            return torch.cat([made[:, : made.shape[1] - sum(self.sizes)], log_shares(made, self.sizes).exp()], 1)
        return made.sigmoid() if self.likelihood == "bernoulli" else made
