"""Recurrent layers against torch's, ways of unrolling against their definitions, sequences of symbols against torch."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..evaluation.language import perplexity
from ..functional import recurrence, unrolling
from ..functional.decoding import greedy_search
from ..functional.edit_distance import edit_distance, error_rate
from ..functional.word_vectors.lookup import lookup, lookup_backward
from ..imports import imported
from ..layers.cells import LSTM, Elman
from ..layers.recurrent import Recurrent
from ..train.randomness import kept_random
from . import check, gap

CPU = torch.device("cpu")
D, N, TIME = 3, 5, 8


@check("bidirectional-rnn", "stacked-rnn", oracle="torch", tolerance=1e-12)
def two_layers_in_both_directions_against_torch() -> float:
    """Two LSTM layers in both directions on rows of 8 and of 5 steps, against torch.nn.LSTM with packed rows."""
    with kept_random(CPU, 0), torch.no_grad():
        ours = Recurrent(LSTM, D, (N, N), bidirectional=True).double()
        theirs = nn.LSTM(D, N, 2, bidirectional=True, batch_first=True).double()
        for i, cells in enumerate(zip(ours.forwards, ours.backwards, strict=True)):
            for cell, end in zip(cells, ("", "_reverse"), strict=True):
                for name, value in cell.inner.named_parameters():  # type: ignore[union-attr]
                    getattr(theirs, name.replace("_l0", f"_l{i}{end}")).copy_(value)
        x, lengths = torch.randn(2, TIME, D, dtype=torch.float64), torch.tensor([TIME, 5])
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        wanted = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)[0]
        return gap(ours(x, lengths), wanted)


@check("gru-reset-before", "jordan-rnn", "irnn", oracle="(closed form)", tolerance=1e-12)
def cells_written_out_in_numpy() -> float:
    """The books' GRU and Jordan's net of one step in numpy, and the identity start under which a state stays."""
    rng = np.random.default_rng(0)
    x, h, y = rng.normal(size=(2, D)), rng.normal(size=(2, N)), rng.normal(size=(2, 2))
    w_x, w_h, b = rng.normal(size=(3 * N, D)), rng.normal(size=(3 * N, N)), rng.normal(size=3 * N)

    def sigmoid(z: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-z))

    r, z = (sigmoid(x @ w_x[k].T + h @ w_h[k].T + b[k]) for k in (slice(0, N), slice(N, 2 * N)))
    n = np.tanh(x @ w_x[2 * N :].T + (r * h) @ w_h[2 * N :].T + b[2 * N :])
    given = [torch.from_numpy(a) for a in (x, h, w_x, w_h, b)]
    w_y, w_out = rng.normal(size=(N, 2)), rng.normal(size=(2, N))
    own = np.tanh(x @ w_x[:N].T + y @ w_y.T + b[:N])
    jordan = recurrence.jordan_step(*map(torch.from_numpy, (x, y, w_x[:N], w_y, b[:N], w_out, y[0])))
    with kept_random(CPU, 0), torch.no_grad():
        still = Elman(D, N, activation="relu", identity=True)
        kept, _ = still.run(torch.zeros(1, 4, D), (torch.arange(1.0, N + 1)[None],))
    return max(
        gap(recurrence.gru_reset_before_step(*given), torch.from_numpy(z * h + (1 - z) * n)),
        gap(jordan[0], torch.from_numpy(own)),
        gap(jordan[1], torch.from_numpy(own @ w_out.T + y[0])),
        gap(kept[0, -1], torch.arange(1.0, N + 1)),
    )


@check(
    "sequence-io-configs",
    "teacher-forcing",
    "free-running",
    "scheduled-sampling",
    oracle="(closed form)",
    tolerance=0,
)
def what_a_net_is_given_next() -> float:
    """A net that adds its input to its state: one to many, many to one, and fed by the truth, itself, or coins."""

    def adds(x: Any, state: Any) -> tuple[Any, Any]:
        return state + x, state + x

    def ten_times(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return 10 * x, state

    truth, coins = torch.tensor([[1, 2, 3]]), torch.tensor([[0.2, 0.7, 0.9]])
    forced = unrolling.teacher_forced(ten_times, torch.tensor([4]), truth, None)
    own = unrolling.free_running(ten_times, 1, None, 3, lambda y: y)
    mixed = unrolling.scheduled_sampling(ten_times, torch.tensor([4]), truth, None, 0.5, coins, lambda y: y)
    wrong = [
        unrolling.many_to_one(adds, [1, 2, 3], 0) != 6,
        unrolling.aligned(adds, [1, 2, 3], 0) != [1, 3, 6],
        unrolling.one_to_many(adds, 5, 1, 3, fed=lambda y: y) != [6, 12, 24],
        unrolling.encoder_decoder(adds, adds, [1, 2, 3], 0, 10, 2, lambda y: y) != [16, 32],
        [int(y) for y in forced] != [40, 10, 20],
        own != [10, 100, 1000],
        [int(y) for y in mixed] != [40, 10, 100],  # the first coin gives the truth 1, the second the net's own 10
    ]
    return float(sum(wrong))


@check("embedding-layer", oracle="torch", tolerance=0)
def rows_of_a_table_and_their_slopes() -> float:
    """Looked-up rows and the slopes that come back to them, against torch.nn.functional.embedding."""
    rng = np.random.default_rng(0)
    ids, slopes = torch.tensor([[1, 1, 0], [4, 2, 1]]), torch.from_numpy(rng.normal(size=(2, 3, 4)))
    with torch.enable_grad():
        table = torch.from_numpy(rng.normal(size=(5, 4))).requires_grad_()
        wanted = F.embedding(ids, table)
        (back,) = torch.autograd.grad(wanted, table, slopes)
    return max(gap(lookup(table, ids), wanted), gap(lookup_backward(slopes, ids, n_words=5), back))


@check("perplexity", oracle="torch", tolerance=1e-6)
def perplexity_is_the_exponential_of_the_cross_entropy() -> float:
    """exp(-ln p / units) of 30 tokens against torch's cross-entropy; of an even choice of seven it is 7."""
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(30, 7)))
    ids = torch.arange(30) % 7
    log_p = logits.log_softmax(-1)[torch.arange(30), ids].sum()
    even = perplexity(30 * float(np.log(1 / 7)), 30)
    return max(gap(perplexity(float(log_p), 30), F.cross_entropy(logits, ids).exp()), gap(even, 7))


@check("greedy-search", oracle="(closed form)", tolerance=0)
def the_likeliest_each_time() -> float:
    """A chain over four ids: the search follows the likeliest follower of each id to its end."""
    table = torch.tensor([[0, 9, 1, 1], [0, 0, 8, 1], [0, 1, 0, 7], [1, 1, 1, 1.0]]).log()

    class Chain:
        def step(self, ids: Tensor) -> Tensor:
            return table[ids]

    found = greedy_search(table[[0, 2]], Chain(), n_tokens=5, end=3)  # type: ignore[arg-type]
    return float(found[:, :3].tolist() != [[1, 2, 3], [3, 3, 3]])


@check("word-error-rate", oracle="jiwer", tolerance=1e-12)
def error_rates_against_jiwer() -> float:
    """Word and character error rates of 40 pairs of sentences with words changed, lost and put in."""
    jiwer = imported("jiwer")
    rng = np.random.default_rng(0)
    words = np.array(["one", "two", "three", "four", "five"])
    said = [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(40)]
    heard = [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(40)]
    return max(
        gap(error_rate(said, heard).rate, jiwer.wer(said, heard)),
        gap(error_rate(said, heard, unit="characters").rate, jiwer.cer(said, heard)),
    )


@check("word-error-rate", oracle="(closed form)", tolerance=0)
def edits_between_words() -> float:
    """Levenshtein's distances that are known: kitten and sitting 3, Saturday and Sunday 3, nothing and abc 3."""
    pairs = (("kitten", "sitting"), ("Saturday", "Sunday"), ("", "abc"))
    return float(sum(edit_distance(a, b) != 3 for a, b in pairs))
