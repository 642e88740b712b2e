"""The Diffusion Transformer: its published sizes, a twin written plainly, and diffusers' answers."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

import parnassus as pn
from parnassus.functional.positions import sinusoidal_grid
from parnassus.models.generative.dit import SIZES, DiT

pytestmark = pytest.mark.usefixtures("draws")

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = (DIGITS.reshape(-1, 8, 8) * 255 / 16).round().astype(np.uint8)


def counted(width, n_layers, *, patch, channels, said, n_classes):
    """Weights by hand: a block has 4 w^2 + 4 w of attention, 8 w^2 + 5 w of its layers and 6 w^2 + 6 w told to it."""
    block = 18 * width**2 + 15 * width
    embedded = (256 * width + width) + (width**2 + width) + (n_classes + 1) * width
    first = patch**2 * channels * width + width
    last = (2 * width**2 + 2 * width) + patch**2 * said * width + patch**2 * said
    return n_layers * block + embedded + first + last


@pytest.mark.slow
@pytest.mark.parametrize(("size", "exact", "authors"), [
    ("s", 32_865_056, 32_963_360), ("b", 130_315_808, 130_512_416), ("l", 457_840_672, 458_102_816),
    ("xl", 674_834_720, 675_129_632),
])  # fmt: skip
def test_the_published_sizes(size, exact, authors):
    width, n_layers, n_heads = SIZES[size]
    with torch.device("meta"):
        net = DiT(in_channels=4, image_size=(32, 32), patch=2, width=width, n_layers=n_layers, n_heads=n_heads,
                  n_classes=1000, out_channels=8)  # fmt: skip
    weights = sum(p.numel() for p in net.parameters())
    assert weights == exact == counted(width, n_layers, patch=2, channels=4, said=8, n_classes=1000)
    assert weights + net.place.numel() == authors


def spoken(net):
    """The net with random weights everywhere: what it says at first is 0."""
    with torch.no_grad():
        for p in net.parameters():
            p.normal_(std=0.3)
    return net


def small(**options):
    return DiT(**{"in_channels": 2, "image_size": (4, 6), "patch": 2, "width": 8, "n_layers": 2, "n_heads": 2,
                  "n_classes": 3} | options)  # fmt: skip


def test_the_net_begins_by_saying_nothing_and_its_blocks_by_changing_nothing():
    net, x = small(), torch.randn(3, 2, 4, 6)
    assert torch.equal(net(x, torch.tensor([1, 5, 9]), torch.tensor([0, 1, 2])), torch.zeros(3, 2, 4, 6))
    h = torch.randn(3, 6, 8)
    assert torch.equal(net.blocks[0](h, torch.randn(3, 8)), h)
    assert sum(float(p.detach().abs().sum()) for p in net.blocks[0].attention.parameters()) > 1


def normal(v):
    """A vector less its mean by its deviation."""
    mean = sum(v) / len(v)
    variance = sum((a - mean) ** 2 for a in v) / len(v)
    return torch.stack([(a - mean) / (variance + 1e-6).sqrt() for a in v])


def attended_plainly(part, h, n_heads):
    """Attention of rows h (n, width), a head and a query at a time."""
    n, width = h.shape
    size, every = width // n_heads, h @ part.qkv.weight.T + part.qkv.bias
    found = torch.zeros_like(h)
    for head in range(n_heads):
        q, k, v = (every[:, i * width + head * size : i * width + (head + 1) * size] for i in range(3))
        for i in range(n):
            weights = torch.stack([(q[i] @ k[j] / math.sqrt(size)).exp() for j in range(n)])
            found[i, head * size : (head + 1) * size] = sum(w / weights.sum() * v[j] for j, w in enumerate(weights))
    return found @ part.out.weight.T + part.out.bias


def twin(net, x, t, k, n_heads):
    """What the net says of one picture x (channels, height, width), by loops."""
    p, width = net.patch, net.told.in_features
    waves = [t * 10_000 ** (-i / 127) for i in range(128)]
    waves = torch.tensor([math.sin(a) for a in waves] + [math.cos(a) for a in waves], dtype=x.dtype)
    step = net.step.linear_2(F.silu(net.step.linear_1(waves))) + net.step.classes.weight[k]
    told = step / (1 + (-step).exp())
    rows = []
    for r in range(x.shape[1] // p):
        for c in range(x.shape[2] // p):
            patch = x[:, r * p : (r + 1) * p, c * p : (c + 1) * p].flatten()
            at = [f(place * 10_000 ** (-i / (width // 4))) for place in (c, r) for f in (math.sin, math.cos)
                  for i in range(width // 4)]  # fmt: skip
            first = net.patches.projection
            rows.append(first.weight.flatten(1) @ patch + first.bias + torch.tensor(at, dtype=x.dtype))
    h = torch.stack(rows)
    for block in net.blocks:
        b1, s1, g1, b2, s2, g2 = (block.told.weight @ told + block.told.bias).view(6, width)
        h = h + g1 * attended_plainly(block.attention, torch.stack([normal(v) * (1 + s1) + b1 for v in h]), n_heads)
        z = block.feed_forward.inner(torch.stack([normal(v) * (1 + s2) + b2 for v in h]))
        z = 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
        h = h + g2 * block.feed_forward.outer(z)
    shift, scale = (net.told.weight @ told + net.told.bias).view(2, width)
    said = torch.zeros(net.last.out_features // p**2, *x.shape[1:], dtype=x.dtype)
    for i, v in enumerate(h):
        flat = net.last(normal(v) * (1 + scale) + shift)
        r, c = divmod(i, x.shape[2] // p)
        for j, value in enumerate(flat):
            inside, channel = divmod(j, len(said))
            said[channel, r * p + inside // p, c * p + inside % p] = value
    return said


@pytest.mark.parametrize("options", [{}, {"image_size": (6, 3), "patch": 3, "out_channels": 4, "n_heads": 1}])
def test_a_twin_written_plainly_says_the_same(options):
    net = spoken(small(**options).double())
    net.place = sinusoidal_grid(*net.grid, 8).double()
    size = options.get("image_size", (4, 6))
    x, t, k = torch.randn(3, 2, *size, dtype=torch.float64), torch.tensor([1, 400, 1000]), torch.tensor([0, 2, 3])
    with torch.no_grad():
        ours = net(x, t, k)
        theirs = [twin(net, *one, options.get("n_heads", 2)) for one in zip(x, t.tolist(), k.tolist(), strict=True)]
        assert torch.equal(net(x[2:], t[2:]), net(x[2:], t[2:], torch.tensor([3])))
    torch.testing.assert_close(ours, torch.stack(theirs), rtol=1e-5, atol=2e-5)


def given_to(theirs, ours, n_layers):
    """Their net with our weights: every block of theirs embeds the step itself, cosines first."""
    state, own = {}, ours.state_dict()
    half = torch.cat([torch.arange(128, 256), torch.arange(128)])
    state["pos_embed.proj.weight"], state["pos_embed.proj.bias"] = (
        own["patches.projection.weight"], own["patches.projection.bias"])  # fmt: skip
    for i in range(n_layers):
        a, b = f"transformer_blocks.{i}.", f"blocks.{i}."
        for kind in ("weight", "bias"):
            q, k, v = own[f"{b}attention.qkv.{kind}"].chunk(3)
            state |= {f"{a}attn1.to_q.{kind}": q, f"{a}attn1.to_k.{kind}": k, f"{a}attn1.to_v.{kind}": v}
            state[f"{a}attn1.to_out.0.{kind}"] = own[f"{b}attention.out.{kind}"]
            state[f"{a}ff.net.0.proj.{kind}"] = own[f"{b}feed_forward.inner.{kind}"]
            state[f"{a}ff.net.2.{kind}"] = own[f"{b}feed_forward.outer.{kind}"]
            state[f"{a}norm1.linear.{kind}"] = own[f"{b}told.{kind}"]
            first = own[f"step.linear_1.{kind}"]
            state[f"{a}norm1.emb.timestep_embedder.linear_1.{kind}"] = first[:, half] if kind == "weight" else first
            state[f"{a}norm1.emb.timestep_embedder.linear_2.{kind}"] = own[f"step.linear_2.{kind}"]
        state[f"{a}norm1.emb.class_embedder.embedding_table.weight"] = own["step.classes.weight"]
    for kind in ("weight", "bias"):
        state[f"proj_out_1.{kind}"], state[f"proj_out_2.{kind}"] = own[f"told.{kind}"], own[f"last.{kind}"]
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert not unexpected
    assert set(missing) <= {"pos_embed.pos_embed"}
    return theirs


def test_with_equal_weights_diffusers_says_the_same():
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed; it is the oracle here")
    ours = spoken(small(image_size=(8, 8), width=16, out_channels=4)).eval()
    theirs = diffusers.DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=2, out_channels=4, num_layers=2, sample_size=8,
        patch_size=2, num_embeds_ada_norm=3, attention_bias=True, activation_fn="gelu-approximate", norm_eps=1e-6,
    ).eval()  # fmt: skip
    given_to(theirs, ours, 2)
    x, t, k = torch.randn(3, 2, 8, 8), torch.tensor([3, 40, 99]), torch.tensor([0, 2, 3])
    with torch.no_grad():
        torch.testing.assert_close(ours(x, t, k), theirs(x, t, k).sample, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_dit_draws_pictures_of_the_class_asked_for_and_survives_saving(tmp_path):
    few = np.isin(LABELS, (0, 1))
    net = pn.model("dit", patch_size=4, width=32, n_layers=2, n_sampled=10, guidance=1.5)
    made = pn.Generator(net, epochs=30, lr=0.005, batch_size=32, schedule="cosine").fit(DIGITS[few], LABELS[few])
    zeros, ones = (made.sample(30, condition=k, seed=0) for k in (0, 1))
    assert zeros.shape == (30, 8, 8)
    assert zeros.dtype == np.uint8
    means = np.stack([DIGITS[k == LABELS].mean(0) for k in (0, 1)])
    for k, drawn in enumerate((zeros, ones)):
        nearest = np.abs(drawn[:, None] - means).mean((2, 3)).argmin(1)
        assert (nearest == k).mean() > 0.8
    made.save(tmp_path / "dit.parnassus")
    assert np.array_equal(pn.load(tmp_path / "dit.parnassus").sample(30, condition=1, seed=0), ones)


@pytest.mark.slow
def test_a_dit_may_learn_its_variances_and_draws_by_them(tmp_path):
    few = np.isin(LABELS, (0, 1))
    net = pn.model("dit", patch_size=4, width=32, n_layers=2, n_steps=100, n_sampled=25, variance="learned",
                   sampler="ddpm")  # fmt: skip
    made = pn.Generator(net, epochs=20, lr=0.005, batch_size=32, schedule="cosine").fit(DIGITS[few], LABELS[few])
    assert made.objective_.net.last.out_features == 2 * 16
    means = np.stack([DIGITS[k == LABELS].mean(0) for k in (0, 1)])
    for k in (0, 1):
        drawn = made.sample(20, condition=k, seed=0)
        assert (np.abs(drawn[:, None] - means).mean((2, 3)).argmin(1) == k).mean() > 0.7
    made.save(tmp_path / "dit.parnassus")
    assert np.array_equal(pn.load(tmp_path / "dit.parnassus").sample(20, condition=1, seed=0), drawn)


@pytest.mark.parametrize(("options", "error", "words"), [
    ({"patch_size": 3}, pn.DataError, "8 x 8; choose a patch_size"),
    ({"width": 18, "n_heads": 2}, pn.SettingError, "4 n"),
    ({"width": 20, "n_heads": 3}, pn.SettingError, "3"), ({"n_layers": 0}, pn.SettingError, "1 or more"),
])  # fmt: skip
def test_what_cannot_be_built_is_refused_in_words(options, error, words):
    with pytest.raises(error, match=words):
        pn.Generator(pn.model("dit", **options), epochs=1, progress=False).fit(DIGITS[:20])


def test_places_of_a_grid_tell_columns_and_rows():
    places = sinusoidal_grid(3, 4, 8).view(3, 4, 8)
    assert torch.equal(places[0, :, :4], places[2, :, :4])
    assert torch.equal(places[:, 0, 4:], places[:, 3, 4:])
    assert len({tuple(v) for v in places.flatten(0, 1).tolist()}) == 12
