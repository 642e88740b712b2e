# %% [markdown]
# # Detection, segmentation, interpretation, labelling
#
# What is where in a picture, why a net says so, and where labels come from.
# %%
import numpy as np
import pandas as pd
import torch
from _size import size

import parnassus as pn
from parnassus.data import samples
from parnassus.data.detection import scenes
from parnassus.functional import augmentation, boxes, metrics
from parnassus.insight import attribution, plots, units
from parnassus.labelling import Answers, active_learning, pilot

pixels, y = samples.digits()
small = pn.model("cnn", channels=(8, 16), hidden=32)
net = pn.Classifier(small, epochs=size(3, 20), lr=0.003).fit(pixels[:900], y[:900])

# %% [markdown]
# ## Boxes: overlap, suppression, anchors, the loss, crops
# Exercise 1:D13
#
# Two boxes that share half of each overlap by a third. Suppression keeps the best of those that overlap; an anchor
# belongs to the box that it overlaps enough, and every box has at least its best anchor; of the rest only the worst
# mistakes count, three for each match; a crop keeps a given overlap with some box.
# %%
found = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30]])
print("overlap", float(boxes.iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2]]))))
kept = boxes.nms(found, torch.tensor([0.8, 0.9, 0.5]), 0.5)
print("kept", kept.tolist())
anchors = boxes.anchors_on_grid((4, 4), boxes.anchor_sizes((12.0,), (1.0, 2.0)), stride=(8, 8))
one = torch.tensor([[[3.0, 3, 15, 15], [20, 4, 28, 20]]])
match = boxes.match_anchors(anchors, one, torch.tensor([2]))
positive = match >= 0
losses = torch.rand(positive.shape, generator=torch.Generator().manual_seed(0))
negative = boxes.hard_negatives(losses, positive)
print("anchors", len(anchors), "matched", int(positive.sum()), "hard negatives", int(negative.sum()))
crop = augmentation.cropping.jaccard_crops(one, torch.tensor([2]), size=(32, 32), least=torch.tensor([0.3]),
                                           generator=torch.Generator().manual_seed(0))  # fmt: skip
print("crop", crop.round().tolist())
assert kept.tolist() == [1, 2]
assert int(negative.sum()) == 3 * int(positive.sum())

# %% [markdown]
# ## Three kinds of segmentation, and what a decoder does
# Exercise 1:D14
#
# Semantic: a class for every pixel. Instance: which thing it belongs to. Panoptic ("image") segmentation: both, for
# all pixels. A U-Net's decoder brings maps back to the picture's size with what the skips kept, and a 1 x 1 layer says
# a class at each pixel: no dense layer, so any size will do.
# %%
made = scenes.digit_scenes(size(24, 200), size=32, n_digits=(2, 2), zoom=(1.5, 1.5), seed=0)
ink = (made.masks > 0).astype(int)
unet = pn.Segmenter(pn.model("u_net", widths=(8, 16)), epochs=size(6, 20), lr=0.01).fit(made.pictures, ink)
print("semantic classes", np.unique(made.masks[0]), "instances", np.unique(made.instances[0]))
print("scores of a larger picture", tuple(unet.objective_.model(torch.zeros(1, 1, 48, 48)).shape))
found = unet.evaluate(made.pictures, ink)
print("mean IoU", round(found["mean_iou"].value, 3), "always the ground", round(found["mean_iou"].baseline, 3))
assert found["mean_iou"].value > found["mean_iou"].baseline
unet.draw(made.pictures[:3], ink[:3])

# %% [markdown]
# ## A plan for labelling, and what active learning oversamples
# Exercise 1:D15
#
# Fix the scheme, let everybody label a pilot, measure agreement beyond chance, then label. A model that asks for what
# it is unsure of learns faster, and its rows are no fair sample: some classes come far more often than they are.
# %%
rng = np.random.default_rng(0)
truth = rng.choice(["car", "van"], 200, p=[0.7, 0.3])
said = np.where(rng.random((200, 3)) < [0.95, 0.9, 0.6], truth[:, None], rng.choice(["car", "van"], (200, 3)))
answers = Answers.wide(pd.DataFrame(said, columns=["ann", "bob", "joe"]), labels=["car", "van"])
print("pilot of", len(pilot(list(range(200)), 20, by=truth)), "| alpha", round(answers.agreement().alpha, 2),
      "| kappa of ann and bob", round(metrics.cohens_kappa(said[:, 0], said[:, 1]), 2))  # fmt: skip
light = pn.Classifier("logistic", epochs=size(5, 30), lr=0.05)
asked = active_learning(light, pixels[:600], lambda rows: y[rows], n_rounds=size(2, 8), n_each=20,
                        test=(pixels[900:], y[900:]), against_random=False)  # fmt: skip
shares = np.bincount(y[asked.asked.rows[20:]], minlength=10) / len(asked.asked.rows[20:])
print("accuracy by round", np.round(asked.asked.score, 3), "share of each class asked for", shares.round(2))
assert shares.max() > 1.3 / 10 > shares.min()

# %% [markdown]
# ## Looking into a net
# Exercises 1:D17, 2b:P4.3
#
# The kernels of the first layer, and the picture that each class would like best, made by climbing its score. Early
# kernels are edges and spots; later ones answer to shapes. That shows weaknesses and bias before they do harm in
# medicine or driving. The kernels drawn at random are replaced by edges as training goes on: they move away from them.
# %%
wanted = [units.exciting_picture(net, target=c, n_steps=size(8, 200)) for c in range(size(3, 10))]
print("it says of these pictures", net.predict(np.stack(wanted)))
start = pn.Classifier(small, epochs=1, lr=1e-9).fit(pixels[:900], y[:900])
moved = np.linalg.norm(np.asarray(units.filters(net)) - np.asarray(units.filters(start)))
print("kernels moved by", round(float(moved), 2))
assert moved > 0.1
plots.image_grid([np.asarray(p).squeeze() for p in wanted], [str(c) for c in range(len(wanted))], n_columns=5)

# %%
units.tiles(units.filters(net), title="kernels of the first layer")

# %% [markdown]
# ## Groups that a model serves less well
# Exercise 1:D25
#
# Policy asks who labels, for what pay, whom errors hit and which languages are served. The last two can be measured:
# here a model of one language is asked in two, and accuracy is told by group with its interval.
# %%
pairs = [("good fine bright", "gut fein hell"), ("bad poor dark", "schlecht arm dunkel")]
rng, texts, moods, tongues = np.random.default_rng(0), [], [], []
for _ in range(400):
    mood, tongue = int(rng.random() < 0.5), int(rng.random() < 0.3)
    texts.append(" ".join([*rng.choice(pairs[mood][tongue].split(), 2), rng.choice(["so", "and", "da"])]))
    moods.append(mood)
    tongues.append(("English", "German")[tongue])
own = [i for i in range(200) if tongues[i] == "English"]
clf = pn.Classifier("logistic", epochs=20, lr=0.05).fit([texts[i] for i in own], [moods[i] for i in own])
from parnassus.evaluation.equity import evaluate_groups

told = evaluate_groups(moods[200:], clf.predict(texts[200:]), tongues[200:])
print(told)
assert {g.group: g.accuracy for g in told.groups}["English"] > 0.95
assert {g.group: g.accuracy for g in told.groups}["German"] < 0.8

# %% [markdown]
# ## Segmentation without masks
# Exercise 1:D26
#
# The notes name weak supervision and give no method. Two that need no mask: regions of like brightness by k-means, and
# a single click from which a region grows. Against the true masks they come this far.
# %%
from parnassus.functional.regions import cluster_regions, grow_region, mask_iou

picture, true = made.pictures[0], made.masks[0] > 0
regions = cluster_regions(picture, 2)
ink_of = np.isin(regions, [r for r in np.unique(regions) if picture[regions == r].mean() > picture.mean()])
grown = grow_region(picture, tuple(np.argwhere(true & (picture > 150))[0]), tolerance=90)
print("k-means", round(mask_iou(ink_of, true), 3), "one click", round(mask_iou(grown, true), 3))
assert mask_iou(ink_of, true) > 0.4
plots.image_grid([picture, ink_of, grown, true], ["picture", "k-means", "one click", "true"], n_columns=4)

# %% [markdown]
# ## Faster R-CNN
# Exercise 2b:P4.4
#
# COCO's pictures are not at hand; scenes of digits are, and a folder of COCO's own form is read by
# `fit("train.json")`. The trunk is a small residual net. Overlap, average precision and its mean are COCO's numbers.
# %%
look = {"size": 48, "n_digits": (1, 2), "zoom": (2.0, 2.0)}
scene = scenes.digit_scenes(size(6, 300), seed=0, **look)
held = scenes.digit_scenes(size(4, 50), split="test", seed=1, **look)
truth, answers = ([(b.boxes, ["digit"] * len(b.boxes)) for b in s.boxes] for s in (scene, held))
net = pn.model("faster_rcnn", widths=(16, 24, 32), hidden=32)
detector = pn.Detector(net, epochs=size(1, 30), batch_size=8, lr=0.001).fit(scene.pictures, truth)
found = detector.evaluate(held.pictures, answers, n_bootstrap=20)
print({m.name: round(m.value, 3) for m in found.metrics[:3]})
best = detector.predict(held.pictures[:1], threshold=0.0)[0]
if len(best.boxes):
    overlaps = boxes.iou(torch.tensor(best.boxes[:5]).float(), torch.tensor(held.boxes[0].boxes).float())
    print("overlap of the five surest boxes with true ones", overlaps.max(1).values.numpy().round(2))
assert size(True, found["map_50"].value > 0.1)
detector.draw(held.pictures[:4], answers[:4], threshold=0.3)

# %% [markdown]
# ## Where a net looks
# Exercise 2b:P4.6
#
# Class activation maps weigh the last maps by the class's weights, Grad-CAM by the class's slopes, and occlusion covers
# one patch after another and watches the score. The first two need maps near the end; occlusion needs no look inside.
# %%
cam_net = pn.Classifier(pn.model("resnet20", width=0.25), epochs=size(2, 20), lr=0.005).fit(pixels[:900], y[:900])
for how in ("grad_cam", "cam", "occlusion"):
    maps = attribution.attribute(cam_net, pixels[900:904], how=how)
    print(f"{how:9} maps {maps.maps.shape}, from {float(maps.maps.min()):.2f} to {float(maps.maps.max()):.2f}")
    assert len(maps.maps) == 4
maps.plot()

# %% [markdown]
# ## Streets, pixel by pixel
# Exercise 2b:P4.8
#
# Drawn streets in place of Cityscapes: a road, lanes, cars and signs as classes. Rare classes are the point: pixel
# accuracy hides them, the mean IoU does not.
# %%
rng, n = np.random.default_rng(0), size(30, 200)
masks = np.zeros((n, 32, 32), dtype=int)
masks[:, 16:] = 1  # road
masks[:, 24, ::3] = 2  # lane
for mask in masks:
    for kind, tall, wide in ((3, 5, 8), (4, 4, 3)):  # a car, a sign
        top, left = (rng.integers(14, 25) if kind == 3 else rng.integers(2, 10)), rng.integers(0, 32 - wide)
        mask[top : top + tall, left : left + wide] = kind
streets = (np.array([40, 110, 250, 180, 220])[masks] + rng.normal(0, 12, masks.shape)).clip(0, 255).astype(np.uint8)
cut = n * 2 // 3
seg = pn.Segmenter(pn.model("u_net", widths=(8, 16)), epochs=size(12, 30), lr=0.01).fit(streets[:cut], masks[:cut])
found = seg.evaluate(streets[cut:], masks[cut:])
print({m.name: round(m.value, 3) for m in found.metrics})
for name, row in zip(("ground", "road", "lane", "car", "sign"), found.by_class, strict=True):
    print(f"{name:6} IoU {row['iou']:.3f}")
assert found["pixel_accuracy"].value >= found["mean_iou"].value
seg.draw(streets[cut : cut + 3], masks[cut : cut + 3])
