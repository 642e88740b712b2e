# %% [markdown]
# # Three ancestors
#
# A detector without a net, a net before backpropagation, and space from two pictures.
# %%
import numpy as np
import torch

from parnassus.functional import two_views
from parnassus.functional.cascade import scan, train_cascade
from parnassus.layers.neocognitron import NeocognitronStage

rng = np.random.default_rng(0)


def windows(n, y=2, x=2):
    """Noisy windows with a bright square at a place."""
    made = rng.normal(0.3, 0.05, (n, 8, 8))
    made[:, max(y, 0) : y + 4, max(x, 0) : x + 4] += 0.5
    return made


def turned(angle):
    """A turn about the upright axis."""
    c, s = np.cos(angle), np.sin(angle)
    return torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]])


# %% [markdown]
# ## Viola and Jones, the neocognitron, and two views
# Exercise 3:D11
#
# Sums of light and dark rectangles, boosted stumps and a scan find a thing without any net. The neocognitron's cells
# that answer best learn the pattern before them, and cells after them answer wherever it lies: no errors are sent back.
# Two pictures of the same points give how the camera moved and where the points are, up to one scale; the notes date
# this to 1963, when one picture of blocks was what Roberts had.
# %%
beside = [windows(20, y, x) for y in range(-1, 6) for x in range(-1, 6) if abs(y - 2) + abs(x - 2) > 1]
nothings = np.concatenate([rng.normal(0.3, 0.05, (100, 8, 8)), *beside])
cascade = train_cascade(windows(100), nothings, n_features=500)
picture = rng.normal(0.3, 0.05, (40, 40))
picture[14:18, 24:28] += 0.5
found, _ = scan(cascade, picture, scales=[1.0])
print("found at", found[0], "truly", [22, 12, 30, 20])
strokes = torch.zeros(2, 1, 9, 9)
strokes[0, 0, 4, 2:7] = strokes[1, 0, 2:7, 4] = 1
stage = NeocognitronStage(1, 4, size=5, selectivity=4.0)
stage.learn(strokes, n_most=1)
for moved in (0, 2):
    print("moved by", moved, "their planes", stage.s_layer(strokes.roll(moved, 3)).amax((2, 3)).argmax(1).tolist())
lens, rotation = torch.tensor([[500.0, 0, 160], [0, 500, 120], [0, 0, 1]]).double(), turned(0.2)
space = torch.tensor(rng.uniform([-2, -1, 4], [2, 1, 8], (20, 3)))
cameras = torch.eye(3, 4).double(), torch.cat([rotation, torch.tensor([[1.0], [0], [0]]).double()], 1)
back = two_views.structure_from_motion(*(two_views.projected(space, lens @ camera) for camera in cameras), lens)
print(f"points off by {(back.points - space).abs().max():.0e}")
assert np.abs(found[0] - [22, 12, 30, 20]).max() <= 2
assert torch.allclose(back.points, space)
