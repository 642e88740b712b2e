"""Labels: who agrees, what the labels are, which are wrong, which rows to label next, and drafts that a model makes."""

from .active import ActiveLearning, active_learning
from .agreement import Agreement
from .answers import Answers, pilot
from .consensus import Consensus
from .drafts import Corrections, MaskDraft, box_corrections, clicks_to
from .mistakes import Mistakes, find_mistakes, mistakes_in
from .queries import core_set, to_label_next, uncertainty
from .stream import Followed, follow
from .students import Students, noisy_student

__all__ = [
    "ActiveLearning",
    "Agreement",
    "Answers",
    "Consensus",
    "Corrections",
    "Followed",
    "MaskDraft",
    "Mistakes",
    "Students",
    "active_learning",
    "box_corrections",
    "clicks_to",
    "core_set",
    "find_mistakes",
    "follow",
    "mistakes_in",
    "noisy_student",
    "pilot",
    "to_label_next",
    "uncertainty",
]
