"""Masked autoencoders: most patches of a picture are hidden, and told from the few that are not."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import SettingError
from ...functional.patches import from_patches, image_patches
from ...functional.positions import sinusoidal_grid
from ...train.phase import Batch, Phase
from .autoencoder import Autoencoding, mean_over, observed_of, row_means


class MaskedPictures(Autoencoding):
    """Least squared error of the pixels of hidden patches, given those that are seen.

    Parameters
    ----------
    model : a `ViT` without a head, which reads the patches that are seen: what learns to see.
    writer : states of seen patches (n, 1 + seen, width), and the places that they and the hidden ones have (n, places)
        in that order -> the pixels of every patch in that order (n, places, pixels).
    share : of the patches that are hidden.

    In use a picture is rebuilt from several masks that hide each patch at least once, and a patch is the mean of what
    was said of it while hidden: nothing of a patch comes from itself. The code is the mean of the states of all patches
    with none hidden; it is for other models, and no picture is rebuilt from it. Patches with holes are told from
    all those without any.

    Training begins where the mean picture of the rows is said already, pixels reach the net as deviations from it, and
    places are sines in two directions: else the first thousand steps go into the mean picture, and those that follow
    do not leave it.

    Source: He, Chen, Xie, Li, Dollar and Girshick 2022, whose places are fixed sines, whose pictures are standardised
    and whose target may be normalised patch by patch.
    """

    mean: Tensor  # of the training rows' patches (patches, pixels)
    deviation: Tensor  # of their pixels from it ()

    def __init__(self, model: Any, writer: Any, *, share: float = 0.75) -> None:
        super().__init__(int(model.place.shape[-1]))
        n = math.prod(model.grid)
        if not 0 < share < 1 or not 1 <= round(n * (1 - share)) < n:
            raise SettingError(f"share is of {n} patches, of which it hides some and leaves some; got {share!r}")
        self.model: Any = model
        self.writer, self.share, self.n_patches = writer, share, n
        self.n_seen = round(n * (1 - share))
        for place in (model.place, writer.place):
            place.data.copy_(self.sines(place))
        self.register_buffer("mean", torch.zeros(n, writer.said.out_features))
        self.register_buffer("deviation", torch.ones(()))
        self.register_load_state_dict_pre_hook(_of_earlier_versions)

    def phases(self) -> Sequence[Phase]:
        return [Phase("reconstruct", self.loss, self.parameters(), optimizer={"betas": (0.9, 0.95)})]

    def sines(self, place: Tensor) -> Tensor:
        """Where places (1, 1 + patches, width) begin: sines in two directions, and zeros for what is of no patch."""
        n_rows, n_columns = self.model.grid
        return F.pad(sinusoidal_grid(n_rows, n_columns, place.shape[2]), (0, 0, 1, 0))[None].to(place)

    @torch.no_grad()
    def begin(self, batch: Batch) -> None:
        """Say the rows' mean picture and take pixels as deviations from it, unless weights come from a training."""
        x, place = batch["x"], self.model.place
        mean = x.mean(0, keepdim=True)
        deviation = (x - mean).square().mean().sqrt()
        if not deviation > 0 or bool(self.mean.any()):
            return
        self.mean.copy_(self.pixels(mean)[0])
        self.deviation.copy_(deviation)
        if torch.equal(place, self.sines(place)):  # what a convolution of (x - mean) / deviation would say, by its own
            self.model.patches.projection.weight.div_(deviation)
            place[:, 1:] -= self.model.patches(mean) - self.model.patches(torch.zeros_like(mean))

    def pixels(self, x: Tensor) -> Tensor:
        """The patches of pictures as rows (n, patches, pixels), edges filled with zeros as the net fills them."""
        patch = int(self.model.patches.patch)
        whole = F.pad(x, (0, -x.shape[3] % patch, 0, -x.shape[2] % patch))
        return image_patches(whole, patch).flatten(2)

    def said(self, x: Tensor, order: Tensor, n_seen: int | None = None) -> Tensor:
        """The pixels of every patch (n, patches, pixels), told from those that stand first in `order` (n, patches)."""
        seen = order[:, : self.n_seen if n_seen is None else n_seen, None]
        h = self.model.patches(x) + self.model.place[:, 1:]
        h = h.gather(1, seen.expand(-1, -1, h.shape[2]))
        first = (self.model.first + self.model.place[:, :1]).expand(len(h), -1, -1)
        made = self.writer(self.model.encoder(torch.cat([first, h], 1)), order)
        placed = torch.zeros_like(made).scatter(1, order[:, :, None].expand_as(made), made)
        return self.mean + self.deviation * placed

    def errors(self, x: Tensor, order: Tensor, observed: Tensor | None = None) -> Tensor:
        """The mean squared error over each row's hidden patches (n,), holes left out."""
        squares = (self.said(x, order) - self.pixels(x)).square()
        hidden = order[:, self.n_seen :]
        if observed is None:
            return squares.mean(2).gather(1, hidden).mean(1)
        each = hidden[:, :, None].expand(-1, -1, squares.shape[2])
        return row_means(squares.gather(1, each), self.pixels(observed).gather(1, each))

    def loss(self, batch: Batch) -> Tensor:
        """The mean over rows, each with a mask of its own."""
        x = batch["x"]
        order = torch.rand(len(x), self.n_patches, device=x.device).argsort(1)
        return mean_over(self.errors(x, order, observed_of(batch)), batch)

    # --- use --------------------------------------------------------------------------------------

    def orders(self, x: Tensor) -> list[Tensor]:
        """Masks that are the same for every picture, under which each patch is hidden at least once."""
        drawn = torch.randperm(self.n_patches, generator=torch.Generator().manual_seed(0)).to(x.device)
        turns = range(0, self.n_patches, self.n_seen) if self.share >= 0.5 else range(0, self.n_patches, self.n_hidden)
        return [drawn.roll(-turn).expand(len(x), -1) for turn in turns]

    @property
    def n_hidden(self) -> int:
        """How many patches a mask hides."""
        return self.n_patches - self.n_seen

    def rebuilt(self, batch: Batch) -> Tensor:
        x = batch["x"]
        total, times = torch.zeros_like(self.pixels(x)), torch.zeros(len(x), self.n_patches, 1, device=x.device)
        for order in self.orders(x):
            hidden = torch.zeros_like(times).scatter(1, order[:, self.n_seen :, None], 1.0)
            total, times = total + hidden * self.said(x, order), times + hidden
        return self.whole(total / times, x)

    def whole(self, pixels: Tensor, x: Tensor) -> Tensor:
        """Pictures like x from the pixels of their patches (n, patches, pixels)."""
        patch = int(self.model.patches.patch)
        size = tuple(side * patch for side in self.model.grid)
        squares = pixels.unflatten(2, (x.shape[1], patch, patch))
        return from_patches(squares, size)[:, :, : x.shape[2], : x.shape[3]]

    def codes(self, batch: Batch) -> Tensor:
        return self.model.states(batch["x"])[:, 1:].mean(1)

    def decoded(self, codes: Tensor) -> Tensor:
        raise SettingError(
            "codes of 'mae' are for other models, and no picture is rebuilt from one; reconstruct(X) hides patches of "
            "pictures and tells them from the rest"
        )

    def scores(self, batch: Batch) -> Tensor:
        return row_means((self.rebuilt(batch) - batch["x"]).square(), observed_of(batch))

    def expected(self, batch: Batch) -> Tensor:
        x, observed = batch["x"], observed_of(batch)
        if observed is None:
            return self.rebuilt(batch)
        holes = self.pixels(1 - observed).amax(2)  # of each patch: 1 where it has any
        order, n_whole = holes.argsort(stable=True, dim=1), (holes == 0).sum(1)
        made = torch.empty_like(x)
        for n in n_whole.unique().tolist():
            rows = n_whole == n
            made[rows] = self.whole(self.said(x[rows], order[rows], n), x[rows])
        return made

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return {"loss": mean_over(self.scores(batch), batch)}


def _of_earlier_versions(module: Any, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Weights of a time when no mean picture was held say all of a picture by themselves."""
    if prefix + "mean" not in state:
        state[prefix + "mean"] = torch.zeros_like(module.mean)
        state[prefix + "deviation"] = torch.ones_like(module.deviation)
