"""Generative models against the same modules in a bare loop, and DDIM against diffusers with the same net.

DCGAN and DDPM steps on 28 x 28 pictures, batches of 64; DDIM takes 50 steps back for 64 pictures. The bare loops draw,
step and move as ours do, with torch's fused Adam and nothing else. DCGAN learns for eight epochs: one is over so soon
that what a fit does once, such as reading the pictures and a look for collapse, would count as steps.

Run: python benchmarks/bench_generative.py [--threads 2] [--repeats 5]
"""

import functools
import os

import numpy as np
import torch
from torch import nn

import parnassus as pn
from harness import arguments, compare, installed
from parnassus.functional.adversarial import critic_loss, generator_loss
from parnassus.functional.diffusion.process import clean_and_noise, noised
from parnassus.functional.diffusion.samplers import sampled
from parnassus.functional.diffusion.schedules import noise_schedule
from parnassus.models.generative.gan import DCGANGenerator, dcgan_critic
from parnassus.models.generative.unet_diffusion import DiffusionUNet

ROWS = int(os.environ.get("ROWS", "1024"))
EPOCHS = 8
BATCH, SIZE, CHANNELS, STEPS = 64, (28, 28), (32, 64), int(os.environ.get("STEPS", "50"))


def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (ROWS, *SIZE), dtype=np.uint8)


def ours(X: np.ndarray, model: object, epochs: int = 1) -> None:
    pn.Generator(model, epochs=epochs, batch_size=BATCH, progress=False).fit(X)


def bare_dcgan(x: torch.Tensor, epochs: int) -> None:
    maker, critic = DCGANGenerator(100, 1, SIZE, 32), dcgan_critic(1, SIZE, 32, nn.BatchNorm2d)
    players = [torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True) for net in (critic, maker)]
    for batch in (batch for _ in range(epochs) for batch in x[torch.randperm(len(x))].split(BATCH)):
        z = torch.randn(len(batch), 100)
        with torch.no_grad():
            fake = maker(z)
        players[0].zero_grad()
        critic_loss("nonsaturating", critic(batch).flatten(), critic(fake).flatten()).backward()
        players[0].step()
        players[1].zero_grad()
        generator_loss("nonsaturating", critic(maker(torch.randn_like(z))).flatten()).backward()
        players[1].step()


def bare_ddpm(x: torch.Tensor) -> None:
    net, schedule = DiffusionUNet(1, CHANNELS, attends=(False, True), n_blocks=1), noise_schedule()
    mover = torch.optim.Adam(net.parameters(), fused=True)
    for batch in x[torch.randperm(len(x))].split(BATCH):
        t, noise = torch.randint(1, 1001, (len(batch),)), torch.randn_like(batch)
        mover.zero_grad()
        (net(noised(batch, t, noise, schedule), t) - noise).square().mean().backward()
        mover.step()


@torch.inference_mode()
def our_ddim(net: nn.Module, start: torch.Tensor) -> None:
    schedule = noise_schedule()
    sampled(
        lambda x, t: clean_and_noise("noise", net(x, t), x, t, schedule), start, schedule, method="ddim", n_steps=STEPS
    )


@torch.inference_mode()
def their_ddim(net: nn.Module, x: torch.Tensor) -> None:
    import diffusers

    scheduler = diffusers.DDIMScheduler(beta_start=1e-4, beta_end=0.02, clip_sample=False)
    scheduler.set_timesteps(STEPS)
    for t in scheduler.timesteps:
        x = scheduler.step(net(x, t.expand(len(x))), t, x).prev_sample


if __name__ == "__main__":
    args = arguments()
    X = pictures()
    x = torch.from_numpy(X).float()[:, None] / 127.5 - 1
    games = {
        "parnassus": functools.partial(ours, X, pn.model("dcgan", width=32), EPOCHS),
        "bare": functools.partial(bare_dcgan, x, EPOCHS),
    }
    compare(f"DCGAN, {EPOCHS} epochs of {ROWS} pictures", games, ours="parnassus", args=args)
    nets = {"parnassus": functools.partial(ours, X, pn.model("ddpm")), "bare": functools.partial(bare_ddpm, x)}
    compare(f"DDPM, one epoch of {ROWS} pictures", nets, ours="parnassus", args=args)
    net, start = DiffusionUNet(1, CHANNELS, attends=(False, True), n_blocks=1).eval(), torch.randn(BATCH, 1, *SIZE)
    works = {"parnassus": functools.partial(our_ddim, net, start)}
    if installed("diffusers"):
        works["diffusers"] = functools.partial(their_ddim, net, start)
    compare(f"DDIM, {STEPS} steps, {BATCH} pictures", works, ours="parnassus", args=args)
