# %% [markdown]
# # Autoencoders
#
# Nets that say again what they were told, through a narrow place.
# %%
from itertools import pairwise

import numpy as np
import torch
from _size import size
from sklearn.datasets import load_iris

import parnassus as pn
from parnassus.data import samples
from parnassus.data.detection import scenes
from parnassus.functional import convolution, metrics
from parnassus.insight import generated, plots

pixels, y = samples.digits()
rng = np.random.default_rng(0)
train, test = pixels[: size(400, 1400)], pixels[1400:1500]

# %% [markdown]
# ## How far pictures can be pressed
# Exercise 2c:P7.3
#
# The faces are not at hand; digits are. Fewer numbers a picture mean larger errors; a linear one is the best that
# straight directions can do, and principal components are these directions.
# %%
errors = {}
for n_latent in (2, 8, 32):
    net = pn.model("autoencoder", hidden=(64,), n_latent=n_latent)
    coder = pn.Autoencoder(net, epochs=size(6, 100), lr=0.003).fit(train)
    made = coder.reconstruct(test)
    errors[n_latent] = np.square(made.astype(float) - test).mean() / 255**2
    print(f"{n_latent:2} numbers of 64: {64 / n_latent:4.0f} to 1, squared error {errors[n_latent]:.4f}")
assert errors[32] < errors[8] < errors[2]
generated.plot_pairs(test[:8], made[:8])

# %% [markdown]
# ## New pictures from a variational autoencoder
# Exercise 2c:P7.4
#
# Drawn, swept along one number of the code, and rebuilt: squared error and SSIM say how near. A sweep changes what its
# direction has come to mean; nothing makes that one attribute alone.
# %%
vae = pn.Autoencoder(pn.model("vae", n_latent=6, likelihood="bernoulli"), epochs=size(10, 150), lr=0.003).fit(train)
made = vae.reconstruct(test)
large, large_made = (part.repeat(2, 1).repeat(2, 2) for part in (test, made))  # its window is 11 pixels wide
near = [metrics.structural_similarity(a, b, data_range=255) for a, b in zip(large, large_made, strict=True)]
print(f"squared error {np.square(made / 255.0 - test / 255.0).mean():.4f}, SSIM {np.mean(near):.3f}")
code = np.repeat(vae.encode(test[:1]), 7, axis=0)
code[:, 0] = np.linspace(-3, 3, 7)
swept = vae.decode(code)
assert np.mean(near) > 0.08
plots.image_grid([*vae.sample(7, seed=0), *swept], ["drawn"] * 7 + ["swept"] * 7, n_columns=7)

# %% [markdown]
# ## Which measures of an iris matter
# Exercise 2c:P7.5
#
# A sparse code of four measures; a measure matters where the code's reading weights are large and where hiding it
# spoils the rebuilding of the others. Both are told beside the F-test, which knows the species.
# %%
from sklearn.feature_selection import f_classif

iris = load_iris()
net = pn.model("sparse_ae", n_latent=8, sparsity=0.02)
coder = pn.Autoencoder(net, epochs=size(60, 400), lr=0.01).fit(iris.data)
whole = np.square((coder.reconstruct(iris.data) - iris.data) / iris.data.std(0))
ranks = {}
for i, name in enumerate(iris.feature_names):
    hidden = iris.data.copy()
    hidden[:, i] = iris.data[:, i].mean()
    others = [j for j in range(4) if j != i]
    spoilt = np.square((coder.reconstruct(hidden) - iris.data) / iris.data.std(0))
    ranks[name] = float((spoilt - whole)[:, others].mean())
f, _ = f_classif(iris.data, iris.target)
for name, value in zip(iris.feature_names, f, strict=True):
    print(f"{name:18} others rebuilt worse by {ranks[name]:.3f}, F {value:7.1f}")
assert ranks["petal width (cm)"] > ranks["sepal width (cm)"]

# %% [markdown]
# ## From a convolutional autoencoder to segments
# Exercise 2c:P7.6
#
# The same shape, narrow in the middle and wide at both ends, with a class for each pixel in place of its brightness.
# Overlap and the share of right pixels, on drawn scenes in place of streets.
# %%
made = scenes.digit_scenes(size(30, 200), size=32, n_digits=(1, 2), zoom=(1.5, 1.5), seed=0)
ink = (made.masks > 0).astype(int)
cut = len(ink) * 2 // 3
seg = pn.Segmenter(pn.model("segnet", widths=(8, 16)), epochs=size(8, 30), lr=0.01).fit(made.pictures[:cut], ink[:cut])
found = seg.evaluate(made.pictures[cut:], ink[cut:])
for name in ("mean_iou", "pixel_accuracy"):
    print(f"{name:14} {found[name].value:.3f}, ground only {found[name].baseline:.3f}")
assert found["mean_iou"].value > found["mean_iou"].baseline
seg.draw(made.pictures[cut : cut + 3], ink[cut : cut + 3])

# %% [markdown]
# ## Texts through a narrow place
# Exercise 2c:P7.7
#
# Sentences of five words as eight numbers, and back. What comes back wrong is a word in place of another of its kind:
# the code keeps the kind first.
# %%
nouns, verbs = ["cat", "dog", "bird", "cow"], ["sees", "hears", "likes"]
texts = [f"the {rng.choice(nouns)} {rng.choice(verbs)} the {rng.choice(nouns)}" for _ in range(size(150, 600))]
net = pn.model("text_ae", width=16, hidden=32, n_latent=8)
coder = pn.Autoencoder(net, epochs=size(15, 100), lr=0.01, batch_size=16).fit(texts)
again = coder.reconstruct(texts[:20])
for a, b in zip(texts[:4], again[:4], strict=True):
    print(f"{a!r} -> {b!r}")
right = np.mean([a.split() == str(b).split() for a, b in zip(texts[:20], again, strict=True)])
print("rebuilt exactly", round(float(right), 2), "codes", coder.encode(texts[:2]).shape)
assert right > size(0.2, 0.8)

# %% [markdown]
# ## The autoencoder of sequences
# Exercise 2c:P7.8
#
# One recurrent net reads a sequence and leaves its last state; another writes the sequence from that state. A plain
# sequence-to-sequence net is asked for another sequence, this one for its own: the state must hold all of it. It gives
# codes for search and clusters, a start for language models, and a measure of what is odd.
# %%
kinds = rng.uniform(0.5, 2, (size(150, 600), 2))
waves = np.stack([np.sin(np.linspace(0, 6, 20) * f + p) for f, p in kinds])[..., None]
coder = pn.Autoencoder(pn.model("lstm_ae", hidden=16), epochs=size(25, 150), lr=0.01).fit(waves)
odd = np.sign(rng.normal(size=(5, 20, 1)))
usual, unusual = coder.anomaly_score(waves[:20]).mean(), coder.anomaly_score(odd).mean()
print("codes", coder.encode(waves[:3]).shape, f"error of waves {usual:.3f}, of signs drawn at random {unusual:.3f}")
assert unusual > usual

# %% [markdown]
# ## Few labels and many pictures
# Exercise 2c:P7.9
#
# The variational autoencoder M2 has the class among its hidden causes: rows without a label add to it as well. The
# control is a net that sees the labelled rows alone.
# %%
known = np.concatenate([np.flatnonzero(y[: len(train)] == c)[:5] for c in range(10)])
flat = pixels.reshape(len(pixels), 64) / 255.0
flat = flat[:, flat[known].std(0) > 0]
net = pn.model("vae_m2", likelihood="bernoulli")
m2 = pn.Classifier(net, codec=pn.Table(scaling="none"), epochs=size(50, 200), lr=0.003)
m2.fit(flat[known], y[known], unlabelled=flat[: len(train)])
alone = pn.Classifier(pn.model("mlp", hidden=(128,)), epochs=100).fit(flat[known], y[known])
for name, clf in {"with the unlabelled": m2, "the labelled alone": alone}.items():
    print(f"{name:20} {clf.score(flat[1400:1500], y[1400:1500]):.3f}")
assert m2.score(flat[1400:1500], y[1400:1500]) > 0.6

# %% [markdown]
# ## The decoder's table, and transposed convolutions
# Exercises 4:Ex5.1, 4:Ex5.2, 4:Ex5.3
#
# The rows left blank in the decoder's table are 64, 128 and 256 units with ReLU and 784 with a sigmoid, whose weights
# are counted here. A transposed convolution stamps the kernel at every place and adds where stamps overlap.
# %%
widths = [784, 256, 128, 64, 32]
counts = [convolution.dense_cost(a, b)[0] for a, b in pairwise(widths)]
back = [convolution.dense_cost(b, a)[0] for a, b in pairwise(widths)][::-1]
print("encoder", counts, "decoder", back, "together", sum(counts) + sum(back))
assert sum(counts) + sum(back) == 489136
one = convolution.transposed(torch.tensor([[2.0, 0], [5, 1]])[None, None], torch.tensor([[1.0, 2], [2, 3]])[None, None])
kernel = torch.tensor([[1.0, 2, 3], [3, 1, 2], [2, 1, 3]])
two = convolution.transposed(torch.tensor([[1.0, 2], [2, 1]])[None, None], kernel[None, None])
print(one[0, 0].int().tolist(), two[0, 0].int().tolist())
assert one[0, 0].tolist() == [[2, 4, 0], [9, 17, 2], [10, 17, 3]]
assert two[0, 0].tolist() == [[1, 4, 7, 6], [5, 12, 12, 7], [8, 10, 10, 8], [4, 4, 7, 3]]
