"""Words and texts at work: documents' vectors, bags and forests, recurrent readers, forcing, maps of attention."""

import warnings
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.text.parallel import SourceTexts, TargetTexts
from ..data.text.text import Text
from ..estimators.baselines import baseline
from ..functional.word_vectors import Learner, noise_table
from ..insight.attention import attention_maps
from ..layers.attention import MultiHeadAttention
from ..models.text.translation import Seq2Seq
from ..objectives.text.translation import ProfessorForcing
from ..registry import model
from ..train.randomness import kept_random
from . import check, gap

WORDS = ["sun", "moon", "star", "rain", "snow", "wind", "tree", "leaf", "root", "stone"]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, float64."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def seeded(make: Any, *given: Any, **options: Any) -> Any:
    """A module with first weights that are the same each time, in float64."""
    with kept_random(torch.device("cpu"), 0):
        return make(*given, **options).double().requires_grad_(False)


@check("doc2vec", oracle="torch", tolerance=1e-6)
def documents_foretell_their_words() -> float:
    """Tables after a pass over two texts, alone and with the words around, by autograd; the one negative is known."""
    texts, rate, worst = [[1, 2, 3, 1, 0], [3, 3, 2]], 0.3, 0.0
    always = noise_table(torch.tensor([1.0, 0, 0, 0]))  # every negative is word 0
    for mode in ("document_bag", "document_mean"):
        inputs, outputs = drawn(6, 3).float(), drawn(4, 3, seed=1).float()
        theirs = [inputs.clone().requires_grad_(), outputs.clone().requires_grad_()]
        learner = Learner(inputs, outputs, torch.ones(4).double(), noise=always, mode=mode, first_tag=4, window=2,
                          shrink=False, n_negative=1)  # fmt: skip
        ids, lengths = torch.tensor([w for text in texts for w in text]), torch.tensor([5, 3])
        loss, n = learner.learn(ids, lengths, torch.tensor([7]), rates=(rate, rate), tags=torch.tensor([0, 1]))
        told = 0.0
        for tag, text in enumerate(texts):
            for i, word in enumerate(text):
                around = [text[j] for j in range(max(0, i - 2), min(len(text), i + 3)) if j != i]
                rows = [4 + tag] if mode == "document_bag" else [*around, 4 + tag]
                with torch.enable_grad():
                    v = theirs[0][rows].mean(0)
                    cost = F.softplus(-v @ theirs[1][word]) + (F.softplus(v @ theirs[1][0]) if word else 0.0)
                    slopes = torch.autograd.grad(cost, theirs)
                told += float(cost.detach())
                for table, slope in zip(theirs, slopes, strict=True):
                    table.data -= rate * slope
        pairs = ((inputs, theirs[0].detach()), (outputs, theirs[1].detach()), (loss / n, told / 8))
        worst = max(worst, *(gap(a, b) for a, b in pairs))
    return worst


def lines(n: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Texts of twelve words, and which half of the words they like."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    likes = np.where(y[:, None] == 1, np.arange(10) < 5, np.arange(10) >= 5) + 0.5
    return [" ".join(rng.choice(WORDS, 12, p=p / p.sum())) for p in likes], y


@check("classical-text-classifier", oracle="scikit-learn", tolerance=1e-5)
def bags_of_words_under_classical_models() -> float:
    """Probabilities of a line and of neighbours on TF-IDF of words and of pairs, by scikit-learn's own pipeline."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline

    (train, y), (new, _), worst = lines(60), lines(20, seed=1), 0.0
    rivals: dict[str, Any] = {
        "logistic_regression": LogisticRegression(max_iter=1000),
        "nearest_neighbours": KNeighborsClassifier(),
    }
    for name, peer in rivals.items():
        codec = Text(weighting="tfidf", n_grams=2)
        ours = baseline(name, task="classifier", X=train, y=y, codec=codec).fit(train, y)
        theirs = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), peer).fit(train, y)
        worst = max(worst, gap(ours.predict_proba(new), theirs.predict_proba(new)))
    return worst


@check("recurrent-sentiment", "modular-nlp-stack", oracle="torch", tolerance=1e-10)
def readers_of_ids_and_of_vectors() -> float:
    """Logits of ids by an embedding, torch's own cells and a line, and the same of a table's rows given as vectors."""
    ids, worst = torch.randint(1, 9, (4, 7), generator=torch.Generator().manual_seed(0)), 0.0
    lengths = torch.tensor([7, 3, 5, 1])
    for name, cell in (("gru", nn.GRU), ("lstm", nn.LSTM), ("rnn", nn.RNN)):
        found = model.builders(name, "classifier")
        by_ids, by_vectors = (next(b for b in found if fact in b.facts) for fact in ("vocab_size", "step_features"))
        sizes: dict[str, Any] = {"n_outputs": 2, "hidden": 5}
        net = seeded(by_ids.make, **dict(by_ids.defaults) | sizes | {"vocab_size": 9, "embedding": 3})
        plain = seeded(by_vectors.make, **dict(by_vectors.defaults) | sizes | {"step_features": 3})
        plain.load_state_dict(net.net.state_dict())
        peer = seeded(cell, 3, 5, batch_first=True)
        peer.load_state_dict(next(m for m in net.modules() if isinstance(m, cell)).state_dict())
        head = [m for m in net.modules() if isinstance(m, nn.Linear)][-1]
        table = net.embedding.weight
        wanted = torch.stack([head(peer(table[row[:n]][None])[0][0, -1]) for row, n in zip(ids, lengths, strict=True)])
        worst = max(worst, gap(net(ids, lengths), wanted), gap(plain(table[ids], lengths), wanted))
    return worst


def four_pairs() -> tuple[Tensor, ...]:
    """Ids of sources and their lengths, and of targets."""
    x, y = torch.tensor([[2, 3, 5], [4, 2, 0]] * 2), torch.tensor([[1, 3, 2], [1, 0, 0]] * 2)
    return x, torch.tensor([3, 2] * 2), y, torch.tensor([3, 1] * 2)


def judge_of(critic: Any) -> Any:
    """torch's GRU both ways with a critic's weights."""
    judge = seeded(nn.GRU, 9, 3, bidirectional=True)
    for cells, end in ((critic.body.forwards, ""), (critic.body.backwards, "_reverse")):
        inner = next(m for m in cells.modules() if isinstance(m, nn.GRU))
        for name, p in inner.named_parameters():
            getattr(judge, name + end).data.copy_(p)
    return judge


def costs_of_forcing(told: Tensor, due: Tensor, real: Tensor, fake: Tensor, right: float) -> dict[str, float]:
    """What both players lose as published, of scores `told`; rows have four ids and two in turn."""
    ln_p = told.log_softmax(-1).gather(2, due[..., None])[..., 0]
    plain = -(ln_p[::2].sum() + ln_p[1::2, :2].sum()) / 12
    apart = -F.logsigmoid(real).mean() - F.logsigmoid(-fake).mean()
    return {
        "critic": float(apart) * (right <= 0.99),
        "net": float(plain - 0.7 * (right > 0.75) * F.logsigmoid(fake).mean()),
    }


@check("professor-forcing", oracle="torch", tolerance=1e-7)
def a_critic_of_runs_told_and_runs_left_alone() -> float:
    """Both players' losses by torch's own cells: runs that are given the truth, runs that draw, and a GRU both ways."""
    net = seeded(Seq2Seq, 6, 5, cell="gru", width=3, hidden=4, n_layers=1)
    game, (x, lengths, y, sizes) = seeded(ProfessorForcing, net, 5, strength=0.7, width=3), four_pairs()
    batch = {"x": x, "lengths": lengths, "y": y, "y_lengths": sizes}
    judge, cell = judge_of(game.critic), seeded(nn.GRUCell, 3, 4)
    cell.load_state_dict({k.removesuffix("_l0"): p for k, p in net.decoder.state_dict().items()})
    rows = zip(x, lengths, strict=True)
    first = torch.stack([net.encoder(net.sources.weight[row[:n]])[1][0] for row, n in rows])
    due = torch.tensor([[1, 3, 2, 4], [1, 4, 0, 0]] * 2)

    def run(truth: bool) -> tuple[Tensor, Tensor]:
        h, given, scores, states = first, torch.full((4,), 4), [], []
        for t in range(4):
            h = cell(net.targets.weight[given], h)
            scores.append(net.head(h))
            states.append(h)
            given = due[:, t] if truth else torch.multinomial(scores[-1].softmax(-1), 1)[:, 0]
        return torch.stack(scores, 1), torch.stack(states, 1)

    def logits(scores: Tensor, states: Tensor) -> Tensor:
        seen = torch.cat([states, scores.softmax(-1)], -1)
        ends = [judge(row[:n])[1].flatten() for row, n in zip(seen, (4, 2, 4, 2), strict=True)]
        return game.critic.head(torch.stack(ends))[:, 0]

    game.critic.head[2].weight *= -1
    game.critic.head[2].bias -= logits(*run(True)).min() - 1e-6  # a critic that knows what is told
    worst, heard, rested = 0.0, 0, 0
    for seed in range(12):
        found, wanted = [], []
        for player, move in (("critic", game.criticise), ("net", game.deceive)):
            torch.manual_seed(seed)
            found.append(float(move(batch)))
            torch.manual_seed(seed)
            told, alone = run(True), run(False)
            real, fake = logits(*told), logits(*alone)
            right = float(torch.cat([real > 0, fake <= 0]).double().mean())
            heard, rested = heard + (right > 0.75), rested + (right > 0.99)
            wanted.append(costs_of_forcing(told[0], due, real, fake, right)[player])
        worst = max(worst, gap(found, wanted))
    return max(worst, 0.0 if 0 < heard < 24 and 0 < rested < 24 else 1.0)


@check("alignment-map", oracle="torch", tolerance=1e-10)
def maps_of_attention() -> float:
    """The weights that every head of a layer kept, by torch's own layer with the same weights."""
    ours, peer = seeded(MultiHeadAttention, 8, 2), seeded(nn.MultiheadAttention, 8, 2, batch_first=True)
    parts = [ours.q, ours.k, ours.v] if hasattr(ours, "q") else [ours.qkv]
    peer.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
    peer.in_proj_bias.copy_(torch.cat([p.bias for p in parts]))
    x = drawn(3, 5, 8)
    wanted = peer(x, x, x, average_attn_weights=False)[1]
    maps = attention_maps(ours, x)
    return max(gap(maps.of(0, row=row), wanted[row]) for row in range(3))


@check("parallel-corpus-tools", oracle="scikit-learn", tolerance=0)
def vocabularies_of_pairs_of_texts() -> float:
    """Words seen twice or more by CountVectorizer; ids give the texts back, the end behind each, strangers as one."""
    from sklearn.feature_extraction.text import CountVectorizer

    texts = [*lines(8)[0], "sun lonely", "sun moon sun"]
    peer = CountVectorizer().fit(texts)
    counts = np.asarray(peer.transform(texts).sum(0))[0]
    kept = {word for word, column in peer.vocabulary_.items() if counts[column] >= 2}
    wrong = 0
    for codec in (SourceTexts(min_count=2), TargetTexts(min_count=2)):
        made = codec.fit(texts)
        wrong += made.n_ids != len(kept) + 3  # what fills rows, what is unknown, and the end
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the stranger
            ids, lengths = made._ids(texts, "texts")
        rows = [row.tolist() for row in np.split(ids, lengths.cumsum()[:-1])]
        for text, row, back in zip(texts, rows, map(made.text, rows), strict=True):
            wrong += any((word in kept) != (i != 1) for word, i in zip(text.split(), row, strict=True))
            wrong += text != back and all(word in kept for word in text.split())
    return float(wrong)
