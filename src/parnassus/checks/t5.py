"""T5 and Marian against transformers with the same weights: logits, losses, slopes, beams, the way back, and sizes."""

import math
import tempfile
import warnings
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from .. import hub
from ..functional.masking import broken, noise_spans
from ..imports import imported
from ..models.text.t5 import t5_of
from ..objectives.text.translation import Translation
from ..train.randomness import kept_random
from . import check, gap

PUBLISHED = {
    "t5-small": 60_506_624, "t5-base": 222_903_552, "t5-large": 737_668_096,
    "t5-v1_1-small": 76_961_152, "t5-v1_1-base": 247_577_856, "t5-v1_1-large": 783_150_080,
}  # fmt: skip
N = 60
T5: dict[str, Any] = {
    "vocab_size": N, "d_model": 24, "d_kv": 6, "d_ff": 32, "num_layers": 2, "num_heads": 3, "dropout_rate": 0.0,
    "relative_attention_num_buckets": 8, "relative_attention_max_distance": 10, "decoder_start_token_id": 0,
}  # fmt: skip
MARIAN: dict[str, Any] = {
    "vocab_size": N, "d_model": 24, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 3,
    "decoder_attention_heads": 3, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "activation_function": "swish",
    "dropout": 0.0, "max_position_embeddings": 40, "scale_embedding": True, "pad_token_id": N - 1,
    "decoder_start_token_id": N - 1, "eos_token_id": 0, "forced_eos_token_id": None, "bos_token_id": None,
}  # fmt: skip
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "t5": ("T5ForConditionalGeneration", "T5Config", T5),
    "t5 v1.1": (
        "T5ForConditionalGeneration",
        "T5Config",
        T5 | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    ),
    "marian": ("MarianMTModel", "MarianConfig", MARIAN),
}


def _peer(kind: str) -> tuple[Any, Translation]:
    """A net of transformers with random weights, and ours that read its folder; and theirs as ours is written back."""
    transformers = imported("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    name, config, sizes = KINDS[kind]
    theirs = getattr(transformers, name)(getattr(transformers, config)(**sizes)).eval()
    if "1.1" in kind:
        theirs.lm_head.weight = nn.Parameter(torch.empty(N, T5["d_model"]))
    for parameter in theirs.parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter, std=0.2)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.save_pretrained(f"{folder}/a")
        net: Any = hub.load(f"{folder}/a")
        hub.save_pretrained(net, f"{folder}/b")
        again = type(theirs).from_pretrained(f"{folder}/b").eval()
    return again, Translation(net, N, start=net.start, end=net.end).eval()


def _rows() -> dict[str, torch.Tensor]:
    lengths, y_lengths = torch.tensor([14, 5, 1]), torch.tensor([4, 12, 1])
    return {"x": torch.randint(3, N - 1, (3, 14)), "lengths": lengths, "y": torch.randint(3, N - 1, (3, 12)),
            "y_lengths": y_lengths}  # fmt: skip


@check("transformer-nmt", "transformer", oracle="transformers", tolerance=1e-5)
def t5_and_marian_there_and_back_against_transformers() -> float:
    """Logits, losses and the table's slopes of T5, T5 v1.1 and Marian, read from a folder and written back."""
    worst = 0.0
    for kind in KINDS:
        with kept_random(torch.device("cpu"), 0):
            theirs, objective = _peer(kind)
            batch = _rows()
        mask = torch.arange(14) < batch["lengths"][:, None]
        y, counted = objective.due(batch)
        pad = theirs.config.pad_token_id
        due = theirs(
            torch.where(mask, batch["x"], pad), attention_mask=mask.long(), labels=y.masked_fill(~counted, -100)
        )
        loss = objective.mean_loss(batch)
        due.loss.backward()
        loss.backward()
        net: Any = objective.model
        table = net.targets if kind == "marian" else net.tokens
        slopes = [t.grad[: N - 1] for t in (table.weight, theirs.get_input_embeddings().weight)]  # Marian keeps padding
        logits = objective.outputs(batch)[counted]
        worst = max(worst, gap(logits, due.logits[counted]), gap(loss, due.loss), gap(*slopes))
    return worst


@check("transformer-nmt", "beam-search", "greedy-search", oracle="transformers", tolerance=1e-4)
def texts_of_t5_and_marian_against_transformers() -> float:
    """What T5, T5 v1.1 and Marian write greedily and by beams of 4, and its scores; other ids count infinite."""
    worst = 0.0
    for kind in KINDS:
        with kept_random(torch.device("cpu"), 1), torch.no_grad():
            theirs, objective = _peer(kind)
            batch = _rows()
            mask, pad, end = torch.arange(14) < batch["lengths"][:, None], theirs.config.pad_token_id, objective.end
            for beam in (1, 4):
                more = {"early_stopping": "never", "length_penalty": 1.0} if beam > 1 else {}
                due = theirs.generate(
                    torch.where(mask, batch["x"], pad), attention_mask=mask.long(), num_beams=beam, do_sample=False,
                    max_new_tokens=9, bad_words_ids=[[pad]], renormalize_logits=True, output_scores=True,
                    return_dict_in_generate=True, **more,
                )  # fmt: skip
                for i, ((ids, score),) in enumerate(objective.translate(batch, n_tokens=9, beam=beam, never=(pad,))):
                    row = due.sequences[i, 1:].tolist()
                    same = ids == (row[: row.index(end) + 1] if end in row else row)
                    away = gap(score, due.sequences_scores[i]) if beam > 1 else 0.0
                    worst = max(worst, away if same else math.inf)
    return worst


@check("transformer-nmt", "transformer", oracle="(published)", tolerance=0)
def published_sizes_of_t5() -> float:
    """Parameters of T5 and T5 v1.1, small, base and large: the largest difference."""
    with torch.device("meta"):
        found = {size: sum(p.numel() for p in t5_of(size).parameters()) for size in PUBLISHED}
    return max(gap(found[size], n) for size, n in PUBLISHED.items())


@check("transformer", oracle="(published)", tolerance=0)
def spans_hidden_as_in_the_paper() -> float:
    """The example of figure 2 of Raffel et al. 2020, and 77 of 512 places in 26 spans: how many parts differ."""
    words = ["Thank", "you", "for", "inviting", "me", "to", "your", "party", "last", "week", "."]
    ids = {word: i for i, word in enumerate([*words, "<X>", "<Y>", "<Z>"])}
    hidden = [word in ("for", "inviting", "last") for word in words]
    left, spans = broken([ids[word] for word in words], hidden, [ids[word] for word in ("<X>", "<Y>", "<Z>")])
    due = "Thank you <X> me to your party <Y> week .", "<X> for inviting <Y> last <Z>"
    wrong = sum([ids[word] for word in text.split()] != found for text, found in zip(due, (left, spans), strict=True))
    drawn = noise_spans(512, generator=torch.Generator().manual_seed(0)).tolist()
    starts = drawn[0] + sum(after and not before for before, after in pairwise(drawn))
    return float(wrong + (sum(drawn) != 77) + (starts != 26))
