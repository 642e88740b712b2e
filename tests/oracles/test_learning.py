"""The books' numbers for information, normalisers, first weights and regularisers, a test an oracle.

0 Hifny, 1 Baker, 2a to 2c Martinez-Ramon, 3 Jaiswal, 4 Keras course. Where a book errs, the test states both values.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import parnassus as pn
from parnassus.functional import contraction, information, initializers, likelihoods, losses, normalization
from parnassus.functional import regularization as held
from parnassus.layers.dropout import Dropout
from parnassus.layers.initialization import depth_study, initialize


def tensor(values: object) -> Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float64)


def near(values: Tensor, expected: object, tolerance: float = 1e-9) -> bool:
    return bool(np.allclose(values.detach().numpy(), expected, rtol=0, atol=tolerance))


# --- information -----------------------------------------------------------------------------------------------------


def test_0_B34_entropies_and_divergences() -> None:
    p = tensor([0.5, 0.25, 0.125, 0.125])
    assert near(information.entropy(p, base=2), 1.75)
    assert near(information.entropy(p), 1.21300757, 1e-8)
    p, q = tensor([0.5, 0.5]), tensor([0.9, 0.1])
    assert near(information.kl_divergence(p, q), 0.5108256238)
    assert near(information.kl_divergence(q, p), 0.3680642072)
    assert near(information.cross_entropy(p, q), 1.2039728043)
    joint = tensor([[0.3, 0.2], [0.1, 0.4]])
    assert near(information.entropy(joint.sum(1)), 0.6931471806)
    assert near(information.conditional_entropy(joint), 0.6068425588)


def test_0_B34_mutual_information_is_not_negative() -> None:
    joint = tensor([[0.3, 0.2], [0.1, 0.4]])
    assert near(information.mutual_information(joint), 0.0863046217)  # 0:F1 prints the sign that gives -0.0863046217


def test_0_B35_evidence_lower_bound() -> None:
    log_joint = tensor([0.1, 0.3]).log()
    bound = information.evidence_lower_bound(log_joint, tensor([0.5, 0.5]))
    assert near(bound.log_evidence, -0.9162907319)
    assert near(bound.elbo, -1.0601317681)
    assert near(bound.gap, 0.1438410362)
    assert near(information.evidence_lower_bound(log_joint, tensor([0.25, 0.75])).gap, 0)


def test_2c_B8_4_distances_between_laws() -> None:
    p, q = tensor([0.5, 0.5]), tensor([0.25, 0.75])
    assert near(information.total_variation(p, q), 0.25)
    assert near(information.kl_divergence(p, q), 0.143841, 1e-6)
    assert near(information.kl_divergence(q, p), 0.130812, 1e-6)
    assert near(information.jensen_shannon(p, q), 0.033822, 1e-6)
    assert near(2 * information.jensen_shannon(p, q), 0.067644, 1e-6)  # the book's, without the factor 1/2
    assert near(information.wasserstein_1(p, q), 0.25)


def test_2c_F8_5_jensen_shannon_is_finite_where_kl_is_not() -> None:
    p, q = tensor([1.0, 0.0]), tensor([0.0, 1.0])
    assert near(information.total_variation(p, q), 1)
    assert information.kl_divergence(p, q) == math.inf
    assert near(information.jensen_shannon(p, q), math.log(2))  # the book says that it may be infinite


def test_3_B15_cross_entropy_in_nats_and_bits() -> None:
    p, q = tensor([0.5, 0.25, 0.25]), tensor([0.25, 0.25, 0.5])
    assert near(information.cross_entropy(p, q), 1.213008, 1e-6)
    assert near(information.cross_entropy(p, q, base=2), 1.75)
    assert near(information.entropy(p, base=2), 1.5)
    assert information.cross_entropy(p, q) > 0  # 3:F17 leaves out the minus


def test_0_F3_jensens_inequality_turns_for_the_logarithm() -> None:
    x = tensor([0.5, 1.0, 4.0])
    assert information.jensen_gap(torch.log, x) < 0 < information.jensen_gap(torch.square, x)


# --- losses ----------------------------------------------------------------------------------------------------------


def test_1_B27_percentage_error_is_free_of_scale() -> None:
    y, outputs = tensor([3, -0.5, 2, 7]), tensor([2.5, 0, 2, 8])
    assert near(losses.percentage_error(outputs, y).mean(), 32.738095, 1e-6)
    assert near(losses.percentage_error(10 * outputs, 10 * y).mean(), 32.738095, 1e-6)  # 1:F30 calls it sensitive


def test_1_B28_too_little_costs_more_than_too_much() -> None:
    each = losses.squared_log_error(tensor([80.0, 120.0]), tensor([100.0, 100.0]))
    assert near(each, [0.0486959, 0.0326417], 1e-7)


def test_1_F31_the_cosine_loss_falls_as_directions_agree() -> None:
    away, along = losses.cosine_distance(tensor([[0.0, 1.0], [3.0, 0.1]]), tensor([[1.0, 0.0], [1.0, 0.0]]))
    assert along < 0.01 < 0.99 < away


def test_2a_B11_cross_entropy_and_squared_error_where_the_unit_is_certain() -> None:
    table = tensor([
        [-10, 10.0000453989, -0.9999546021, 0.9999092063, -0.0000907875],
        [-5, 5.0067153485, -0.9933071491, 0.9866590924, -0.0132071244],
        [-1, 1.3132616875, -0.7310585786, 0.5344466454, -0.2874696809],
        [0, 0.6931471806, -0.5, 0.25, -0.25],
        [2, 0.1269280110, -0.1192029220, 0.0142093366, -0.0250310843],
    ])  # fmt: skip
    measured = likelihoods.saturation(table[:, 0])
    assert near(torch.stack(measured, 1), table.numpy())
    assert likelihoods.saturation(tensor([-1000.0, 1000.0])).cross_entropy.tolist() == [1000.0, 0.0]


def test_2a_B12_gaussian_likelihood() -> None:
    value = likelihoods.gaussian_nll(tensor([1.0, 2.0]), tensor([0.0, 2.5]), tensor(0.25))
    assert near(value, 2.9515827053)  # 4.0708 with the book's constant, which lacks the logarithm


def test_2c_B7_7_and_3_B7_scalings_of_the_squared_error() -> None:
    x, back = tensor([1.0, 2.0]), tensor([0.0, 4.0])
    assert losses.squared_error(back, x).sum() / 2 == 2.5
    residuals = losses.squared_error(tensor([[1.0, 2.0], [3.0, 4.0]]) @ tensor([0.5, -0.5]), tensor([1.0, 2.0]))
    theta = tensor([0.5, -0.5])
    half = residuals.sum() / (2 * 2)
    assert near(half, 2.125)
    assert near(half + held.l2_penalty(theta, strength=0.1), 2.150)
    assert near(half + held.l1_penalty(theta, strength=0.1), 2.225)
    assert near(half + held.l2_penalty(theta, strength=0.1, convention="whole"), 2.175)


def test_4_B20_squared_hinge_is_squared() -> None:
    assert near(losses.hinge(tensor(0.3), tensor(1.0), power=2), 0.49)  # 4:F17 prints the hinge for it


# --- first weights ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("draws")
def test_2a_B13c_a_net_of_zeros_keeps_its_units_alike() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1)).double()
    initialize(net, pn.initializer("zeros"))
    outputs = []
    for _ in range(3):
        loss = losses.binary_cross_entropy(net(tensor([[1.0, 1.0]])), tensor([[1.0]]))
        outputs.append(torch.sigmoid(net(tensor([[1.0, 1.0]]))).item())
        net.zero_grad()
        loss.sum().backward()
        with torch.no_grad():
            for p in net.parameters():
                p -= p.grad
        if len(outputs) == 1:
            assert not net[0].weight.any()
            assert near(net[2].weight, [[0.25, 0.25]])
        if len(outputs) == 2:
            assert near(net[0].weight, np.full((2, 2), 0.0200513313))
    assert outputs == pytest.approx([0.5, 0.6791786992, 0.7761851866], abs=1e-9)
    assert near(net[0].weight, np.full((2, 2), 0.0429945658))


@pytest.mark.parametrize(
    ("n", "fan_in", "he"),
    [
        (2, 0.7071067812, 1),
        (40, 0.1581138830, 0.2236067977),
        (100, 0.1, 0.1414213562),
        (784, 0.0357142857, 0.0505076272),
    ],
)
def test_2a_B17_scales_of_first_weights(n: int, fan_in: float, he: float) -> None:
    assert initializers.fan_in_std(n) == pytest.approx(fan_in, abs=1e-10)
    assert initializers.he_std(n) == pytest.approx(he, abs=1e-10)
    assert initializers.glorot_std(40, 10) == pytest.approx(0.2, abs=1e-12)
    assert initializers.uniform_bound(initializers.glorot_std(40, 10)) == pytest.approx(0.3464101615, abs=1e-10)


@pytest.mark.parametrize(
    ("n", "m", "expected"),
    [(100, 50, (0.1, 0.2, 0.141421, 0.36, -0.08)), (784, 256, (0.035714, 0.075955, 0.050508, 0.128571, -0.010204))],
)
def test_3_B16_constants_of_five_initialisers(n: int, m: int, expected: tuple[float, ...]) -> None:
    ours = (
        initializers.fan_in_std(n),
        initializers.uniform_bound(initializers.glorot_std(n, m)),
        initializers.he_std(n),
        initializers.logistic_std(n),
        initializers.negative_mean(n),
    )
    assert ours == pytest.approx(expected, abs=1e-6)
    assert [initializers.negative_mean(k) for k in (8, 10, 16)] == [-1, -0.8, -0.5]


def test_3_B16_gradients_by_depth() -> None:
    def ratio(name: str, activation: str) -> float:
        sizes = [
            depth_study(pn.initializer(name), activation=activation, n_layers=10, width=20, seed=s).gradient_size
            for s in range(5)
        ]
        return float(torch.stack([g[0] / g[-1] for g in sizes]).median())

    logistic, shifted = ratio("logistic_normal", "sigmoid"), ratio("yilmaz_poli", "sigmoid")
    assert 1e-5 < logistic < 3e-3  # 2.6e-4 when it was derived
    assert 3e-3 < shifted < 3e-1  # 2.3e-2
    assert ratio("lecun_normal", "sigmoid") < 1e-5  # 6.6e-8
    assert ratio("he_normal", "relu") > 0.02  # 0.16


# --- normalisers -----------------------------------------------------------------------------------------------------


def test_0_B50_layer_and_rms_norm_and_their_jacobians() -> None:
    x = tensor([1.0, 2.0, 3.0, 4.0])
    unit = [-1.3416407865, -0.4472135955, 0.4472135955, 1.3416407865]
    assert near(normalization.layer_norm(x, eps=0.0), unit)
    assert near(normalization.rms_norm(x, eps=0.0), [0.3651483717, 0.7302967433, 1.0954451150, 1.4605934867])
    row = normalization.layer_norm_jacobian(x)[0]
    assert near(row, [0.2683281573, -0.3577708764, -0.0894427191, 0.1788854382])
    # eq. 14.15 taken as printed, without its factor 1/2, gives another row
    assert not near(row, [-0.1341640786, -0.4919349550, 0.0447213595, 0.5776], 1e-2)
    rms = normalization.rms_norm_jacobian(x)[0]
    assert near(rms, [0.3529767593, -0.0243432248, -0.0365148372, -0.0486864496])
    columns = normalization.batch_norm(tensor([[1, 10], [2, 20], [3, 30]]), eps=0.0)
    assert near(columns, np.array([[-1.2247448714] * 2, [0, 0], [1.2247448714] * 2]))


def test_1_B32_and_2b_B30_one_to_four() -> None:
    expected = [-1.341635, -0.447212, 0.447212, 1.341635]
    assert near(normalization.batch_norm(tensor([[1.0], [2.0], [3.0], [4.0]])).flatten(), expected, 1e-6)
    ours = normalization.layer_norm(tensor([1.0, 2.0, 3.0, 4.0]))
    assert near(ours, expected, 1e-6)
    assert not near(ours, [-1.2, -0.4, 0.4, 1.2], 0.01)  # 2b:F64 divides by the variance


def test_2a_B18_four_normalisers_of_one_array() -> None:
    z = tensor([[1, 2], [3, 6], [5, 10], [7, 2]])
    ours = normalization.batch_norm(z)
    assert near(ours[:, 0], [-1.3416394449, -0.4472131483, 0.4472131483, 1.3416394449])
    assert near(ours[:, 1], [-0.9045336226, 0.3015112075, 1.5075560376, -0.9045336226])
    assert abs(float(ours[0, 0]) + 0.5999988) > 0.5  # eq. 2.8 without the root
    x = torch.arange(32, dtype=torch.float64).sin().reshape(2, 4, 2, 2)
    batch = [[-0.0082647695, 1.3330988753], [1.4412189711, 0.2166904004]]
    layer = [[-0.1751224230, 1.0429290596], [1.1411096264, 0.0291525171]]
    instance = [[-1.1643418692, 0.9071542912], [1.0741264349, -0.8169388569]]
    group = [[-0.1043693988, 1.1644567016], [1.2667299367, 0.1084207660]]
    assert near(normalization.batch_norm(x)[0, 0], batch)
    assert near(normalization.group_norm(x, 1)[0, 0], layer)
    assert near(normalization.instance_norm(x)[0, 0], instance)
    assert near(normalization.group_norm(x, 2)[0, 0], group)
    assert torch.allclose(normalization.group_norm(x, 4), normalization.instance_norm(x))


def test_2c_B8_12_adaptive_instance_norm() -> None:
    x, one = tensor([[[[1, 2], [3, 4]]]]), tensor([[1.0]])
    ours = normalization.adaptive_instance_norm(x, 2 * one, 0.5 * one, eps=0.0)
    assert near(ours[0, 0], [[-2.183282, -0.394427], [1.394427, 3.183282]], 1e-6)


def test_4_B26_batch_norm_with_moving_statistics() -> None:
    x = tensor([[1.0], [2.0], [3.0], [4.0]])
    training = normalization.batch_norm(x, eps=0.001)
    assert near(training.flatten(), [-1.341104, -0.447035, 0.447035, 1.341104], 1e-6)
    start = normalization.Statistics(torch.zeros(1).double(), torch.ones(1).double())
    moved = normalization.running_statistics(start, x, momentum=0.99, of="old", correction=0)
    assert near(torch.cat(moved), [0.025, 1.0025])
    later = normalization.batch_norm_at_prediction(x, moved, eps=0.001)
    assert near(later.flatten(), [0.973298, 1.971553, 2.969807, 3.968061], 1e-6)


# --- regularisers ----------------------------------------------------------------------------------------------------


def test_0_B29_a_smoothed_target_sums_to_one() -> None:
    target = held.smooth_targets(tensor([0.0, 1.0, 0.0]), rate=0.1)
    assert near(target, [0.0333333333, 0.9333333333, 0.0333333333])  # 0:F39 prints 0.9 in the middle
    p = tensor([0.2, 0.7, 0.1])
    assert near(losses.categorical_cross_entropy(p, tensor([0.0, 1.0, 0.0])), 0.3566749439)
    assert near(losses.categorical_cross_entropy(p, target), 0.4632973812)


def test_0_B30_three_weights_have_eight_supports() -> None:
    supports = [s for size in range(4) for s in itertools.combinations(range(3), size)]
    assert len(supports) == 2**3
    x = torch.eye(5, dtype=torch.float64)[:, :3]
    y = x @ tensor([3.0, 0.1, -2.0])
    costs = {}
    for s in supports:
        design = np.column_stack([np.ones(5), x.numpy()[:, s]])
        rest = y.numpy() - design @ np.linalg.lstsq(design, y.numpy())[0]
        costs[s] = float((rest**2).sum()) + 0.5 * len(s)
    best = held.best_subset(x, y, strength=0.5)
    assert best.support == min(costs, key=costs.get)
    assert best.cost == pytest.approx(min(costs.values()), abs=1e-10)


def test_0_B70_noisy_rows_are_ridge() -> None:
    x, y = tensor([[1, 0], [1, 1], [0, 2]]), tensor([1, 2, 3])
    n, variance = len(x), 0.25
    ridge = torch.linalg.solve(x.T @ x + n * variance * torch.eye(2).double(), x.T @ y)
    assert near(ridge, [0.6244725738, 1.2827004219])
    w = ridge.clone().requires_grad_()  # where E(noisy squared error) = squared error + variance |w|^2 is flat
    ((x @ w - y).square().mean() + held.l2_penalty(w, strength=variance, convention="whole")).backward()
    assert near(w.grad, [0, 0])


def test_0_B71_three_penalties() -> None:
    w = tensor([0.5, -2, 0])
    assert near(held.l0_penalty(w, strength=0.1), 0.2)
    assert near(held.l1_penalty(w, strength=0.1), 0.25)
    assert near(held.l2_penalty(w, strength=0.1), 0.2125)
    assert near(held.l1_slope(w, strength=0.1), [0.1, -0.1, 0])
    assert near(held.l2_slope(w, strength=0.1), [0.05, -0.2, 0])


def test_1_B60_a_step_of_weight_decay_and_two_dropouts() -> None:
    w, g, rate = tensor([1.0]), tensor([0.2]), 0.1
    assert near(w - rate * (g + held.l2_slope(w, strength=0.01, convention="whole")), [0.978])
    assert near(w - rate * (g + held.l2_slope(w, strength=0.01)), [0.979])
    h, mask = tensor([1, 2, 3, 4]), tensor([1, 0, 0, 1])
    assert held.dropout_at_training(h, mask, rate=0.5).tolist() == [2, 0, 0, 8]
    assert held.dropout_at_prediction(h, rate=0.5, scaling="prediction").tolist() == [0.5, 1, 1.5, 2]


def test_2a_B16_penalties_norms_and_dropout() -> None:
    w = tensor([[1, -2], [0, 0.5]])
    assert near(held.l2_penalty(w, strength=0.1), 0.2625)
    assert near(held.l2_slope(w, strength=0.1), [[0.1, -0.2], [0, 0.05]])  # one layer's: 2a:F17 sums over layers
    assert near(held.l1_penalty(w, strength=0.1), 0.35)
    assert near(held.l1_slope(w, strength=0.1), [[0.1, -0.1], [0, 0.1]])
    columns = tensor([[3, 1], [4, 0]])  # the book's units are columns
    assert near(held.max_norm(columns.T, limit=2.0).T, [[1.2, 1], [1.6, 0]])
    h = held.dropout_at_training(tensor([1, 2, 3, 4]), tensor([1, 0, 1, 1]), rate=0.25, scaling="prediction")
    assert h.tolist() == [1, 0, 3, 4]
    assert held.dropout_at_prediction(tensor(4.0), rate=0.25, scaling="prediction") == 3  # weights times .75


def test_3_B13_two_conventions_of_label_smoothing() -> None:
    target = torch.eye(10, dtype=torch.float64)[0]
    others, every = (held.smooth_targets(target, rate=0.1, over=o) for o in ("others", "all"))
    assert near(others[:2], [0.9, 0.0111111111])
    assert near(every[:2], [0.91, 0.01])
    q = tensor([0.55] + [0.05] * 9)
    assert near(losses.categorical_cross_entropy(q, target), 0.597837, 1e-6)
    assert near(losses.categorical_cross_entropy(q, others), 0.837627, 1e-6)
    assert near(losses.categorical_cross_entropy(q, every), 0.813648, 1e-6)


def test_3_B14_what_input_noise_adds() -> None:
    assert near(held.l2_penalty(tensor([1, -2, 0.5]), strength=0.1**2, convention="whole"), 0.0525)


def test_3_F19_a_rate_is_what_is_dropped() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        kept = (Dropout(0.2)(torch.ones(10_000)) > 0).double().mean()
    assert kept == pytest.approx(0.8, abs=0.02)  # the book hands over 0.8, the probability to keep


@pytest.mark.parametrize(("patience", "after"), [(2, 4), (3, 5)])
def test_2a_B16_stopping_early(patience: int, after: int) -> None:
    assert held.early_stop([0.9, 0.7, 0.6, 0.61, 0.6, 0.62, 0.55, 0.5], patience=patience) == (after, 2)


def test_3_B17_and_F20_the_best_so_far_and_the_epoch_before() -> None:
    """The oracle counts epochs from 1."""
    slow = [1, 0.8, 0.9, 0.85, 0.84, 0.83, 0.7]
    assert held.early_stop(slow, patience=3, rule="previous").after is None
    assert held.early_stop(slow, patience=3) == (4, 1)
    for rule in ("best", "previous"):
        assert held.early_stop([1, 0.8, 0.9, 0.95, 0.97, 0.7], patience=3, rule=rule) == (4, 1)


def test_4_B28_the_penalty_without_a_half() -> None:
    assert near(held.l2_penalty(tensor([1, 2]), strength=1e-4, convention="whole"), 5e-4, 1e-15)
    assert near(held.l2_penalty(tensor([1, 2]), strength=1e-4), 2.5e-4, 1e-15)


# --- dense layers between arrays -------------------------------------------------------------------------------------


def test_2a_B10_contraction_and_a_layer_between_arrays() -> None:
    a, b = torch.arange(6).reshape(2, 3), torch.arange(8).reshape(2, 2, 2)
    c = contraction.contract(a, b, axes=((0,), (1,)))
    assert c.tolist() == [[[6, 9], [18, 21]], [[8, 13], [28, 33]], [[10, 17], [38, 45]]]
    w = tensor(np.arange(12).reshape(2, 2, 3, 1))
    z = contraction.multidimensional_dense(tensor([[1, 2], [3, 4]]), w, tensor([[-30], [0], [1]]))
    assert z.tolist() == [[30], [70], [81]]


def test_0_B72_higher_degrees_fit_better_and_generalise_worse() -> None:
    state = np.random.RandomState(0)
    x = np.sort(state.rand(30))[:, None]
    y = np.cos(1.5 * np.pi * x[:, 0]) + 0.1 * state.randn(30)
    grid = np.linspace(0, 1, 200)[:, None]
    train, truth = [], []
    for degree in (1, 4, 8):
        fitted = pn.Regressor(pn.model("polynomial", degree=degree), progress=False, device="cpu").fit(x, y)
        train.append(float(((fitted.predict(x) - y) ** 2).mean()))
        truth.append(float(((fitted.predict(grid) - np.cos(1.5 * np.pi * grid[:, 0])) ** 2).mean()))
    assert train[:2] == pytest.approx([0.22589, 0.011565], rel=1e-3)
    assert truth[:2] == pytest.approx([0.18996, 0.0012056], rel=1e-3)
    assert train[2] < train[1] < train[0]
    assert truth[1] < min(truth[0], truth[2])  # degree 20, as in the book, explodes: the order is what holds
