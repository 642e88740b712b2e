"""Diffusion: a net learns what is noise in rows that noise was added to."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...functional.diffusion.process import (
    Target,
    at_step,
    clean_and_noise,
    last_term,
    learned_log_variance,
    noise_weight,
    noised,
    step_term,
    target_of,
)
from ...functional.diffusion.samplers import Denoiser, Sampler, classifier_guided, filled_in, guided, sampled
from ...functional.diffusion.schedules import Kind, Schedule, noise_schedule
from ...train.phase import Batch, Phase
from .autoencoder import mean_over
from .generating import Generating
from .learned_schedule import LearnedSchedule, uneven

Weighting = Literal["simple", "bound"]
Variance = Literal["posterior", "learned"]
Scheduled = Literal["linear", "scaled_linear", "cosine", "learned"]
LEARNED = (0.05, 0.6)  # of a training: when a schedule is learned, so that the net knows the last one
BOUND_SHARE = 0.001  # of the bound, in the loss of a net that learns variances


class Diffusion(Generating):
    """The net's squared error on what it is to say of x_t, t drawn evenly from 1 ... T.

        E_(t, x_0, e) w_t |target - net(sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) e, t)|^2

    Parameters
    ----------
    net : (x_t, t, classes, numbers or None) -> the shape of x_t.
    schedule : of `functional.diffusion.schedules`, or "learned": see `LearnedSchedule`.
    target : "noise", "clean" or "velocity".
    weighting : "simple" is w = 1; "bound" weighs the noise's error as eq. 8.35 does.
    variance : of a step back: "posterior" is beta~, and "learned" has a net that says twice as much: behind its answer
        where between beta~ and beta the variance lies. Then `BOUND_SHARE` of the bound joins the loss, which moves the
        variances alone.
    drop : the share of rows that are not told their class or numbers.
    namer : (x_t, t) -> logits of the class: then the net is told none, and learns beside a namer of noised rows, up
        whose slope rows are drawn, `guidance` times (1 is Bayes' rule, 0 asks for no class).
    sampler, n_sampled, guidance : how rows are drawn; see `functional.diffusion.samplers`.

    While rows are drawn, what is thought to be the clean row is held within the range of the training rows.

    Systems: ddpm-loss, reverse-diffusion
    Source: Martinez-Ramon 8.10; Ho et al. 2020, algorithms 1 and 2; Nichol and Dhariwal 2021, section 3.1 (variances).
    """

    low: Tensor
    high: Tensor

    def __init__(
        self,
        net: nn.Module,
        shape: tuple[int, ...],
        n_classes: int = 0,
        *,
        n_told: int = 0,
        schedule: Scheduled = "linear",
        n_steps: int = 1000,
        target: Target = "noise",
        weighting: Weighting = "simple",
        variance: Variance = "posterior",
        drop: float = 0.1,
        sampler: Sampler = "ddim",
        n_sampled: int = 50,
        guidance: float = 1.0,
        namer: nn.Module | None = None,
    ) -> None:
        super().__init__(shape, n_classes, n_told)
        for name, value, known in (("schedule", schedule, Scheduled), ("target", target, Target),
                                   ("weighting", weighting, Weighting), ("sampler", sampler, Sampler),
                                   ("variance", variance, Variance)):  # fmt: skip
            if value not in get_args(known):
                raise SettingError(f"a diffusion's {name}={value!r}; {did_you_mean(value, get_args(known))}")
        if weighting == "bound" and (target != "noise" or variance == "learned"):
            raise SettingError(
                f"weighting='bound' is of the noise's error, target='noise' with variance='posterior'; got {target!r} "
                f"and {variance!r}"
            )
        if not (0 <= drop < 1 and 1 <= n_sampled <= n_steps):
            raise SettingError(
                f"a diffusion has drop in [0, 1) and n_sampled from 1 to n_steps; got {drop}, {n_sampled} of {n_steps}"
            )
        self.net, self.target, self.weighting, self.variance, self.drop = net, target, weighting, variance, drop
        self.sampler, self.n_sampled, self.guidance = sampler, n_sampled, guidance
        self.namer = namer
        self.noise = LearnedSchedule(n_steps) if schedule == "learned" else None
        self._known = None if schedule == "learned" else self.noise_of(schedule, n_steps)
        self.register_buffer("low", torch.full(shape, -1.0))
        self.register_buffer("high", torch.ones(shape))

    @property
    def schedule(self) -> Schedule:
        """How much noise each step adds, as it is now."""
        if self.noise is None:
            assert self._known is not None
            return self._known
        with torch.no_grad():
            return self.noise()

    def noise_of(self, kind: Kind, n_steps: int) -> Schedule:
        """How much noise each step adds."""
        return noise_schedule(kind, n_steps, scale=True)

    def phases(self) -> Sequence[Phase]:
        found = [Phase("denoise", self.loss, self.net.parameters())]
        if self.namer is not None:
            found.append(Phase("name", self.naming, self.namer.parameters()))
        if self.noise is not None:
            own = {"name": "adam", "lr": 0.02}
            found.append(Phase("schedule", self.uneven, self.noise.parameters(), during=LEARNED, optimizer=own))
        return found

    def uneven(self, batch: Batch) -> Tensor:
        """How unevenly steps add to the bound: what a learned schedule lowers."""
        assert self.noise is not None
        schedule, x = self.noise(), self.clean(batch)
        t = torch.randint(2, schedule.n_steps + 1, (len(x),), device=x.device)
        x_t = noised(x, t, torch.randn_like(x), schedule)
        said, *_ = self.split(self.net(x_t, t, self.net_told(self.condition_of(batch))))
        clean, _ = clean_and_noise(self.target, said, x_t, t, schedule)
        return uneven((x - clean).square().flatten(1).mean(1), t.to(self.noise.at.device), schedule)

    def naming(self, batch: Batch) -> Tensor:
        """What the namer's answers of noised rows cost it, a mean over rows."""
        assert self.namer is not None
        x, classes = batch["x"], self.condition_of(batch)
        assert classes is not None
        t = torch.randint(1, self.schedule.n_steps + 1, (len(x),), device=x.device)
        said = self.namer(noised(x, t, torch.randn_like(x), self.schedule), t)
        return mean_over(nn.functional.cross_entropy(said, classes, reduction="none"), batch)

    def net_told(self, condition: Tensor | None) -> Tensor | None:
        """What the net is told of a condition: nothing where a namer guides it."""
        return condition if self.namer is None else None

    def begin(self, batch: Batch) -> None:
        """Learn the range of the rows; that of pictures is one for all pixels."""
        x = batch["x"]
        if x.ndim > 2:
            self.low.fill_(float(x.min()))
            self.high.fill_(float(x.max()))
        else:
            self.low.copy_(x.amin(0))
            self.high.copy_(x.amax(0))

    def loss(self, batch: Batch) -> Tensor:
        """The mean over rows of one step's mean error an entry."""
        x, condition = self.clean(batch), self.net_told(self.condition_of(batch))
        t = torch.randint(1, self.schedule.n_steps + 1, (len(x),), device=x.device)
        noise = torch.randn_like(x)
        x_t = noised(x, t, noise, self.schedule)
        if condition is not None:
            condition = self.untold(condition, torch.rand(len(x), device=x.device) < self.drop)
        wanted = target_of(self.target, x, noise, t, self.schedule)
        said, *spread = self.split(self.net(x_t, t, condition))
        error = (said - wanted).square()
        if self.weighting == "bound":
            error = error * at_step(noise_weight(self.schedule) * self.schedule.n_steps, t, x)
        if spread:
            error = error + BOUND_SHARE * self.schedule.n_steps * self.term(x, x_t, said.detach(), t, *spread)
        return mean_over(error.flatten(1).mean(1), batch)

    def split(self, said: Tensor) -> tuple[Tensor, ...]:
        """A net's answer, and where its variance lies if it says so."""
        return said.chunk(2, 1) if self.variance == "learned" else (said,)

    def term(self, x: Tensor, x_t: Tensor, said: Tensor, t: Tensor, *spread: Tensor) -> Tensor:
        """What each entry of a step adds to the bound of -ln p(x), nats."""
        _, noise = clean_and_noise(self.target, said, x_t, t, self.schedule)
        learned = [learned_log_variance(one, t, self.schedule) for one in spread]
        return step_term(x, x_t, noise, t, self.schedule, *learned)

    def clean(self, batch: Batch) -> Tensor:
        """The rows that noise is added to."""
        return batch["x"]

    def said(self, x_t: Tensor, t: Tensor, condition: Tensor | None, guidance: float) -> Tensor:
        """The net's answer, leaning on the condition as far as guidance says; variances are those of the condition."""
        condition = self.net_told(condition)
        if condition is None or guidance == 1:
            return self.net(x_t, t, condition)
        without, *_ = self.split(self.net(x_t, t, self.untold(condition)))
        given, *spread = self.split(self.net(x_t, t, condition))
        return torch.cat([guided(without, given, guidance), *spread], 1)

    def drawn(self, n: int, condition: Tensor | None, generator: torch.Generator) -> Tensor:
        return self.rows_of(torch.randn((n, *self.start_shape), generator=generator), condition, generator)

    @property
    def start_shape(self) -> tuple[int, ...]:
        """The shape of the noise that a row begins as."""
        return self.shape

    @property
    def noise_shape(self) -> tuple[int, ...] | None:
        return None if self.sampler == "ddpm" else self.start_shape

    def rows_of(self, noise: Tensor, condition: Tensor | None, generator: torch.Generator | None = None) -> Tensor:
        return self.denoised(noise.to(self.low), condition, generator)

    def within(self, clean: Tensor) -> Tensor:
        """What is thought to be the clean row, in the range that rows have."""
        return clean.clamp(self.low, self.high)

    def denoised(
        self, start: Tensor, condition: Tensor | None, generator: torch.Generator | None, begin: int | None = None
    ) -> Tensor:
        """Noise, or what stands at step `begin`, taken away step by step."""
        options = {"method": self.sampler, "n_steps": self.n_sampled, "generator": generator, "begin": begin}
        return sampled(self.denoiser(condition), start, self.schedule, **options)  # type: ignore[arg-type]

    def denoiser(self, condition: Tensor | None) -> Denoiser:
        """x_t, t -> the clean row, the noise, and where the variance lies: what a sampler asks."""

        def denoise(x: Tensor, t: Tensor) -> tuple[Tensor, ...]:
            said, *spread = self.split(self.said(x, t, condition, self.guidance))
            clean, noise = clean_and_noise(self.target, said, x, t, self.schedule)
            if self.namer is not None and condition is not None and self.guidance:
                noise = classifier_guided(noise, slope_of(self.namer, x, t, condition), t, self.schedule, self.guidance)
                clean, _ = clean_and_noise("noise", noise, x, t, self.schedule)
            clean = self.within(clean)
            return clean, clean_and_noise("clean", clean, x, t, self.schedule)[1], *spread

        return denoise

    # --- from rows that are there -----------------------------------------------------------------

    def coded(self, x: Tensor) -> Tensor:
        """Rows as noise is added to them."""
        return x

    def decoded(self, z: Tensor) -> Tensor:
        """Rows of what noise was taken from."""
        return z

    def known(self, observed: Tensor) -> Tensor:
        """Which entries of coded rows are known where these of the rows are (n, ...)."""
        return observed

    def asked(self, condition: Tensor | None, n: int) -> Tensor | None:
        """A condition as the denoiser takes it, for n rows."""
        return condition

    def varied(self, x: Tensor, condition: Tensor | None, strength: float, generator: torch.Generator) -> Tensor:
        """Rows that rows x become when they are noised for a share `strength` of the steps, and denoised again.

        Source: Meng et al. 2022 (SDEdit), algorithm 1.
        """
        z, begin = self.coded(x), max(round(strength * self.schedule.n_steps), 1)
        t = torch.full((len(x),), begin, device=x.device)
        start = noised(z, t, torch.randn(z.shape, generator=generator).to(z), self.schedule)
        return self.decoded(self.denoised(start, self.asked(condition, len(x)), generator, begin))

    def filled(
        self, x: Tensor, observed: Tensor, condition: Tensor | None, generator: torch.Generator, n_again: int
    ) -> Tensor:
        """Rows that agree with x where it is observed, and are drawn elsewhere; see `functional`'s `filled_in`."""
        z = self.coded(x)
        start = torch.randn(z.shape, generator=generator).to(z)
        options = {"method": self.sampler, "n_steps": self.n_sampled, "generator": generator, "n_again": n_again}
        denoise = self.denoiser(self.asked(condition, len(x)))
        made = filled_in(denoise, start, z, self.known(observed), self.schedule, **options)  # type: ignore[arg-type]
        return self.decoded(made)

    def bound(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """An upper bound of -ln p(x) of each row (n,), nats, from one noised copy a step.

        Systems: diffusion-elbo
        """
        x, condition = batch["x"], self.net_told(self.condition_of(batch))
        total = last_term(x, self.schedule).flatten(1).sum(1)
        for step in range(1, self.schedule.n_steps + 1):
            t = torch.full((len(x),), step, device=x.device)
            x_t = noised(x, t, torch.randn(x.shape, generator=generator).to(x), self.schedule)
            said, *spread = self.split(self.net(x_t, t, condition))
            total = total + self.term(x, x_t, said, t, *spread).flatten(1).sum(1)
        return total


def slope_of(namer: nn.Module, x_t: Tensor, t: Tensor, classes: Tensor) -> Tensor:
    """d ln p(class | x_t) / d x_t of rows (n, ...), also where nothing else is to have gradients."""
    with torch.inference_mode(mode=False), torch.enable_grad():
        at = x_t.clone().requires_grad_()
        said = namer(at, t.clone()).log_softmax(1)
        (slope,) = torch.autograd.grad(said.gather(1, classes.clone()[:, None]).sum(), at)
    return slope
