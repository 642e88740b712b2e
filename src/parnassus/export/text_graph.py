"""Fitted language models and taggers as one module of tensors: ids in, scores of the next id or of tags out."""

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ..data.text.pieces import Pieces
from ..data.text.tags import SHAPES, TokenList, Tokens
from ..data.text.text import Text
from ..data.text.token_stream import TokenStream
from ..data.text.tokenizers import PAD
from ..errors import SettingError
from ..estimators.answers.masked import BOTH_WAYS
from ..estimators.fitting.texts import texts_of
from ..estimators.tagger import said_of
from ..objectives.text.language import NGramCounting
from ..objectives.text.tagging import ChainTagging, TokenTagging, chain_of_none, ruled
from .examples import made_up
from .graph import Feeds, Graph, Inlet, inlet_of

MOST_SCORES = 2**25  # numbers of an answer to the rows that a file is tried on
TOKENIZER, WORDS = "tokenizer.json", "words.json"


class NextGraph(nn.Module):
    """`forward(ids)`, (rows, steps) int64 -> logits (rows, steps, ids) float32 of what follows each id."""

    jumps = Graph.jumps

    def __init__(self, estimator: Any) -> None:
        super().__init__()
        self.objective = estimator.objective_
        refuse_without_net(estimator)
        self.codec: TokenStream = estimator.codec_
        told = {
            "holds": f"ids by the {TOKENIZER} inside, {self.codec.start} before each text, anything behind its end",
            "start": self.codec.start,
            "context": self.codec.context,
        }
        self.inlet = Inlet(("ids",), self.feeds, lambda given: given, {"ids": told})
        self.output = {
            "holds": "logits of the id that follows each",
            "end": self.codec.end,
            "never_said": self.codec.never,
        }

    def forward(self, *given: Tensor) -> Tensor:
        return self.objective.model(*given).float()

    def feeds(self, texts: list[str]) -> Feeds:
        """Ids of texts, as many as the context holds, filled up to it."""
        ids = np.full((len(texts), self.codec.context), PAD, dtype=np.int64)
        for row, found in zip(ids, self.codec.rows(texts), strict=True):
            row[: len(found) - 1] = found[:-1][: len(row)]
        return {"ids": ids}

    def due(self, estimator: Any, texts: list[str]) -> np.ndarray:
        """What the estimator's net says of each text by itself."""
        with torch.inference_mode():
            rows = [self.objective.model(row[None]).float() for row in torch.from_numpy(self.feeds(texts)["ids"])]
        return torch.cat(rows).numpy()


def refuse_without_net(estimator: Any) -> None:
    """Refuses language models that are no net of ids alone, and says where they may go."""
    objective, name = estimator.objective_, estimator.model_name
    if isinstance(objective, NGramCounting):
        raise SettingError(
            f"{name} counts, and has no net that could be written as a graph; "
            "`pn.export.to_arpa` writes models that back off"
        )
    if isinstance(objective, BOTH_WAYS):
        raise SettingError(
            f"{name} reads both ways and says what is hidden, not what follows; `pn.hub.save_pretrained` writes it for "
            "transformers, and Classifier, Tagger and QuestionAnswerer of start= this one go on from it"
        )


def enough_texts(codec: TokenStream) -> int:
    """How many texts a file is tried on, so that the answers fit into memory."""
    return max(MOST_SCORES // (codec.context * codec.n_ids), 2)


class TagGraph(Graph):
    """`forward(x, lengths)` -> scores of each tag at each step (rows, steps, tags) float32, 0 behind a row's end."""

    objective: TokenTagging

    def __init__(self, estimator: Any, inlet: Inlet) -> None:
        super().__init__(estimator, inlet)
        chain = chain_of(estimator)
        of = "log p" if not isinstance(self.objective, ChainTagging) else "scores"
        said = "the tags of the largest sum of start, scores, transitions and end" if chain else "the largest"
        holds = f"{of} of each tag at each step, of which {said} are said"
        self.output = {"holds": holds, "tags": estimator.target_.names, "chain": chain}

    def forward(self, *given: Tensor) -> Tensor:
        batch = self.inlet.batch(dict(zip(self.inlet.names, given, strict=True)))
        ready = self.codec.prepare(batch, self.view)
        return self.scored(self.objective.outputs(ready), ready["lengths"])

    def scored(self, z: Tensor, lengths: Tensor) -> Tensor:
        """Scores within rows: log p where each step is by itself."""
        z = z if isinstance(self.objective, ChainTagging) else z.log_softmax(-1)
        inside = torch.arange(z.shape[1], device=z.device) < lengths[:, None]
        return torch.where(inside[:, :, None], z, torch.zeros((), dtype=z.dtype)).float()

    def due(self, estimator: Any, rows: Any) -> np.ndarray:
        """What the estimator's net says of each step, rows filled up as the graph's are."""

        def scores(objective: TokenTagging, batch: dict[str, Tensor]) -> list[Tensor]:
            found = self.scored(objective.outputs(batch), batch["lengths"])
            return [row[:n] for row, n in zip(found, batch["lengths"].tolist(), strict=True)]

        found = pad_sequence(said_of(estimator, rows, scores), batch_first=True).numpy()
        lacking = self.inlet.feeds(rows)["x"].shape[1] - found.shape[1]
        return np.pad(found, [(0, 0), (0, lacking), (0, 0)])


def chain_of(estimator: Any) -> dict[str, Any] | None:
    """What a path of tags scores beside its steps: start (K,), transitions (K, K), end (K,); None where nothing."""
    objective, rules = estimator.objective_, estimator._rules()
    learned = isinstance(objective, ChainTagging)
    if rules is None and not learned:
        return None
    none = chain_of_none(torch.zeros(1, len(estimator.target_.names)))
    chain = ruled(objective._chain() if learned else none, objective.rules if learned and rules is None else rules)
    return {name: part.tolist() for name, part in chain.items()}


def tokens_inlet(codec: Tokens, rows: TokenList) -> Inlet:
    """Ids of words, endings and shapes, rows filled up to the longest of these, whose length a net may fix."""
    longest = max(map(len, rows))

    def feeds(raw: TokenList) -> Feeds:
        found = codec.encode(raw).take(torch.arange(len(raw)))
        x, lengths = found["x"].numpy(), found["lengths"].numpy()
        return {"x": np.pad(x, [(0, 0), (0, max(longest - x.shape[1], 0)), (0, 0)]), "lengths": lengths}

    told = {
        "x": {"holds": f"places of a word, its ending and its shape in the {WORDS} inside"},
        "lengths": {"holds": "how many tokens of each row count"},
    }
    return Inlet(("x", "lengths"), feeds, lambda given: given, told)


def beside(codec: Any) -> dict[str, str]:
    """What makes ids of texts, as named texts that travel inside a file: a tokenizer.json, or the words of a tagger."""
    if isinstance(codec, Tokens):
        unseen = [None, None]  # 0 fills rows up, 1 is unknown
        lists = {"words": unseen + codec.words, "endings": unseen + codec.endings, "shapes": [None, *SHAPES]}
        return {WORDS: json.dumps({**codec.options, **lists}, ensure_ascii=False)}
    if isinstance(codec, Pieces):
        return {TOKENIZER: codec.tokenizer.written()}
    if isinstance(codec, TokenStream):
        return {TOKENIZER: codec.pieces.written()}
    if isinstance(codec, Text) and codec.options["unit"] != "hashed":
        from ..data.text.stream_pieces import as_rust

        return {TOKENIZER: as_rust(codec.tokenizer).to_str()}
    return {}


def graph_of_texts(estimator: Any, rows: Any) -> NextGraph | TagGraph:
    """The graph of a language model or tagger, in evaluation mode; rows are some raw rows."""
    if estimator.task == "language_model":
        return NextGraph(estimator).eval()
    codec = estimator.codec_
    return TagGraph(
        estimator, tokens_inlet(codec, rows) if isinstance(codec, Tokens) else inlet_of(estimator, rows)
    ).eval()


def texts_to_try(estimator: Any, X: Any) -> Any:
    """Rows as the estimator takes them, few where their answers are many; X None makes some up."""
    if estimator.task == "language_model":
        refuse_without_net(estimator)
    X = made_up(estimator) if X is None else X
    if estimator.task == "tagger":
        return estimator._rows(X)[0]
    return texts_of(X, None)[: enough_texts(estimator.codec_)]
