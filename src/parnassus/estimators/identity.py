"""Which data and which versions a model was made from."""

import hashlib
import importlib.metadata
import platform

import numpy as np
import torch

from ..data.rows import Rows
from ..version import __version__

SAMPLED, WHOLE = 4096, 32_000_000  # rows; bytes of encoded data up to which every row is read


def fingerprint(rows: Rows) -> str:
    """A digest of the encoded rows and their number; of much data, of 4,096 rows spread evenly over them."""
    n = len(rows) if rows.n_bytes <= WHOLE else SAMPLED
    index = torch.linspace(0, len(rows) - 1, min(n, len(rows)), dtype=torch.float64).round().long()
    digest = hashlib.blake2b(str(len(rows)).encode(), digest_size=16)
    for name, tensor in sorted(rows.take(index).items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """The versions that equal weights need."""
    return {
        "parnassus": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scikit-learn": importlib.metadata.version("scikit-learn"),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
