# %% [markdown]
# # Convolution by hand
#
# Kernels over signals and pictures, and every size and sum that goes with them.
# %%
import torch
from sklearn.datasets import load_sample_image

from parnassus.functional import activations, convolution, pooling
from parnassus.insight import plots

grid = torch.tensor([[1, 4, 1, 1, 2], [4, 3, 1, 2, 1], [5, 2, 2, 2, 5], [1, 3, 2, 4, 3]]).float()[None, None]
kernel = convolution.filters.laplacian()[None, None]

# %% [markdown]
# ## Convolution, correlation, channels, 1 x 1, and sizes
# Exercise 1:D6
#
# A true convolution turns the kernel by half a turn; over channels the products are summed; a 1 x 1 kernel mixes
# channels at each place; and an output has floor((n + p - f) / s) + 1 places.
# %%
x = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
w = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
print("correlation", convolution.correlate(x, w).tolist(), "convolution", convolution.convolve(x, w).tolist())
assert torch.equal(convolution.convolve(x, w), convolution.correlate(x, w.flip(2, 3)))
assert (convolution.correlate(x, w) + 0.5)[0, 0].tolist() == [[37.5, 47.5], [67.5, 77.5]]
both = convolution.correlate(torch.cat([x, -x], 1), torch.cat([w, w], 1))
print("two channels that cancel", both.tolist())
print("1 x 1", convolution.pointwise(torch.cat([x, 10 * x], 1), torch.tensor([[1.0, 0.1]]))[0, 0, 0].tolist())
for n, f, p, s, out in [(5, 3, 0, 1, 3), (5, 3, 1, 2, 3), (28, 5, 2, 1, 28), (227, 11, 0, 4, 55)]:
    assert convolution.output_size(n, f, padding=p, stride=s) == out

# %% [markdown]
# ## Two ways to convolve, four ways to pool, and what moves with the picture
# Exercise 3:D9
#
# The answer of a convolution moves as the picture does (equivariance); pooling over everything does not change at all
# (invariance). The notes give the second to weight sharing, which has only the first.
# %%
corner = torch.tensor([[1.0, 3, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])[None, None]
for name in ("max_pool", "average_pool", "l2_pool", "distance_weighted_pool"):
    print(f"{name:22}", getattr(pooling, name)(corner, 2)[0, 0].numpy().round(3).tolist())
noise = torch.Generator().manual_seed(0)
picture, w = torch.randn(1, 1, 8, 8, generator=noise), torch.randn(4, 1, 3, 3, generator=noise)


def filtered(x):
    return convolution.correlate(x, w, padding="same", mode="circular")


print("equivariant: gap", convolution.shift_gap(filtered, picture, (2, 3)))
there = pooling.global_pool(filtered(picture), how="max")
assert torch.allclose(there, pooling.global_pool(filtered(picture.roll((2, 3), (2, 3))), how="max"))
for size_ in ((7, 9), (20, 13)):
    print(size_, "pooled to", tuple(pooling.adaptive_pool(torch.zeros(1, 1, *size_), (3, 3)).shape[2:]))
assert pooling.max_pool(corner, 2)[0, 0].tolist() == [[6, 8], [3, 4]]
assert float(convolution.shift_gap(filtered, picture, (2, 3))) < 1e-5

# %% [markdown]
# ## Cross-correlation of a signal, and the formula of a 2 x 2 kernel
# Exercises 4:Ex4.1, 4:Ex4.2
#
# A kernel (1/4, 1/2, 1/4) smooths. In two dimensions place (i, j) is
# k11 x[i,j] + k12 x[i,j+1] + k21 x[i+1,j] + k22 x[i+1,j+1].
# %%
signal, smooth = torch.tensor([[[1.0, 4, 2, 0, 9, 1, 3]]]), torch.tensor([[[0.25, 0.5, 0.25]]])
print("valid", convolution.correlate(signal, smooth).ravel().tolist())
print("same ", convolution.correlate(signal, smooth, padding="same").ravel().tolist())
assert convolution.correlate(signal, smooth).ravel().tolist() == [2.75, 2.0, 2.75, 4.75, 3.5]
small, k = grid[0, 0, :3, :3], torch.tensor([[1.0, 2.0], [3.0, 4.0]])
formula = sum(k[p, q] * small[p : p + 2, q : q + 2] for p in (0, 1) for q in (0, 1))
print("formula", formula.tolist())
assert torch.equal(formula, convolution.correlate(small[None, None], k[None, None])[0, 0])

# %% [markdown]
# ## The Laplacian on a grid: valid, same, and in steps of two
# Exercises 4:Ex4.3, 4:Ex4.4, 4:Ex4.5
#
# With stride 2 there are two kinds of "same": one place on each side, as the course has it, or as few as are needed and
# the odd one after, which is TensorFlow's. They look at other places and give other numbers.
# %%
for name, setting in {"valid": {}, "same": {"padding": "same"}, "stride 2": {"padding": 1, "stride": 2},
                      "TensorFlow's": {"padding": "same-tensorflow", "stride": 2}}.items():  # fmt: skip
    found = convolution.correlate(grid, kernel, **setting)[0, 0]
    print(f"{name:13}", found.int().tolist())
    if name == "valid":
        assert found.tolist() == [[4, -9, 1], [-5, -3, -4]]
    if name == "same":
        assert found[1].tolist() == [17, 4, -9, 1, -4]
    if name == "stride 2":
        assert found.tolist() == [[-3, -3, 12], [27, -3, 28]]
assert found.tolist() == [[17, -9, -4], [-2, 3, 13]]

# %% [markdown]
# ## The edges of a photo
# Exercise 4:Ex4.6
#
# The same kernel over a grey photo: flat parts give 0. It is the same turned by half a turn, so that here convolution
# and correlation agree, which they do not for Sobel's.
# %%
photo = load_sample_image("china.jpg")[::3, ::3].mean(2) / 255
x = torch.tensor(photo, dtype=torch.float32)[None, None]
edges = convolution.correlate(x, kernel, padding="same", mode="replicate")
sobel = convolution.filters.sobel()[None, None]
print("Laplacian: same either way", torch.allclose(edges[..., 1:-1, 1:-1], convolution.convolve(x, kernel), atol=1e-4))
assert not torch.allclose(convolution.correlate(x, sobel), convolution.convolve(x, sobel), atol=1e-4)
assert abs(float(convolution.correlate(torch.ones(1, 1, 9, 9), kernel).max())) == 0
upright = convolution.correlate(x, sobel, padding="same", mode="replicate").abs()
pictures = [photo, edges[0, 0].abs().clamp(0, 1).numpy(), upright[0, 0].clamp(0, 1).numpy()]
plots.image_grid(pictures, ["photo", "Laplacian", "upright edges"], n_columns=3)

# %% [markdown]
# ## The output of a convolutional layer
# Exercise 4:Ex4.7
#
# A 3 x 3 picture, one 2 x 2 kernel: each output is g of a weighted sum of four pixels plus the one bias. The printed
# sum of the last cell names x23 where x33 is meant.
# %%
x, w, b = torch.arange(1.0, 10.0).reshape(3, 3) / 10, torch.tensor([[0.5, -1.0], [2.0, 0.25]]), 0.1
layer = activations.sigmoid(convolution.correlate(x[None, None], w[None, None], torch.tensor([b])))[0, 0]
z22 = activations.sigmoid(w[0, 0] * x[1, 1] + w[0, 1] * x[1, 2] + w[1, 0] * x[2, 1] + w[1, 1] * x[2, 2] + b)
wrong = activations.sigmoid(w[0, 0] * x[1, 1] + w[0, 1] * x[1, 2] + w[1, 0] * x[2, 1] + w[1, 1] * x[1, 2] + b)
print(layer.numpy().round(4).tolist(), "last cell as printed", round(float(wrong), 4))
assert torch.isclose(layer[1, 1], z22)
assert not torch.isclose(layer[1, 1], wrong)

# %% [markdown]
# ## Max-pooling with unequal strides
# Exercise 4:Ex4.8
#
# Windows of 2 x 2 that move by one row or by two columns. The course's array is lost; this one has its shape.
# %%
x = torch.tensor([[1.0, 3, 2, 4], [5, 6, 1, 2], [7, 2, 8, 0]])[None, None]
print(pooling.max_pool(x, 2, stride=(1, 2))[0, 0].tolist())
assert pooling.max_pool(x, 2, stride=(1, 2))[0, 0].tolist() == [[6, 4], [7, 8]]

# %% [markdown]
# ## Dilation, and how far a kernel sees
# Exercise 2b:P4.5
#
# Gaps between the taps: three layers with gaps 1, 2, 4 see 15 places, three plain ones 7, with the same weights. Used
# where the whole counts and size must stay: sounds (WaveNet), segmentation, series.
# %%
for name, gaps in {"plain": (1, 1, 1), "dilated": (1, 2, 4)}.items():
    seen = convolution.receptive_fields([(3, 1, d) for d in gaps])[-1].size
    pulse = torch.zeros(1, 1, 31)
    pulse[0, 0, 15] = 1
    for d in gaps:
        pulse = convolution.correlate(pulse, torch.ones(1, 1, 3), padding=d, dilation=d)
    print(f"{name:8} sees {seen}, a pulse reaches {int((pulse != 0).sum())}, weights {3 * 3}")
    assert seen == int((pulse != 0).sum()) == {"plain": 7, "dilated": 15}[name]

# %% [markdown]
# ## AlexNet, completed
# Exercise 4:Ex4.9
#
# With stride 4 in the first layer, 227 pixels become 55, 27, 13, 6: 9,216 numbers and 62,378,344 weights. The printed
# stub leaves the stride out, and its first dense layer alone would have 708,841,472.
# %%
sizes = [227]
for f, p, s in [(11, 0, 4), (3, 0, 2), (5, 2, 1), (3, 0, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1), (3, 0, 2)]:
    sizes.append(convolution.output_size(sizes[-1], f, padding=p, stride=s))
layers = [(3, 96, 11), (96, 256, 5), (256, 384, 3), (384, 384, 3), (384, 256, 3)]
weights = sum(convolution.costs(i, o, (k, k), (1, 1))[0] for i, o, k in layers)
weights += sum(convolution.dense_cost(i, o)[0] for i, o in [(256 * 6 * 6, 4096), (4096, 4096), (4096, 1000)])
print("sizes", sizes, "weights", weights)
assert (sizes[-1] ** 2 * 256, weights) == (9216, 62378344)
from parnassus.insight.zoo import net_costs

(named,) = net_costs(["alexnet"])
print(f"the library's one-column form: {named.n_parameters:,} weights, {named.n_products:,} products a picture")

# %% [markdown]
# ## A residual block, and where its activation stands
# Exercise 4:Ex4.10
#
# Two convolutions with batch norms and a sum with what came in. The course's equation puts an activation inside the
# sum as well as around it, its code does not: with a = 2 and weight -1.5 one says 2, the other 0.
# %%
from parnassus.models.vision.resnet import Block

with torch.random.fork_rng():
    torch.manual_seed(0)
    block = Block(16, 16, 1, torch.nn.Identity(), preactivation=False).eval()
x = torch.randn(2, 16, 8, 8, generator=noise)
h = torch.relu(block.bn1(block.conv1(x)))
written = torch.relu(block.bn2(block.conv2(h)) + x)
print("weights", sum(p.numel() for p in block.parameters()), "shape", tuple(block(x).shape))
assert torch.allclose(block(x), written)
a, w = torch.tensor(2.0), -1.5
equation, code = torch.relu(a + torch.relu(w * a)), torch.relu(a + w * a)
print("equation", float(equation), "code", float(code))
assert (float(equation), float(code)) == (2.0, 0.0)
