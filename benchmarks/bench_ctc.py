"""CTC: prefix beam search beside pyctcdecode's, and the loss that training uses beside the readable twin.

4 rows of 200 frames and 32 classes as sharp as a trained net's, a beam of 100 without a language model, both sides
with the same floor. The loss is torch's kernel in both; what is measured is what the wrapping costs.
Run: python benchmarks/bench_ctc.py [--threads 1]. PARNASSUS_KERNELS=off measures the twin of the search.
"""

import numpy as np
import torch

from harness import Work, arguments, compare, installed
from parnassus.functional.prefix_beam import prefix_beam
from parnassus.objectives.recognition.transcription import ctc_losses

ROWS, FRAMES, CLASSES, BEAM, FLOOR = 4, 200, 32, 100, -5.0


def rows() -> torch.Tensor:
    """Log-probabilities (rows, frames, classes): mostly blank, a letter in every sixth frame, some doubt."""
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(ROWS, FRAMES, CLASSES, generator=g)
    logits[..., 0] += 5
    said = torch.randint(1, CLASSES, (ROWS, FRAMES), generator=g)
    speaks = torch.rand(ROWS, FRAMES, generator=g) < 1 / 6
    logits.scatter_add_(2, said[..., None], 9.0 * speaks[..., None])
    return logits.log_softmax(-1)


def theirs(log_probs: torch.Tensor) -> Work:
    from pyctcdecode import build_ctcdecoder

    decoder = build_ctcdecoder(["", " ", *(chr(ord("A") + i) for i in range(CLASSES - 2))])
    held = [np.ascontiguousarray(row) for row in log_probs.numpy()]

    def work() -> None:
        for row in held:
            decoder.decode_beams(row, beam_width=BEAM, token_min_logp=FLOOR)

    return work


def main() -> None:
    args = arguments()
    log_probs, lengths = rows(), torch.full((ROWS,), FRAMES)
    works: dict[str, Work] = {"parnassus": lambda: prefix_beam(log_probs, lengths, beam=BEAM, floor=FLOOR)}
    if installed("pyctcdecode"):
        works["pyctcdecode"] = theirs(log_probs)
    compare("prefix beam search, 4 x 200 frames, beam 100", works, ours="parnassus", args=args)

    y = torch.randint(1, CLASSES, (ROWS, 60), generator=torch.Generator().manual_seed(1))
    batch = {"y": y, "y_lengths": torch.full((ROWS,), 60)}
    scores = log_probs.clone().requires_grad_()

    def ours_loss() -> None:
        ctc_losses(scores, lengths, batch).sum().backward()

    def torch_loss() -> None:
        sizes = lengths, batch["y_lengths"]
        torch.nn.functional.ctc_loss(scores.transpose(0, 1), y, *sizes, reduction="sum").backward()

    compare("CTC loss and gradient", {"parnassus": ours_loss, "torch": torch_loss}, ours="parnassus", args=args)


if __name__ == "__main__":
    main()
