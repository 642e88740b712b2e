"""What changes a training batch: laws of the noise, mixtures, holes, and refusals."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.models.tables.mlp import MLP
from parnassus.objectives.supervised import Supervised
from parnassus.train.randomness import kept_random

pytestmark = pytest.mark.usefixtures("draws")

LOSSES = dict.fromkeys(("labels", "binary", "multilabel"), "cross_entropy") | {"numbers": "squared_error"}
OUTPUTS = {"labels": 4, "binary": 1, "multilabel": 3, "numbers": 2}


def supervised(kind, module=None):
    n = OUTPUTS[kind]
    module = module or MLP((5, 6, n)).double()
    return Supervised(module, pn.loss(LOSSES[kind]).make(task=kind), kind=kind, n_outputs=n)


def answers(kind, n):
    if kind == "labels":
        return torch.randint(0, 4, (n,))
    y = torch.randn(n, OUTPUTS[kind], dtype=torch.float64)
    return y if kind == "numbers" else (y > 0).double()


def attached(name, kind, **options):
    made = pn.regularizer(name, **options).make()
    made.attach(supervised(kind))
    return made


def test_input_noise_has_its_spread_and_leaves_the_batch_it_was_given_alone():
    x = torch.randn(300, 40)
    batch = {"x": x, "y": torch.zeros(300)}
    noisy = attached("input_noise", "numbers", scale=0.3).batch(batch)
    assert (noisy["x"] - x).std().item() == pytest.approx(0.3, rel=0.03)
    assert batch["x"] is x
    assert noisy["y"] is batch["y"]


@pytest.mark.parametrize("kind", ["labels", "binary", "multilabel"])
def test_label_noise_changes_so_many_labels_into_others(kind):
    y = answers(kind, 6000)
    noisy = attached("label_noise", kind, rate=0.2).batch({"x": torch.zeros(6000, 5), "y": y})["y"]
    assert (noisy != y).double().mean().item() == pytest.approx(0.2, abs=0.02)
    assert set(noisy.unique().tolist()) == set(y.unique().tolist())
    if kind == "labels":  # evenly among the three others
        moved = (noisy - y)[noisy != y] % 4
        assert moved.bincount(minlength=4)[1:].double() / len(moved) == pytest.approx([1 / 3] * 3, abs=0.04)


def test_label_noise_leaves_what_has_no_label_alone():
    y = torch.full((500,), -100)
    assert torch.equal(attached("label_noise", "labels", rate=0.9).batch({"x": y, "y": y})["y"], y)


def test_label_noise_is_label_smoothing_in_the_mean():
    """The expected loss under flips of rate r is the loss of targets with r spread over the others."""
    logits, y = torch.randn(4, dtype=torch.float64), torch.tensor(2)
    logp = logits.log_softmax(0)
    noisy = -(0.7 * logp[2] + 0.1 * (logp.sum() - logp[2]))
    smoothed = pn.loss("cross_entropy", label_smoothing=0.3, smoothed_over="others").make(task="labels")
    torch.testing.assert_close(smoothed(logits[None], y[None]), noisy)


def test_output_noise_has_its_spread():
    y = answers("numbers", 5000)
    noisy = attached("output_noise", "numbers", scale=0.4).batch({"x": y, "y": y})["y"]
    assert (noisy - y).std().item() == pytest.approx(0.4, rel=0.03)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", LOSSES)
def test_mixups_loss_and_closed_form_are_the_mixture_of_two_losses(kind, weighted):
    objective, mixup = supervised(kind), attached("mixup", kind, alpha=1.0)
    batch = {"x": torch.randn(12, 5, dtype=torch.float64), "y": answers(kind, 12)}
    if weighted:
        batch["weight"] = torch.rand(12, dtype=torch.float64)
    mixed = mixup.batch(batch)
    m, other = mixed["mix"], mixed["y_other"]
    order = [int((mixed["x"][i] - m * batch["x"][i] - (1 - m) * batch["x"]).abs().sum(1).argmin()) for i in range(12)]
    assert sorted(order) == list(range(12))
    assert torch.equal(other, batch["y"][order])
    outputs = objective.outputs(mixed)
    weights = (batch["weight"], batch["weight"][order]) if weighted else (None, None)
    losses = objective.loss(outputs, batch["y"], weights[0]), objective.loss(outputs, other, weights[1])
    expected = m * losses[0] + (1 - m) * losses[1]
    phase = objective.phases()[0]
    torch.testing.assert_close(phase.loss(mixed), expected)
    slopes = torch.autograd.grad(phase.loss(mixed), list(objective.parameters()))
    for p in objective.parameters():
        p.grad = torch.full_like(p, float("nan"))
    with torch.no_grad():
        torch.testing.assert_close(phase.gradient(mixed), expected.detach())
    for p, slope in zip(objective.parameters(), slopes, strict=True):
        torch.testing.assert_close(p.grad, slope)


def test_mixup_of_classes_is_cross_entropy_against_mixed_targets():
    objective, mixup = supervised("labels"), attached("mixup", "labels", alpha=1.0)
    batch = {"x": torch.randn(12, 5, dtype=torch.float64), "y": answers("labels", 12)}
    mixed = mixup.batch(batch)
    m = mixed["mix"]
    target = m * F.one_hot(batch["y"], 4) + (1 - m) * F.one_hot(mixed["y_other"], 4)
    torch.testing.assert_close(objective.mean_loss(mixed), F.cross_entropy(objective.outputs(mixed), target))


def test_mixups_share_is_betas():
    from scipy import stats

    mixup, batch = attached("mixup", "numbers", alpha=0.4), {"x": torch.zeros(2, 1), "y": torch.zeros(2, 1)}
    shares = [float(mixup.batch(batch)["mix"]) for _ in range(2000)]
    assert stats.kstest(shares, stats.beta(0.4, 0.4).cdf).pvalue > 1e-3


def test_cutout_hides_one_square_a_picture_in_other_places():
    x = torch.ones(40, 3, 12, 10)
    cut = attached("cutout", "numbers", size=4).batch({"x": x})["x"]
    holes = (cut == 0).flatten(1).sum(1) // 3
    assert (holes > 0).all()
    assert holes.max() == 16
    assert len({tuple(row.flatten().tolist()) for row in cut[:, 0] == 0}) > 20


@pytest.mark.parametrize(
    ("name", "kind", "batch", "words"),
    [
        ("input_noise", "labels", {"x": torch.zeros(2, 3, dtype=torch.long)}, "ids"),
        ("mixup", "labels", {"x": torch.zeros(2, 3, 4), "lengths": torch.ones(2), "y": torch.zeros(2)}, "lengths"),
        ("mixup", "labels", {"x": torch.zeros(2, 3), "columns": torch.ones(2, 1), "y": torch.zeros(2)}, "ids"),
        ("cutout", "labels", {"x": torch.zeros(2, 3)}, "pictures"),
        ("cutout", "labels", {"x": torch.zeros(2, 1, 8, 8)}, "hides"),
    ],
)
def test_what_does_not_fit_the_batch_is_refused_by_name(name, kind, batch, words):
    with pytest.raises(SettingError, match=f"'{name}'.*{words}"):
        attached(name, kind).batch(batch)


@pytest.mark.parametrize(("name", "kind", "words"), [("label_noise", "numbers", "output_noise"),
                                                     ("output_noise", "labels", "label_noise")])  # fmt: skip
def test_noise_on_the_wrong_kind_of_answer_names_the_right_one(name, kind, words):
    with pytest.raises(SettingError, match=words):
        attached(name, kind)


def test_answers_are_due_where_labels_are_mixed():
    from parnassus.objectives.rules import LeastSquares

    with pytest.raises(SettingError, match="LeastSquares"):
        pn.regularizer("mixup").make().attach(LeastSquares(2, 1))
    assert isinstance(supervised("numbers").model, nn.Sequential)


def test_cutmix_covers_the_share_it_says_with_pixels_of_the_row_whose_answer_it_takes():
    cutmix, shares = attached("cutmix", "labels"), []
    x = torch.arange(8.0)[:, None, None, None].expand(8, 2, 16, 20)
    for _ in range(200):
        mixed = cutmix.batch({"x": x, "y": torch.arange(8)})
        own = mixed["x"] == torch.arange(8.0)[:, None, None, None]
        other = mixed["y_other"].float()[:, None, None, None]
        assert ((mixed["x"] == other) | own).all()
        kept = own[other[:, 0, 0, 0] != torch.arange(8.0)].float().mean((1, 2, 3))
        torch.testing.assert_close(kept, mixed["mix"].expand(len(kept)))
        changed = (~own).any(1).any(0)
        assert int(changed.sum()) == int(changed.any(0).sum() * changed.any(1).sum())  # one rectangle
        shares.append(float(mixed["mix"]))
    # rectangles that stand out at the edge are cut, so that more stays than the 1 / 2 of Beta(1, 1)
    assert 0.5 < sum(shares) / len(shares) < 0.75


def test_cutmix_of_maps_pastes_the_classes_with_their_pixels():
    """The losses of whole maps were blended, so that each pixel was told the class of another one as well."""
    cutmix = attached("cutmix", "labels")
    y = torch.arange(6)[:, None, None].repeat(1, 12, 10)
    shares = []
    for seed in range(8):
        with kept_random(torch.device("cpu"), seed):
            mixed = cutmix.batch({"x": y[:, None].float(), "y": y.clone(), "weight": torch.arange(6.0)})
        assert mixed.keys() == {"x", "y", "weight"}
        assert torch.equal(mixed["x"][:, 0].long(), mixed["y"])
        torch.testing.assert_close(mixed["weight"], mixed["y"].double().mean((1, 2)).float())  # by area
        shares.append((mixed["y"] != y).float().mean())
    assert 0 < max(shares) < 1


def test_cutmix_is_for_pictures():
    with pytest.raises(SettingError, match="'cutmix' is for pictures"):
        attached("cutmix", "labels").batch({"x": torch.zeros(4, 5), "y": torch.zeros(4).long()})
