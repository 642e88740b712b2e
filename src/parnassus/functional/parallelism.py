"""What a training takes on each of several devices: bytes held, and bytes sent a step, by the way it is divided."""

from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import SettingError

Strategy = Literal["data", "zero1", "zero2", "zero3", "tensor"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
SHAPES = {  # parameters in all: layers, width, heads, vocabulary; as such nets are usually made
    0.1e9: (12, 640, 10, 50_000),
    0.35e9: (24, 1024, 16, 50_000),
    1.3e9: (24, 2048, 16, 50_000),
    7e9: (32, 4096, 32, 50_000),
    13e9: (40, 5120, 40, 50_000),
    30e9: (48, 7168, 56, 50_000),
    70e9: (80, 8192, 64, 128_000),
}


@dataclass(frozen=True)
class Decoder:
    """A transformer that writes: what its size and its batches follow from."""

    n_layers: int
    width: int
    n_heads: int
    vocab_size: int
    context: int

    @property
    def n_parameters(self) -> int:
        """Weights of L layers, of the embedding (tied to the output) and of the positions.

            L (12 d^2 + 13 d) + V d + T d + 2 d

        >>> Decoder(12, 768, 12, 50_257, 1024).n_parameters
        124439808

        Source: counted; that of GPT-2 small.
        """
        d = self.width
        return self.n_layers * (12 * d * d + 13 * d) + (self.vocab_size + self.context) * d + 2 * d


@dataclass(frozen=True)
class Need:
    """Bytes of one device: held, by what they are, and sent in one step."""

    strategy: Strategy
    weights: float
    gradients: float
    states: float
    activations: float
    gathered: float  # whole layers that are put together to be used, and let go of
    sent: float

    @property
    def held(self) -> float:
        """Bytes held at once."""
        return self.weights + self.gradients + self.states + self.activations + self.gathered


def usual_decoder(n_parameters: float, *, context: int) -> Decoder:
    """The shape that a net of about so many parameters usually has.

    >>> usual_decoder(7e9, context=2048).width
    4096
    """
    nearest = min(SHAPES, key=lambda n: abs(n - n_parameters) / (n + n_parameters))
    return Decoder(*SHAPES[nearest], context)


def ring_all_reduce(n_bytes: float, n_devices: int) -> float:
    """Bytes that each device sends so that all hold the sum: 2 (N - 1) / N of what is summed.

    >>> ring_all_reduce(100.0, 4)
    150.0

    Source: Patarasuk and Yuan 2009.
    """
    return 2 * (n_devices - 1) / n_devices * n_bytes


def activation_bytes(net: Decoder, batch: float, *, size: int, kept: bool = True, n_tensor: int = 1) -> float:
    """Bytes kept from the forward pass for the backward one, of `batch` rows of a whole context.

        L T B d (10 + 24 / t) size / 2        kept
        L T B d size                          where layers are computed again: their inputs alone
        + 2 T B V size                        of the output: logits and their softmax

    T steps, B rows, d width, V words, t devices that share a layer, `size` bytes a number. Attention is fused, so
    that its T x T table is never held.

    Source: Korthikanti et al. 2022, eq. 2 without the attention's table, which is theirs for numbers of 2 bytes.
    """
    tokens = net.context * batch
    layer = (10 + 24 / n_tensor) / 2 if kept else 1
    return tokens * size * (net.n_layers * net.width * layer + 2 * net.vocab_size / n_tensor)


def need(
    strategy: Strategy,
    n_parameters: float,
    *,
    n_devices: int,
    n_states: float,
    activations: float,
    tensor_activations: float = 0.0,
    n_layers: int = 1,
    layer_bytes: float = 0.0,
    size: int = 4,
) -> Need:
    """What a device of N holds and sends, of P weights of `size` bytes with a gradient and `n_states` states each.

        data     P (w + g + o)                    2 (N - 1) / N P g
        zero1    P (w + g) + P o / N              (N - 1) / N P (g + w)
        zero2    P w + P (g + o) / N              (N - 1) / N P (g + w)
        zero3    P (w + g + o) / N + 2 layers     (N - 1) / N P (g + 2 w)
        tensor   P (w + g + o) / N                4 L all-reduces of a layer's output

    `activations` are those of all rows in one step: rows are divided, but for tensor, which needs
    `tensor_activations`, those of one device, and `layer_bytes`, of one layer's output of all rows. zero3 is what FSDP
    does with every layer wrapped by itself, where one layer is used while the next is gathered.

    Source: Rajbhandari et al. 2020, sections 5 and 7; Shoeybi et al. 2019, section 3.
    """
    if strategy not in STRATEGIES or n_devices < 1:
        raise SettingError(f"a strategy is one of {', '.join(STRATEGIES)}, for a device or more; got {strategy!r}")
    w = g = float(n_parameters) * size
    o, n, gathered = w * n_states, n_devices, 0.0
    around = (n - 1) / n
    own = activations / n
    if strategy == "data":
        sent = ring_all_reduce(g, n)
    elif strategy == "tensor":
        w, g, o, own = w / n, g / n, o / n, tensor_activations
        sent = 4 * n_layers * ring_all_reduce(layer_bytes, n)
    else:
        sent = around * (g + (2 * w if strategy == "zero3" else w))
        if strategy == "zero3":
            gathered = 2 * w / n_layers * (n > 1)
        o, g, w = o / n, g if strategy == "zero1" else g / n, w / n if strategy == "zero3" else w
    return Need(strategy, w, g, o, own, gathered, sent)
