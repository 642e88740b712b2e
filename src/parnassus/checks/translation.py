"""Translation against sacrebleu, torch and transformers: scores of texts, logits, and the beam."""

import math
import tempfile
from typing import Any

import torch
from torch import Tensor, nn

from .. import hub
from ..functional.metrics.translation import bleu, chrf
from ..functional.recurrence import elman_step
from ..functional.rtrl import rtrl
from ..imports import imported
from ..models.text.translation import RNNSearch, Seq2Seq
from ..objectives.text.translation import Translation
from ..train.randomness import kept_random
from . import check, gap

SAID = ["the cat sat on the mat .", "it was 3,000 metres high", "no", "a well-known (old) story", ""]
DUE = [["the cat sat on a mat ."], ["it is 3,000 metres high !"], ["yes"], ["the well-known, old story"], ["a word"]]
SIZES = (120, 32, 2, 4)  # ids, width, layers, heads


@check("bleu", oracle="sacrebleu", tolerance=1e-9)
def bleu_against_sacrebleu() -> float:
    """Five texts under three ways to cut words and four smoothings: the largest difference, of 100."""
    peer = imported("sacrebleu.metrics")
    streams = [[texts[0] for texts in DUE]]
    worst = gap(chrf(SAID, DUE, n_words=2), peer.CHRF(word_order=2).corpus_score(SAID, streams).score)
    for cut in ("13a", "none", "char"):
        for smoothing in ("exp", "floor", "add_k", "none"):
            theirs = peer.BLEU(tokenize=cut, smooth_method=smoothing.replace("_", "-")).corpus_score(SAID, streams)
            ours = bleu(SAID, DUE, tokenize=cut, smoothing=smoothing)
            worst = max(worst, gap(ours.score, theirs.score))
    return worst


@check("bleu", oracle="(derived)", tolerance=5e-4)
def bleu_of_the_clipping_example() -> float:
    """Seven times "the" against "the cat is on the mat": 2 of 7."""
    return gap(bleu(["the " * 7], ["the cat is on the mat"], max_n=1).precisions[0], 200 / 7)


@check("rtrl", oracle="torch", tolerance=1e-12)
def forward_sensitivities_against_autograd() -> float:
    """Gradients carried forward over nine steps, and those of backpropagation through time."""
    g = torch.Generator().manual_seed(0)
    shapes = ((9, 3), (9, 2), (5, 3), (5, 5), (5,), (2, 5), (2,))
    x, y, *weights = (torch.randn(*shape, generator=g, dtype=torch.float64) / 2 for shape in shapes)
    w_x, w_h, b, w_o, b_o = leaves = [w.clone().requires_grad_() for w in weights]
    with torch.enable_grad():
        h, loss = x.new_zeros(1, 5), x.new_zeros(())
        for x_t, y_t in zip(x, y, strict=True):
            h = elman_step(x_t[None], h, w_x, w_h, b)
            loss = loss + (h[0] @ w_o.T + b_o - y_t).square().sum() / 2
        wanted = torch.autograd.grad(loss, leaves)
    found = rtrl(x, y, *weights)
    return max(gap(a, b) for a, b in zip(found[1:], wanted, strict=True))


@check("transformer-nmt", "beam-search", oracle="transformers", tolerance=1e-4)
def beams_against_transformers() -> float:
    """Hypotheses and scores of six sentences under a Marian net's weights, beam 4; different ids count infinite."""
    with kept_random(torch.device("cpu"), 0):
        peer = marian(*SIZES, n_places=40)
        objective = of_marian(peer)
        x, lengths = torch.randint(2, SIZES[0] - 1, (6, 9)), torch.tensor([9, 8, 5, 3, 9, 1])
    inside = torch.arange(9) < lengths[:, None]
    x = torch.where(inside, x, 0)
    with torch.no_grad():
        ours = objective.translate({"x": x, "lengths": lengths}, n_tokens=12, beam=4, never=[0])
        theirs = generated(peer, x, inside, beam=4, n_new=12)
    worst, end = 0.0, SIZES[0] - 1
    for ((ids, score),), row, s in zip(ours, theirs.sequences.tolist(), theirs.sequences_scores.tolist(), strict=True):
        due = row[1 : row.index(end, 1) + 1] if end in row[1:] else row[1:]
        worst = max(worst, gap(score, s) if ids == due else math.inf)
    return worst


# --- Marian's layout --------------------------------------------------------------------------------------------------


def marian(n_ids: int, width: int, n_layers: int, n_heads: int, n_places: int) -> Any:
    """transformers' Marian net with random weights; the last id ends a text and begins it."""
    transformers = imported("transformers")
    transformers.logging.set_verbosity_error()
    config = transformers.MarianConfig(
        vocab_size=n_ids, d_model=width, encoder_layers=n_layers, decoder_layers=n_layers,
        encoder_attention_heads=n_heads, decoder_attention_heads=n_heads, encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width, activation_function="relu", dropout=0.0, max_position_embeddings=n_places,
        scale_embedding=True, pad_token_id=0, eos_token_id=n_ids - 1, decoder_start_token_id=n_ids - 1,
        forced_eos_token_id=None, bos_token_id=None,
    )  # fmt: skip
    net = transformers.MarianMTModel(config).eval()
    for parameter in net.parameters():  # first weights are so small that all hypotheses are alike
        if parameter.ndim > 1 and parameter.requires_grad:
            nn.init.normal_(parameter, std=0.05)
    net.tie_weights()
    return net


def of_marian(peer: Any) -> Translation:
    """Our net with a Marian net's weights, read from the folder that it writes."""
    with tempfile.TemporaryDirectory() as folder:
        peer.save_pretrained(folder)
        net: Any = hub.load(folder)
    return Translation(net, net.n_ids, start=net.start, end=net.end).eval()


def generated(peer: Any, x: Tensor, inside: Tensor, *, beam: int, n_new: int) -> Any:
    """What transformers' beam search writes, with scores that are mean ln p, its search as long as ours."""
    return peer.generate(
        x, attention_mask=inside.long(), num_beams=beam, do_sample=False, early_stopping="never", length_penalty=1.0,
        max_new_tokens=n_new, output_scores=True, return_dict_in_generate=True, bad_words_ids=[[0]],
        renormalize_logits=True,
    )  # fmt: skip


@check("seq2seq-rnn", "deep-lstm-seq2seq", oracle="torch", tolerance=1e-10)
def a_state_handed_over_by_torchs_layers() -> float:
    """Two LSTM layers read a reversed row, their states begin two that write; rows of 4 and 6 ids in one batch."""
    source, lengths, given = torch.arange(12).view(2, 6) % 9, torch.tensor([4, 6]), torch.arange(10).view(2, 5) % 7
    with kept_random(torch.device("cpu"), 0), torch.no_grad():
        net = Seq2Seq(9, 7, width=3, hidden=4, n_layers=2, reverse=True).double().eval()
        found = net(source, given, lengths)
        worst = 0.0
        for row, n in enumerate(lengths.tolist()):
            ids = [*source[row, : n - 1].flip(0).tolist(), int(source[row, n - 1])]
            _, state = net.encoder(net.sources.weight[ids][None])
            written, _ = net.decoder(net.targets.weight[given[row]][None], state)
            wanted = nn.functional.linear(written, net.head.weight, net.head.bias)
            worst = max(worst, gap(found[row], wanted[0]))
    return worst


@check("rnnsearch", oracle="(closed form)", tolerance=1e-10)
def a_decoder_that_looks_back_written_out() -> float:
    """Bahdanau's equations step by step: energies, weights, contexts, a GRU with the reset before, and maxout."""
    source, given = torch.arange(5)[None] % 6, torch.tensor([[2, 0, 3]])
    with kept_random(torch.device("cpu"), 0), torch.no_grad():
        net = RNNSearch(6, 5, width=3, hidden=4, n_maxout=3).double().eval()
        memory, ends, _ = net.encoder.run(net.sources.weight[source])
        state, seen = torch.tanh(net.starts[0](ends[:, 4:])), []
        assert net.inner is not None
        for e in net.targets.weight[given].unbind(1):
            energies = torch.stack(
                [net.score(torch.tanh(net.of_state(state[0]) + net.of_memory(h))) for h in memory[0]]
            )
            context = (energies.softmax(0) * memory[0]).sum(0)[None]
            inner = net.inner(torch.cat([state, e, context], 1)).view(1, 3, 2)
            seen.append(net.head(inner.max(2).values))
            (state,) = net.cell.step(net.cell.project(torch.cat([e, context], 1)), (state,))
        return gap(net(source, given), torch.stack(seen, 1))
