"""StackGAN: the condition's law, real pictures of another class, two stages, and what it draws."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import parnassus as pn
from parnassus.data.audio.transcripts import Units
from parnassus.layers.conditioning import ConditioningAugmentation
from parnassus.objectives.generative.stacked_gan import Stacked, matching_loss, wrong_of


def bars(n=240):
    """16 x 16 pictures of a bright bar in one of three bands, moved a little, and which band."""
    rng = np.random.default_rng(0)
    which = np.arange(n) % 3
    pictures = rng.integers(0, 30, (n, 16, 16))
    for i, band in enumerate(which):
        top = 1 + 5 * band + rng.integers(0, 2)
        pictures[i, top : top + 3] = 220
    return pictures.astype(np.uint8), np.array(["top", "middle", "bottom"])[which]


X, Y = bars()


def test_the_divergence_is_that_of_torch_and_the_draws_have_its_law(draws):
    layer = ConditioningAugmentation(4, 3).double()
    psi = torch.randn(1, 4).double()
    mean, log_variance = layer.dense(psi).detach().split(3, 1)
    law = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    standard = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    drawn, divergence = layer(psi.expand(20_000, -1))
    expected = torch.distributions.kl_divergence(law, standard).sum(1)
    assert torch.allclose(divergence.detach(), expected.expand(20_000))
    spread = (0.5 * log_variance).exp()
    closed = 0.5 * (mean.square() + spread.square() - 1 - spread.square().log()).sum(1)
    assert torch.allclose(expected, closed)
    assert torch.allclose(drawn.detach().mean(0), mean[0], atol=0.04)
    assert torch.allclose(drawn.detach().std(0), spread[0], rtol=0.04)
    assert torch.equal(layer.eval()(psi)[0], layer.dense(psi)[:, :3])


def test_a_wrong_class_is_any_other(draws):
    classes = torch.arange(3000) % 5
    wrong = wrong_of(classes, 5)
    assert not bool((wrong == classes).any())
    counts = torch.bincount((wrong - classes) % 5, minlength=5)
    assert counts[0] == 0
    assert int(counts[1:].min()) > 650  # 750 each by chance


def test_the_critics_loss_has_three_terms(draws):
    right, wrong, fake = torch.randn(3, 7).double()
    log_d, log_not = F.logsigmoid(right).mean(), [F.logsigmoid(-s).mean() for s in (wrong, fake)]
    expected = -(log_d + 0.5 * (log_not[0] + log_not[1])) / 2
    assert torch.isclose(matching_loss(right, wrong, fake), expected)


def test_the_second_stage_leaves_the_first_as_it_is(draws):
    spec = pn.model("stackgan", width=4, n_noise=4, n_condition=3, n_blocks=1)
    builder = spec.builders("generator")[0]
    made = builder.make(in_channels=1, image_size=(16, 16), n_outputs=3, **spec.get_params(task="generator"))
    batch = {"x": torch.randn(6, 1, 16, 16), "y": torch.arange(6) % 3}
    before = {k: v.clone() for k, v in made.makers[0].state_dict().items()}
    (made.criticise_second(batch) + made.deceive_second(batch)).backward()
    assert all(p.grad is None for p in made.makers[0].parameters())
    assert all(torch.equal(v, made.makers[0].state_dict()[k]) for k, v in before.items())
    assert any(p.grad is not None for p in made.makers[1].parameters())
    first = [p for p in made.phases() if p.during[0] == 0.0]
    assert [p.name for p in first] == ["first_critic", "first_generator"]


def test_a_text_is_told_as_its_words_and_set_against_another_rows(draws):
    made = Stacked([], [], (1, 16, 16), 4, n_noise=2, words=True)
    told = made.told(made.condition_of({"y": torch.tensor([[2, 4, 0], [1, 1, 3]])}))
    assert told.tolist() == [[0, 1, 0, 1], [1, 0, 1, 0]]
    assert torch.equal(made._another(told), told.flip(0))
    assert torch.equal(made._another(told[:1]), told[:1])


def test_real_rows_of_the_same_text_are_not_wrong(draws):
    spec = pn.model("stackgan", width=4, n_noise=4, n_condition=3, n_blocks=1)
    builder = next(b for b in spec.builders("generator") if "units" in b.facts)
    facts = {"in_channels": 1, "image_size": (16, 16), "units": Units(("", "a", "b"), "words")}
    made = builder.make(**facts, **spec.get_params(task="generator")).eval()
    x = torch.randn(4, 1, 16, 16)
    heard = []
    made.critics[1].register_forward_hook(lambda net, given, said: heard.append(said.detach()))
    with torch.no_grad():
        loss = made.criticise_second({"x": x, "y": torch.ones(4, 1)})
    assert len(heard) == 2  # right and fake
    assert torch.isclose(loss, (F.softplus(-heard[0]) + F.softplus(heard[1])).mean() / 2)
    heard.clear()
    with torch.no_grad():
        loss = made.criticise_second({"x": x, "y": torch.tensor([[1, 2], [1, 2], [1, 0], [1, 2]])})
    right, fake, wrong = heard
    told = [F.softplus(wrong[[i, j]]).mean() for i, j in ((2, 3), (0, 2), (1, 2))]  # for each way of shifting rows
    due = [F.softplus(-right).mean() / 2 + (one + F.softplus(fake).mean()) / 4 for one in told]
    assert any(torch.isclose(loss, one) for one in due)


@pytest.mark.slow
def test_pictures_of_texts_have_each_of_their_words(tmp_path):
    dim = np.arange(len(X)) // 3 % 2 == 1
    pictures = np.where(dim[:, None, None], X // 2, X)
    texts = [f"{'dim' if low else 'bright'} {band}" for low, band in zip(dim, Y, strict=True)]
    net = pn.model("stackgan", width=8, n_noise=8, n_condition=8, n_blocks=1)
    made = pn.Generator(net, condition="text", epochs=60, batch_size=24, lr=0.001, progress=False).fit(pictures, texts)
    shine = {}
    for text in set(texts):
        rows = made.sample(30, condition=text, seed=1).astype(float).mean((0, 2))
        bright = [rows[1 + 5 * b : 5 + 5 * b].mean() for b in range(3)]
        assert ["top", "middle", "bottom"][int(np.argmax(bright))] == text.split()[1]
        shine[text] = max(bright)
    assert all(shine[f"bright {band}"] > 1.2 * shine[f"dim {band}"] for band in set(Y))
    made.save(tmp_path / "s")
    again = pn.load(tmp_path / "s").sample(3, condition="dim top", seed=4)
    assert np.array_equal(again, made.sample(3, condition="dim top", seed=4))


def test_b8_15_the_rate_is_halved_every_hundred_epochs():
    schedule = pn.schedule("decay", gamma=0.5, every=100.0, unit="epochs", shape="stairs").make()
    from parnassus.train.timetable import Timetable

    schedule.begin(Timetable(10, 600, [(0, 10)]))
    rates = [2e-4 * schedule((e + 0.5) / 600) for e in range(0, 600, 100)]
    assert rates == pytest.approx([2e-4, 1e-4, 5e-5, 2.5e-5, 1.25e-5, 6.25e-6])


@pytest.mark.slow
def test_it_draws_what_is_asked_for_and_is_saved(tmp_path):
    net = pn.model("stackgan", width=8, n_noise=8, n_condition=8, n_blocks=1)
    made = pn.Generator(net, epochs=40, batch_size=24, lr=0.001, progress=False).fit(X, Y)
    for band, name in enumerate(("top", "middle", "bottom")):
        drawn = made.sample(30, condition=name, seed=1).astype(float)
        rows = drawn.mean((0, 2))
        bright = [rows[1 + 5 * b : 5 + 5 * b].mean() for b in range(3)]
        assert int(np.argmax(bright)) == band
        assert bright[band] > 2 * np.delete(bright, band).max()
    made.save(tmp_path / "s.parnassus")
    again = pn.load(tmp_path / "s.parnassus")
    assert np.array_equal(again.sample(3, condition="top", seed=4), made.sample(3, condition="top", seed=4))


def test_small_pictures_and_missing_classes_are_refused():
    with pytest.raises(pn.DataError, match="at least 16"):
        pn.Generator("stackgan", epochs=1, progress=False).fit(X[:, :8, :8], Y)
    with pytest.raises(pn.ParnassusError, match="n_outputs"):
        pn.Generator("stackgan", epochs=1, progress=False).fit(X)
    with pytest.raises(pn.SettingError, match="n_blocks"):
        pn.Generator(pn.model("stackgan", n_blocks=0), epochs=1, progress=False).fit(X, Y)
