"""The closed list of facts, the shape each one fixes, and the choice of a view."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DataError, SettingError
from ..registry import Builder

FACTS = {
    "in_features": "x is (batch, in_features)",
    "cardinalities": "columns is (batch, len(cardinalities)) of category ids, beside x of (batch, in_features)",
    "unit_vectors": "the last sum(unit_vectors) of in_features are categories' unit vectors, so many entries each",
    "step_features": "x is (batch, time, step_features); lengths (batch,) where rows differ in length",
    "vocab_size": "x is (batch, time) of ids below vocab_size; lengths (batch,)",
    "source_vocab_size": "x is (batch, time) of ids below source_vocab_size; lengths (batch,)",
    "target_vocab_size": "outputs are (batch, time, target_vocab_size)",
    "start_id": "the id that begins what is written",
    "end_id": "the id that ends what is written",
    "pad_id": "the id that fills rows after their length",
    "max_length": "the longest row seen by fit",
    "n_segments": "segments is (batch, time) of kinds of text below n_segments, beside x and lengths",
    "in_channels": "x is (batch, in_channels, height, width)",
    "image_size": "(height, width) of x",
    "frames": "x is (batch, in_channels, frames, height, width)",
    "sample_rate": "x is (batch, time), samples a second; lengths (batch,)",
    "history": "time steps that a forecast sees",
    "horizon": "time steps that a forecast covers",
    "n_points": "y_points is (batch, most, n_points, 3): x and y of each box's keypoints, and 1 where one is there",
    "n_told": "y is (batch, n_told) numbers that rows are drawn for",
    "n_outputs": "outputs are (batch, n_outputs); (batch, time, n_outputs) for next-token targets",
    "n_samples": "how many rows training sees",
    "units": "y is (batch, longest) of ids below len(units), y_lengths (batch,); what the ids write, a Units",
}


def choose_view(
    builders: Sequence[Builder],
    views: Mapping[str, Mapping[str, Any]],
    others: Mapping[str, Any],
    *,
    wanted: object,
    view: str | None = None,
) -> tuple[str, Builder, dict[str, Any]]:
    """The first view that feeds a builder; among the builders it feeds, the one that asks for most facts.

    `views` maps a view's name to the facts it offers, `others` holds the target's facts, `wanted` is what the user
    asked for (for messages), and `view` narrows the choice to one name.
    """
    if view is not None and view not in views:
        raise SettingError(f"view {view!r} is not offered by these data; they offer {', '.join(views)}")
    for name, offered in views.items():
        if view not in (None, name):
            continue
        facts = {**offered, **others}
        must = {"cardinalities", "frames", "n_segments"} & offered.keys()  # who did not ask for them would lose them
        fed = sorted((b for b in builders if must <= b.facts <= facts.keys()), key=lambda b: -len(b.facts))
        if len(fed) > 1 and len(fed[0].facts) == len(fed[1].facts):
            raise SettingError(f"{wanted!r}: two builders fit the view {name!r} equally well; one should ask for more")
        if fed:
            return name, fed[0], {k: facts[k] for k in sorted(fed[0].facts)}
    needs = " or ".join(", ".join(sorted(b.facts - others.keys())) for b in builders)
    offers = "; ".join(f"{name}: {', '.join(sorted(facts))}" for name, facts in views.items())
    raise DataError(f"{wanted!r} needs {needs}, and these data offer {offers}; {hint_for(needs, offers)}")


def hint_for(needs: str, offers: str) -> str:
    """What to do where data do not offer what models need; both are names of facts, written out."""
    if all({"n_outputs", "units"} & set(one.split(", ")) for one in needs.split(" or ")):
        texts = ", or its text with condition='text'" if "units" in needs else ""
        return f"it learns rows of classes: give the class of each row as y{texts}"
    if "frames" in offers:
        return "these are videos: choose a model for clips, such as 'r3d18', 'c3d' or 'cnn_lstm'"
    if "in_channels" in needs and "step_features" in offers:
        return "arrays (rows, height, width) of floats are taken for sequences: for pictures give codec=pn.Image()"
    hints = []
    if "step_features" in needs and "step_features" not in offers:
        hints.append(
            "a series is an array (time, columns): of one column give [x[:, None] for x in X], or X[:, :, None]"
        )
    if "vocab_size" in needs and "vocab_size" not in offers:
        hints.append("texts are a list, or one column, of strings: of a frame give fit(frame['text'], frame['label'])")
    if len(hints) > 1:
        hints.append("rows of integers are sequences of symbols by codec=pn.Sequences()")
    return "; ".join(hints) if hints and "in_channels" not in offers else "choose another model or other data"
