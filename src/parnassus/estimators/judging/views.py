"""Answers averaged over several views of each picture: test-time augmentation."""

from typing import Any

import numpy as np
import torch

from ...data.rows import batches as batches_of
from ...errors import SettingError
from ...functional.augmentation.views import views_of
from ...train.randomness import kept_random
from ...train.timetable import cuts_of
from ..answers.using import usable
from ..classifier import Classifier
from ..fitting.assembly import device_under
from ..protocol import fitted

SEEN = 256  # pictures whose views are held at a time


def predict_views(clf: Classifier, X: Any, *, views: str = "ten-crop", share: float = 0.875) -> np.ndarray:
    """Probabilities of pictures, averaged over views of each: (rows, classes).

    Parameters
    ----------
    clf : a fitted classifier of pictures.
    views : "mirror", "ten-crop" (corners and centre, and their mirror images; each of `share` of the sides) or "turns".

    A view helps where it shows what training could have shown: a mirrored digit is another sign.

    Systems: test-time-crops
    Source: Krizhevsky et al. 2012, section 4.1; Martinez-Ramon 4.4.1.
    """
    if not isinstance(clf, Classifier) or fitted(clf).codec_.kind != "image" or clf.view_ != "image":
        raise SettingError("predict_views takes a fitted Classifier whose model sees pictures as pictures")
    X, _ = usable(clf, X, "raise")
    objective, device, codec = clf.objective_.eval(), device_under(clf.objective_), clf.codec_
    rows, found = codec.encode(X), []
    with torch.inference_mode(), kept_random(device, clf.seed, "use"):
        for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), SEEN)):
            batch = codec.prepare({k: t.to(device) for k, t in taken.items()}, clf.view_)
            seen = views_of(batch["x"], views, share=share)
            said = [clf.target_.probabilities(objective.outputs(batch | {"x": x}).float().cpu()) for x in seen]
            found.append(np.mean(said, axis=0))
    return np.concatenate(found)
