"""What nets of places start from: fitted ones of their task, another detector's backbone, or a classifier as one."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...data.codec import Codec
from ...data.images.image import Image, is_stack
from ...errors import SettingError
from ...layouts import few, pattern, renamed
from ...objectives.transfer import Frozen
from ...registry import Spec
from .assembly import model_of

PLACES = ("detector", "segmenter", "keypoint_finder")
STAND = ("resnet18", "resnet34", "resnet50", "resnet101")


def refuse_other_kinds(name: str, task: str) -> None:
    """Refuses to make a detector, segmenter or finder of a model that is none, and says what would be one."""
    if task == "detector" and (name in STAND or name == "vgg16"):
        stand = ("retinanet", name) if name in STAND else ("ssd", "vgg16")
        raise SettingError(
            f"start is a {name!r}, which finds no places by itself; name the detector that stands on it: "
            f"pn.model({stand[0]!r}, backbone={stand[1]!r})"
        )
    if task == "keypoint_finder" and name == "u_net":
        raise SettingError(
            "start is a 'u_net', which answers with classes; name the finder that has its layers: "
            "pn.model('heat_unet', widths=...), of the same widths"
        )
    if task in PLACES:
        others = ", or a classifier 'resnet18' to 'resnet101' or 'vgg16' as its backbone" if task == "detector" else ""
        raise SettingError(f"start is a {name!r}, and no {task} begins with one; take a fitted {task}{others}")


def scaled_as(theirs: Codec | None, own: Codec, X: Any, *, framed: bool) -> Codec:
    """The codec fitted to X, with the scale of pixels of a start's; `framed` takes its frame as well."""
    if not isinstance(theirs, Image) or not isinstance(own, Image):
        return type(own)(**own.options).fit(X)
    options = dict(own.options)
    if framed:
        options |= {"size": None if is_stack(X) else theirs.shape[1:], "resize": theirs.options["resize"]}
        if not is_stack(X) and theirs.shape[0] in (1, 3):
            options["mode"] = "L" if theirs.shape[0] == 1 else "RGB"
    made = Image(**options).fit(X)
    if framed and made.shape[1:] != theirs.shape[1:]:
        made = Image(**options | {"size": theirs.shape[1:]}).fit(X)
    if made.shape[0] == theirs.shape[0]:
        made.mean, made.std = theirs.mean.clone(), theirs.std.clone()
    return made


# --- detectors ------------------------------------------------------------------------------------


def backbone_of(net: Any) -> tuple[str, Any]:
    """The module of a detector that makes the first maps of a picture, and what its names begin with there."""
    body = getattr(net.maps, "body", None)
    return ("maps.", net.maps) if body is None else ("maps.body.", body)


def above_backbone(net: nn.Module) -> Frozen:
    """The names of all weights of a detector but those of its backbone, or of what a classifier has of it."""
    prefix, body = backbone_of(net)
    back = [(pattern(ours, theirs), theirs) for theirs, ours in getattr(body, "from_classifier", ())]
    below = {f"{prefix}{name}" for name in body.state_dict() if not back or renamed(name, back) is not None}
    return frozenset(name for name in net.state_dict() if name not in below)


def renewed(net: nn.Module, mine: Any, theirs: Any) -> Frozen:
    """The names of the weights that answer otherwise: with other classes, or with other keypoints."""
    parts: tuple[str, ...] = ()
    if theirs is None or list(mine.classes) != list(theirs.classes):
        parts += getattr(net, "answering", ())
    if theirs is None or (mine.n_points, mine.point_names) != (theirs.n_points, theirs.point_names):
        parts += getattr(net, "pointing", ())
    return frozenset(name for name in net.state_dict() if name.startswith(tuple(f"{part}." for part in parts)))


def is_detector(estimator: Any, weights: Mapping[str, Tensor]) -> bool:
    """Whether weights are a whole detector's, of an estimator or by their names."""
    return getattr(estimator, "task", None) == "detector" or any(name.startswith("maps.") for name in weights)


def is_of_another_kind(theirs: Any, mine: Any) -> bool:
    """Whether two detectors are of different models, such as RetinaNet and Faster R-CNN."""
    first, second = (given.name if isinstance(given, Spec) else given for given in map(model_of, (theirs, mine)))
    return first != second


def as_stand(
    net: nn.Module, weights: Mapping[str, Tensor], told: str, named: str, *, renewed: Frozen
) -> dict[str, Tensor]:
    """What a detector of another kind has for this net: its backbone, the pyramid on it, and of nets that look at
    regions what proposes them and says their classes; all but what is `renewed`.

    Raises
    ------
    SettingError : the backbones are not the same.
    """
    prefix, _ = backbone_of(net)
    whole = "maps.body." if any(name.startswith("maps.body.") for name in weights) else "maps."
    theirs = {prefix + n.removeprefix(whole): t for n, t in weights.items() if n.startswith(whole)}
    own = net.state_dict()
    odd = _odd_layers({n: t for n, t in own.items() if n.startswith(prefix)}, theirs, prefix)
    if odd:
        raise SettingError(
            f"start: {told} is a detector of another kind, whose backbone is not that of {named}: {few(odd)}; give "
            "both the same backbone, or the same widths where it is small"
        )
    for part in ("maps.pyramid.", "proposer.", "head.") if prefix == whole else ():
        due = [n for n in own if n.startswith(part) and n not in renewed]
        if all(n in weights and weights[n].shape == own[n].shape for n in due):  # half a part is of no use
            theirs |= {n: weights[n] for n in due}
    return theirs


def _odd_layers(own: Mapping[str, Tensor], found: Mapping[str, Tensor], prefix: str) -> list[str]:
    """Weights of a backbone that are not there, of another shape, or too many, in words."""
    odd = [
        f"{name.removeprefix(prefix)} is {'absent' if name not in found else tuple(found[name].shape)} there and "
        f"{tuple(tensor.shape)} here"
        for name, tensor in own.items()
        if name not in found or found[name].shape != tensor.shape
    ]
    return odd + [f"{name.removeprefix(prefix)} is absent here" for name in found if name not in own]


def as_backbone(net: nn.Module, weights: Mapping[str, Tensor], told: str, named: str) -> dict[str, Tensor]:
    """A classifier's weights under the names of a detector's backbone; without its head.

    Raises
    ------
    SettingError : the backbone is that of no classifier, or of another one.
    """
    prefix, body = backbone_of(net)
    table = getattr(body, "from_classifier", ())
    if not table:
        raise SettingError(
            f"start: {told} is no detector, and no classifier has the backbone of {named}; name one that stands on a "
            "classifier, such as pn.model('retinanet', backbone='resnet18') or pn.model('ssd', backbone='vgg16')"
        )
    patterns = [(pattern(*pair), pair[1]) for pair in table]
    found = {f"{prefix}{new}": t for n, t in weights.items() if (new := renamed(n, patterns)) is not None}
    above = above_backbone(net)
    own = {name: tensor for name, tensor in net.state_dict().items() if name not in above}
    odd = _odd_layers(own, found, prefix)
    if odd:
        raise SettingError(
            f"start: {told} is not the backbone of {named}: {few(odd)}; take a classifier that was learned with "
            f"{body.classifier} from pictures of as many channels (codec=pn.Image(mode='RGB') brings all to three)"
        )
    return found
