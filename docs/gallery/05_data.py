# %% [markdown]
# # Data and tools
#
# Numbers, tables, pictures and pipelines: what comes before a model.
# %%
import io
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from _size import size
from PIL import Image
from sklearn.datasets import load_sample_image, load_wine

import parnassus as pn
from parnassus.data import samples
from parnassus.data.tables import encodings
from parnassus.functional import augmentation, convolution, probability
from parnassus.insight import plots

# %% [markdown]
# ## Names for values, and their types
# Exercise 2a:P3.1
#
# One name, several at once, one value for two, a sequence taken apart; `type` tells what each is.
# %%
a = 3
b, c = 2.5, "word"
d = e = [1, 2]
first, *rest = (True, 4 + 1j, None)
tensor, array = torch.ones(2), np.ones(2)
for value in (a, b, c, d, first, *rest, tensor, array):
    print(f"{value!s:14} {type(value).__name__}")
assert d is e
assert isinstance(first, bool)

# %% [markdown]
# ## Counting in a tuple
# Exercise 2a:P3.2
#
# The sum, how often 10 occurs, the least and the greatest: the sum is 419, and 10 occurs four times.
# %%
numbers = (10, 25, 10, 90, 41, 10, 63, 77, 10, 83)
print(sum(numbers), numbers.count(10), min(numbers), max(numbers))
assert (sum(numbers), numbers.count(10), min(numbers), max(numbers)) == (419, 4, 10, 90)

# %% [markdown]
# ## A filled array and its bytes
# Exercise 2a:P3.3
#
# An empty array of 3 by 4, filled with consecutive whole numbers; its elements take their number times their size.
# %%
grid = np.empty((3, 4), dtype=np.int64)
grid.flat = np.arange(grid.size)
print(grid, grid.nbytes, "bytes,", grid.astype(np.uint8).nbytes, "as bytes")
assert grid.nbytes == grid.size * grid.itemsize == 96

# %% [markdown]
# ## A histogram and the curve through it
# Exercise 2a:P3.4
#
# 15,000 numbers with mean 16 and variance 3 (a standard deviation of 1.732, not 3), and the likeliest Gaussian.
# %%
x = np.random.default_rng(0).normal(16, np.sqrt(3), 15000)
mean, covariance = probability.gaussian_mle(torch.tensor(x)[:, None])
print("mean", round(mean.item(), 3), "variance", round(covariance.item(), 3))
assert abs(mean.item() - 16) < 0.06
assert abs(covariance.item() - 3) < 0.15
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.hist(x, bins=60, density=True, alpha=0.5)
at = torch.linspace(9, 23, 200).double()
ax.plot(at, probability.log_normal(at, mean, covariance.squeeze()).exp(), label="likeliest Gaussian")
ax.legend()
figure

# %% [markdown]
# ## Singular values
# Exercise 2a:P3.5
#
# U S V' of a 3 x 3 matrix; the product of the singular values is the determinant without its sign.
# %%
matrix = np.array([[10, 12, 33], [64, 35, 46], [70, 18, 39]])
u, s, vt = np.linalg.svd(matrix)
print(s.round(10), "product", round(float(np.prod(s)), 6), "determinant", round(float(np.linalg.det(matrix)), 6))
assert np.allclose(s, [121.8687726377, 23.7524530827, 9.9409872914])
assert np.allclose(u * s @ vt, matrix)

# %% [markdown]
# ## Gaps in a table
# Exercise 2a:P3.7
#
# A straight line through each gap, and the rows one by one. A model would refuse the holes, or fill them by what it is
# told: `pn.Table(missing="median")` learns what to fill from the training rows alone.
# %%
frame = pd.DataFrame({"day": [1, 2, 3, 4, 5], "heat": [10, np.nan, np.nan, 16, 15], "rain": [0, 1, np.nan, 3, 3]})
filled = frame.interpolate(method="linear")
for row in filled.itertuples(index=False):
    print(row.day, row.heat, row.rain)
assert filled["heat"].tolist() == [10, 12, 14, 16, 15]
try:
    pn.Regressor("linear").fit(frame[["day", "heat"]], frame["day"] * 2.0)
except pn.DataError as error:
    print("refused:", error)

# %% [markdown]
# ## Relations, by colour, mark and size, and in panels
# Exercise 2a:P3.8
#
# The book's taxi rides are not at hand; wine's columns are. Two numbers against each other with a colour for the kind
# and a size for a third, then a panel a kind with its correlation.
# %%
wine = load_wine(as_frame=True).frame
figure, axes = plt.subplots(1, 4, figsize=(12, 3), layout="constrained", sharey=True)
for kind, mark in enumerate("o^s"):
    part = wine[wine["target"] == kind]
    for ax in (axes[0], axes[kind + 1]):
        ax.scatter(part["alcohol"], part["color_intensity"], s=part["proline"] / 30, marker=mark, color=f"C{kind}")
    axes[kind + 1].set_title(f"kind {kind}: {part['alcohol'].corr(part['color_intensity']):.2f}")
axes[0].set(xlabel="alcohol", ylabel="colour", title="all")
print(wine.groupby("target")[["alcohol", "color_intensity"]].mean().round(2))
figure

# %% [markdown]
# ## A pipeline of values
# Exercise 2a:P3.9
#
# Keep the even ones, square them, shuffle with a buffer of three: the buffer hands out one of its three at random and
# takes in the next, so nothing moves far to the front.
# %%
values = [4, 16, 7, 12, 32, 10, 2, 14, 5, 24, 30, 20, 8, 9]
squares = (v * v for v in values if v % 2 == 0)


def shuffled(source, buffer, seed):
    draw, held = np.random.default_rng(seed), []
    for value in source:
        held.append(value)
        if len(held) > buffer:
            yield held.pop(draw.integers(buffer))
    while held:
        yield held.pop(draw.integers(len(held)))


out = list(shuffled(squares, buffer=3, seed=0))
print(out)
assert sorted(out) == sorted([16, 256, 144, 1024, 100, 4, 196, 576, 900, 400, 64])

# %% [markdown]
# ## An activation of one's own
# Exercise 2a:P3.10
#
# A ReLU written as a module, in a sequential net, in an estimator. The book puts a softmax over one output, which is 1
# for every row; one score with a sigmoid is meant, and that is what the estimator makes of two classes.
# %%


class OwnReLU(torch.nn.Module):
    def forward(self, x):
        return x * (x > 0)


with torch.random.fork_rng():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 16), OwnReLU(), torch.nn.Linear(16, 1))
X, y = samples.xor_clusters(100, seed=1)
clf = pn.Classifier(net, epochs=size(30, 100), lr=0.02).fit(X[::2], y[::2])
print("own ReLU, test accuracy", round(clf.score(X[1::2], y[1::2]), 3))
at = torch.tensor([-1.0, 0.0, 2.0])
assert torch.equal(OwnReLU()(at), pn.functional.activations.relu(at))
assert clf.score(X[1::2], y[1::2]) > 0.8

# %% [markdown]
# ## A data set as a class
# Exercise 2a:P3.11
#
# Length and item are all that torch's loader asks for. Estimators take arrays, frames and folders as they are, so such
# a class is needed only where rows are made as they are asked for.
# %%


class Squares(torch.utils.data.Dataset):
    def __init__(self, n):
        self.x = torch.linspace(-1, 1, n)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.x[i] ** 2


batches = list(torch.utils.data.DataLoader(Squares(100), batch_size=32, generator=torch.Generator().manual_seed(0)))
print([len(x) for x, _ in batches])
assert [len(x) for x, _ in batches] == [32, 32, 32, 4]

# %% [markdown]
# ## A list as a dictionary of lists, a diamond, and places in an array
# Exercises 2a:Ex3.1.1, 2a:Ex3.1.2, 2a:Ex3.2.2
#
# Items 0, 2 and 5 under three names; stars in the shape of a diamond; and rows, columns, steps, masks and lists as
# places of an array.
# %%
items = ["Germany", 1, "Sam", 2, 3, 90]
print({name: [items[i]] for name, i in zip(("Country", "Name", "Age"), (0, 2, 5), strict=True)})
for n in (1, 3, 5, 3, 1):
    print(("*" * n).center(5))
a = np.arange(20).reshape(4, 5)
print(a[1, 2], a[-1], a[:, 0], a[::2, 1:3].tolist(), a[a % 7 == 0], a[[0, 3], [1, 4]])
assert a[1, 2] == 7
assert a[[0, 3], [1, 4]].tolist() == [1, 19]

# %% [markdown]
# ## Four plots in one figure
# Exercise 2a:Ex3.3.1
#
# A line, bars, a histogram and a scatter, two by two.
# %%
t, draws = np.linspace(0, 6, 100), np.random.default_rng(0)
figure, axes = plt.subplots(2, 2, figsize=(8, 5), layout="constrained")
axes[0, 0].plot(t, np.sin(t))
axes[0, 1].bar(["a", "b", "c"], [3, 1, 2])
axes[1, 0].hist(draws.normal(size=500), bins=30)
axes[1, 1].scatter(*draws.normal(size=(2, 100)), c=np.arange(100))
for ax, title in zip(axes.flat, ("line", "bars", "histogram", "scatter"), strict=True):
    ax.set_title(title)
figure

# %% [markdown]
# ## A photo turned, blurred, and its edges
# Exercise 2a:Ex3.4.1
#
# Upside down, by 60 degrees, blurred more and more, and Prewitt's filter on one channel. The book's racoon is replaced
# by a photo that scikit-learn ships.
# %%
photo = torch.tensor(load_sample_image("flower.jpg")[::4, ::4] / 255.0, dtype=torch.float32).permute(2, 0, 1)[None]
tall, wide = photo.shape[2:]
turn = augmentation.geometry.affine(size=(tall, wide), angle=torch.tensor([torch.pi / 3]), zoom=torch.ones(1),
                                    shift=torch.zeros(1, 2), shear=torch.zeros(1))  # fmt: skip
edges = convolution.correlate(photo[:, :1], convolution.filters.prewitt()[None, None]).abs()
made = {"flipped": photo.flip(2), "turned": augmentation.geometry.warp(photo, turn), "edges": edges.clamp(0, 1)}
for sigma in (1, 3):
    made[f"sigma {sigma}"] = augmentation.distortion.blur(photo, float(sigma))
print({name: tuple(p.shape[2:]) for name, p in made.items()})
assert made["sigma 3"].std() < made["sigma 1"].std() < photo.std()
assert edges.shape[2:] == (tall - 2, wide - 2)
plots.image_grid([p[0].permute(1, 2, 0).squeeze().numpy() for p in made.values()], list(made), n_columns=5)

# %% [markdown]
# ## Eight ways to a series or a frame
# Exercise 2a:Ex3.6.1
#
# Series of a list, a dictionary, one value with an index, and an array; frames of lists, of dictionaries either way
# round, and of series. All frames below are equal.
# %%
series = [pd.Series([1, 2]), pd.Series({"a": 1, "b": 2}), pd.Series(7, index=["a", "b"]), pd.Series(np.arange(2))]
frames = [
    pd.DataFrame({"a": [1, 2], "b": [3, 4]}),
    pd.DataFrame([[1, 3], [2, 4]], columns=["a", "b"]),
    pd.DataFrame([{"a": 1, "b": 3}, {"a": 2, "b": 4}]),
    pd.DataFrame({"a": pd.Series([1, 2]), "b": pd.Series([3, 4])}),
]
again = pd.read_csv(io.StringIO(frames[0].to_csv()), index_col=0)
print([s.tolist() for s in series], len(frames), "frames")
assert all(frame.equals(frames[0]) for frame in [*frames, again])

# %% [markdown]
# ## Pictures as vectors
# Exercise 4:Ex1.4
#
# A 64 x 64 picture in colour is 12,288 numbers, pixel by pixel with the three colours side by side, each brought to
# between 0 and 1. The image codec keeps bytes, and gives either form to whatever model asks.
# %%
small = Image.fromarray(load_sample_image("china.jpg")).resize((64, 64))
vector = np.asarray(small, dtype=np.float32).ravel() / 255
print(vector.shape, vector[:6].round(2), "first two pixels", (np.asarray(small)[0, :2] / 255).round(2).tolist())
assert vector.shape == (12288,)
assert np.allclose(vector[3:6], np.asarray(small)[0, 1] / 255)
codec = pn.Image().fit(np.stack([np.asarray(small)] * 2))
print(codec.views())

# %% [markdown]
# ## The columns of Auto-MPG
# Exercise 4:Ex3.1
#
# Sizes go to between 0 and 1 by their known range, years to one of four bins and these to three cumulative bits, the
# number of cylinders and the origin to one bit a kind. What is predicted is one number, by a linear output.
# %%
horsepower = (100 - 46) / (230 - 46)
years = np.array([70, 72, 73, 75, 76, 78, 79, 82])
bins = np.digitize(years, [73, 76, 79])
print("horsepower", round(horsepower, 6), "weight", round((3000 - 1613) / (5104 - 1613), 6), "bins", bins)
bits = encodings.thermometer(bins, 4).astype(int)
print(bits[::2].tolist())
assert bits[::2].tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]
cylinders = encodings.ordinal([4, 8, 3, 6, 5], [3, 4, 5, 6, 8])
print("cylinders 4, 8, 3, 6, 5:", encodings.one_hot(cylinders, 5).astype(int).tolist())
# or let the codec find out: numbers are standardised, words become a bit a kind
cars = pd.DataFrame({"weight": [3000.0, 1613, 5104, 2200], "origin": ["usa", "europe", "japan", "usa"]})
print(pn.Table().fit(cars).views())

# %% [markdown]
# ## From a folder of pictures to a saved model
# Exercise 4:D6
#
# A folder a class: learned from, saved, read back and judged on pictures that it has not seen. The classes' names are
# the folders', and travel with the model. Rows are shuffled before any are held out; the course's are not.
# %%
X, y = samples.digits()
root = Path(tempfile.mkdtemp())
for i in range(size(120, 900)):
    (root / "train" / str(y[i])).mkdir(parents=True, exist_ok=True)
    Image.fromarray(X[i]).save(root / "train" / str(y[i]) / f"{i}.png")
clf = pn.Classifier("cnn", epochs=size(12, 20), lr=0.003).fit(root / "train", validation=0.2)
clf.save(root / "digits.parnassus")
again = pn.load(root / "digits.parnassus")
pictures, truth = X[1000:1200], y[1000:1200].astype(str)
print("classes", again.classes_[:3], "... test accuracy", round(again.score(pictures, truth), 3))
assert (again.predict(pictures) == clf.predict(pictures)).all()
said = again.predict(pictures[:12])
plots.image_grid(list(pictures[:12]), [f"{s}" for s in said])
