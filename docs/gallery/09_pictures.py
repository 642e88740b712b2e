# %% [markdown]
# # Convolutional nets
#
# Nets by name, on the 8 x 8 digits that ship with scikit-learn, and what one data set teaches for another.
# %%
import tempfile

import numpy as np
from _size import size

import parnassus as pn
from parnassus.data import samples
from parnassus.insight import plots, zoo

X, y = samples.digits()
noise = np.random.default_rng(0)
rows = noise.permutation(len(y))
test, train = rows[: size(200, 500)], rows[500 : size(900, None)]
low = train[y[train] < 5][: size(250, None)]
few = np.concatenate([np.flatnonzero(y == c)[:10] for c in range(5, 10)])
rest = np.setdiff1d(np.flatnonzero(y >= 5), few)[: size(200, None)]

# %% [markdown]
# ## LeNet-5 on digits
# Exercise 0:D7
#
# Pictures of 32 x 32 are what it takes: here the 8 x 8 digits four times as large. On ten classes it has 61,706
# weights in its modern form; the one of 1998 has fewer connections in its second layer.
# %%
large = X.repeat(4, 1).repeat(4, 2)
some = train[: size(250, None)]
clf = pn.Classifier("lenet", epochs=size(2, 10), lr=0.005).fit(large[some], y[some])
print("test accuracy", round(clf.score(large[test], y[test]), 3))
weights = pn.summary(clf).n_parameters
print("weights", weights)
assert weights == 61706
assert clf.score(large[test], y[test]) > size(0.3, 0.9)
plots.image_grid(list(large[test[:8]]), clf.predict(large[test[:8]]).astype(str).tolist(), n_columns=8)

# %% [markdown]
# ## Which layers to freeze
# Exercise 1:D16
#
# A net that knows 0 to 4 is to learn 5 to 9 from ten pictures each. Early layers hold strokes, which serve both; the
# fewer the new pictures, the more stays frozen. What is frozen does not move at all.
# %%
base = pn.Classifier(pn.model("cnn", channels=(16, 32), hidden=32), epochs=size(4, 20), lr=0.003).fit(X[low], y[low])
short = {"epochs": size(10, 30), "lr": 0.003, "batch_size": 16}
for name, setting in {"nothing": {"start": base}, "first layer": {"start": base, "freeze": 1},
                      "all but the head": {"start": base, "freeze": "body"},
                      "from scratch": {"model": pn.model("cnn", channels=(16, 32), hidden=32)}}.items():  # fmt: skip
    clf = pn.Classifier(**setting, **short).fit(X[few], y[few])
    print(f"frozen: {name:17} test accuracy {clf.score(X[rest], y[rest]):.3f}")
    if name.startswith("all"):
        assert np.array_equal(clf.features(X[:3]), base.features(X[:3]))
        assert clf.score(X[rest], y[rest]) > 0.3

# %% [markdown]
# ## VGG in the transfer example, with and without augmentation
# Exercise 2b:P4.1
#
# The book's swap of the trunk, at a size that runs here: a thin VGG and a thin ResNet learn the same five classes, are
# frozen, and get a new head. The book names an example 4.5.1 which does not exist; 4.4.1 is meant.
# %%
trunks = {"vgg11": pn.model("vgg11", width=0.125, head=64, norm=True), "resnet20": pn.model("resnet20", width=0.5)}
most = size(100, None)
big = X.repeat(4, 1).repeat(4, 2)
for name, trunk in trunks.items():
    known = pn.Classifier(trunk, epochs=size(1, 4), lr=0.003).fit(big[low[:most]], y[low[:most]])
    for changed in (False, True):
        codec = pn.Image(augment={"shift": 0.1, "rotate": 10}) if changed else None
        clf = pn.Classifier(start=known, freeze="body", codec=codec, epochs=size(3, 15), lr=0.01, batch_size=16)
        found = clf.fit(big[few], y[few]).evaluate(big[rest], y[rest])
        print(f"{name:9} augmentation {changed!s:5} test accuracy {found['accuracy'].value:.3f}")
plots.confusion(found.confusion, found.classes)

# %% [markdown]
# ## Deep or wide
# Exercise 2b:P4.2
#
# Weights grow with the square of the width and in line with the depth, and steps that must be taken one after another
# grow with depth alone. Depth composes features and sees further, but slopes must pass through it; width is easy to
# train and to run at once, and soon adds little.
# %%
cases = {"shallow, thin": (16, 16), "shallow, wide": (64, 64), "deep, thin": (16,) * 6}
for name, channels in cases.items():
    net = pn.model("cnn", channels=(channels[0],) * min(len(channels), 3), hidden=32)
    if len(channels) > 3:
        net = pn.model("resnet20", width=1.0)
    clf = pn.Classifier(net, epochs=size(2, 8), lr=0.003).fit(X[train], y[train])
    told = pn.summary(clf)
    products = sum(layer.n_products for layer in told.layers)
    accuracy = clf.score(X[test], y[test])
    print(f"{name:14} {told.n_parameters:9,} weights, {products:10,} products, accuracy {accuracy:.3f}")
wide, thin = (pn.functional.convolution.costs(c, c, (3, 3), (8, 8))[0] for c in (64, 16))
assert 15 < wide / thin < 17

# %% [markdown]
# ## A number from a picture, by transfer and from scratch
# Exercise 2b:P4.7
#
# Ages of faces are not at hand; drawn rings are, whose "age" is their size under noise. A net that knows digits gives
# the trunk; a fresh net is the control; the largest errors are looked at one by one.
# %%
age = noise.uniform(1, 3.5, size(200, 600))
grid = np.hypot(*(np.indices((8, 8)) - 3.5))
faces = (255 * np.exp(-((grid - age[:, None, None]) ** 2)) + noise.normal(0, 30, (len(age), 8, 8))).clip(0, 255)
faces, cut = faces.astype(np.uint8), len(age) // 2
for name, setting in {"transfer": {"start": base}, "scratch": {"model": pn.model("cnn", channels=(16, 32))}}.items():
    reg = pn.Regressor(**setting, epochs=size(8, 40), lr=0.003).fit(faces[:cut], age[:cut])
    found = reg.evaluate(faces[cut:], age[cut:])
    print(f"{name:9}", {m.name: round(m.value, 3) for m in found.metrics if m.name in ("r2", "rmse", "mae")})
    assert found["r2"].value > 0.5
error = np.abs(reg.predict(faces[cut:]).ravel() - age[cut:])
worst = error.argsort()[-6:]
print("the largest errors:", error[worst].round(2), "at ages", age[cut:][worst].round(2))
plots.predicted_vs_true(age[cut:], reg.predict(faces[cut:]).ravel(), name="age")

# %% [markdown]
# ## Nets by name, and a new head
# Exercise 3:D10
#
# AlexNet, ZFNet, VGG-16 and 19, GoogLeNet, ResNet-50 and 101 are names; so is their cost. Weights of others are read
# by `pn.hub` from a folder on disk, and `start=` gives a net with other classes a new head.
# %%
names = ["vgg16", "resnet50", *size([], ["alexnet", "zfnet", "vgg19", "googlenet", "resnet101"])]
costs = {found.name: found for found in zoo.net_costs(names)}
for name, found in costs.items():
    print(f"{name:10} {found.n_parameters:12,} weights, {found.n_products:15,} products, top-1 {found.top1}")
assert costs["vgg16"].n_parameters == 138357544
assert costs["resnet50"].n_parameters == 25557032
spec, folder = pn.model("resnet18", width=0.125, stem="paper"), tempfile.mkdtemp()
taught = pn.Classifier(spec, epochs=1).fit(large[low], y[low])
pn.hub.save_pretrained(taught, folder)  # the layout of transformers, in which others' weights come as well
swapped = pn.Classifier(spec, start=folder, epochs=1).fit(large[few], y[few])
print("drawn anew:", swapped.start_["new"])
assert len(swapped.start_["new"]) == 2
