"""Suppression of 2,000 boxes: the kernel beside the loop of torch operations, and torchvision's where it loads.

The target is 20 times the loop. Run: python benchmarks/bench_nms.py [--threads 1].
PARNASSUS_KERNELS=off measures the twin against itself.
"""

import torch

from harness import Work, arguments, compare
from parnassus.functional.boxes import nms, nms_by_class, nms_twin

BOXES, THRESHOLD, CLASSES = 2000, 0.5, 80


def boxes(n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Boxes of which most stay, as after a threshold on scores; scores; classes."""
    g = torch.Generator().manual_seed(0)
    corner, size = torch.rand(n, 2, generator=g) * 600, 10 + torch.rand(n, 2, generator=g) * 50
    return torch.cat([corner, corner + size], 1), torch.rand(n, generator=g), torch.randint(CLASSES, (n,), generator=g)


def main() -> None:
    args = arguments()
    given, scores, labels = boxes(BOXES)
    kept = len(nms(given, scores, THRESHOLD))
    works: dict[str, Work] = {
        "parnassus": lambda: nms(given, scores, THRESHOLD),
        "torch loop": lambda: nms_twin(given, scores, THRESHOLD),
    }
    compare(f"suppression of {BOXES} boxes, {kept} stay", works, ours="parnassus", args=args)

    def torch_by_class() -> None:
        for label in labels.unique():
            own = (labels == label).nonzero()[:, 0]
            nms_twin(given[own], scores[own], THRESHOLD)

    works = {
        "parnassus": lambda: nms_by_class(given, scores, labels, iou_threshold=THRESHOLD),
        "torch loop": torch_by_class,
    }
    compare(f"the same by class, {CLASSES} classes", works, ours="parnassus", args=args)


if __name__ == "__main__":
    main()
