"""The recursions against all paths written out, and the worked example B63."""

import itertools
import math

import pytest
import torch

from parnassus.functional import chains

INF = math.inf


def tensor(rows):
    return torch.tensor(rows, dtype=torch.float64)


# B63: entry 0, emitting 1, 2, 3, exit 4; symbols 0 and 1
START = tensor([0.8, 0.2, 0.0])
STEP = tensor([[0.6, 0.3, 0.1], [0.0, 0.5, 0.5], [0.0, 0.0, 0.7]])
LEAVE = tensor([0.0, 0.0, 0.3])
SYMBOLS = tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])


def worked(observed=(0, 0, 1, 1)):
    return (START.log(), STEP.log(), SYMBOLS.log()[:, list(observed)].T)


def drawn(seed, K, T, *, exits):
    g = torch.Generator().manual_seed(seed)
    start, step = (torch.rand(*s, generator=g, dtype=torch.float64) for s in ((K,), (K, K)))
    step[0, -1] = 0.0 if K > 2 else step[0, -1]
    leave = torch.rand(K, generator=g, dtype=torch.float64) if exits else None
    logs = torch.randn(T, K, generator=g, dtype=torch.float64)
    return start.log(), step.log(), logs, leave.log() if exits else None


def every_path(log_start, log_step, logs, log_exit):
    """Scores of all K^T paths, by the definition of p(x, path)."""
    T, K = logs.shape
    found = {}
    for path in itertools.product(range(K), repeat=T):
        score = log_start[path[0]] + sum(log_step[a, b] for a, b in itertools.pairwise(path))
        score = score + sum(logs[t, s] for t, s in enumerate(path))
        found[path] = float(score if log_exit is None else score + log_exit[path[-1]])
    return found


CASES = [(K, T, exits) for K, T in ((1, 4), (2, 8), (3, 6), (4, 5), (3, 1)) for exits in (False, True)]
cases = pytest.mark.parametrize(("K", "T", "exits"), CASES)


@cases
def test_forward_and_backward_sum_over_all_paths(K, T, exits):
    start, step, logs, leave = drawn(1, K, T, exits=exits)
    expected = torch.logsumexp(tensor(list(every_path(start, step, logs, leave).values())), 0)
    for found in (chains.forward, chains.backward):
        torch.testing.assert_close(found(start, step, logs, log_exit=leave)[1], expected, rtol=1e-12, atol=0)


@cases
def test_posteriors_are_shares_of_all_paths(K, T, exits):
    start, step, logs, leave = drawn(2, K, T, exits=exits)
    paths = every_path(start, step, logs, leave)
    total = math.fsum(math.exp(s) for s in paths.values())
    gamma, xi = torch.zeros(T, K, dtype=torch.float64), torch.zeros(max(T - 1, 0), K, K, dtype=torch.float64)
    for path, score in paths.items():
        for t, s in enumerate(path):
            gamma[t, s] += math.exp(score) / total
        for t, (a, b) in enumerate(itertools.pairwise(path)):
            xi[t, a, b] += math.exp(score) / total
    found = chains.posteriors(start, step, logs, log_exit=leave)
    torch.testing.assert_close(found[0], gamma, rtol=0, atol=1e-12)
    torch.testing.assert_close(found[1], xi, rtol=0, atol=1e-12)


@cases
def test_viterbi_and_the_n_best_are_the_first_of_all_paths(K, T, exits):
    start, step, logs, leave = drawn(3, K, T, exits=exits)
    paths = every_path(start, step, logs, leave)
    ranked = sorted((p for p in paths if paths[p] > -INF), key=lambda p: -paths[p])
    best = chains.viterbi(start, step, logs, log_exit=leave)
    assert tuple(best.states.tolist()) == ranked[0]
    assert math.isclose(float(best.score), paths[ranked[0]], rel_tol=1e-12)
    found = chains.n_best(start, step, logs, n=6, log_exit=leave)
    assert [tuple(p.states.tolist()) for p in found] == ranked[:6]
    assert all(math.isclose(float(p.score), paths[r], rel_tol=1e-12) for p, r in zip(found, ranked, strict=False))


def test_fewer_paths_than_asked_for_are_all_there_are():
    assert len(chains.n_best(*worked(), n=500, log_exit=LEAVE.log())) == sum(
        s > -INF for s in every_path(*worked(), LEAVE.log()).values()
    )


@pytest.mark.parametrize("lag", [0, 1, 3, 50])
def test_the_filter_sees_lag_frames_ahead_and_no_more(lag):
    start, step, logs, _ = drawn(4, 3, 9, exits=False)
    found = chains.filtered(start, step, logs, lag=lag)
    for t in range(9):
        seen = logs[: t + lag + 1]
        torch.testing.assert_close(found[t], chains.posteriors(start, step, seen)[0][t], rtol=0, atol=1e-12)


def test_b63_alpha_beta_and_gamma_are_those_of_the_worked_example():
    """B63, derived by brute force."""
    alpha, log_p = chains.forward(*worked(), log_exit=LEAVE.log())
    beta, _ = chains.backward(*worked(), log_exit=LEAVE.log())
    gamma, _ = chains.posteriors(*worked(), log_exit=LEAVE.log())
    assert math.isclose(math.exp(log_p), 0.026858496, rel_tol=1e-12)
    assert math.isclose(float(log_p), -3.6171730835, abs_tol=1e-10)
    rows = [
        [0.72, 0.08, 0],
        [0.3888, 0.1024, 0.0224],
        [0.023328, 0.100704, 0.084608],
        [0.00139968, 0.03441024, 0.08952832],
    ]
    torch.testing.assert_close(alpha.exp(), tensor(rows), rtol=1e-10, atol=1e-15)
    rows = [[0.0339648, 0.030048, 0.0131712], [0.03648, 0.1032, 0.09408], [0.024, 0.12, 0.168], [0, 0, 0.3]]
    torch.testing.assert_close(beta.exp(), tensor(rows), rtol=1e-10, atol=1e-15)
    rows = [[0.9104998284, 0.0895001716, 0], [0.5280796065, 0.3934576232, 0.0784627702],
            [0.0208452476, 0.4499313737, 0.5292233787], [0, 0, 1]]  # fmt: skip
    torch.testing.assert_close(gamma, tensor(rows), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("observed", "path", "p"),
    [((0, 0, 1, 1), [0, 0, 1, 2], 0.00839808), ((0, 1, 1), [0, 1, 2], 0.015552), ((1, 0, 0), [1, 1, 2], None)],
)
def test_b63_viterbi_starts_with_the_entrys_probabilities(observed, path, p):
    """B63; the book's Alg 13.2, without a_0j, gives 2,3,3 and 3,3,3 for the last two."""
    found = chains.viterbi(*worked(observed), log_exit=LEAVE.log())
    assert found.states.tolist() == path
    assert p is None or math.isclose(math.exp(found.score), p, rel_tol=1e-10)


def test_the_slope_of_log_p_by_an_emission_is_its_posterior():
    start, step, logs, leave = drawn(5, 3, 7, exits=True)
    logs.requires_grad_()
    (slope,) = torch.autograd.grad(chains.forward(start, step, logs, log_exit=leave)[1], logs)
    torch.testing.assert_close(slope, chains.posteriors(start, step, logs.detach(), log_exit=leave)[0])


def test_the_forward_recursion_is_a_recurrent_net_whose_weights_are_the_transitions(draws):
    """A second-order linear recurrent net, h_t = diag(b_t) A' h_{t-1}: its readout is the likelihood."""
    start, step, logs, leave = drawn(6, 4, 12, exits=True)
    cell = torch.nn.RNNCell(4, 4, bias=False, nonlinearity="relu", dtype=torch.float64)
    with torch.no_grad():
        cell.weight_hh.copy_(step.exp().T)
        cell.weight_ih.zero_()
        h = start.exp() * logs[0].exp()
        for b in logs[1:].exp():
            h = cell(torch.zeros(1, 4, dtype=torch.float64), h[None])[0] * b
    expected = chains.forward(start, step, logs, log_exit=leave)[1]
    torch.testing.assert_close((h @ leave.exp()).log(), expected, rtol=1e-12, atol=0)
