"""Hidden Markov models against hmmlearn: Baum-Welch and Viterbi on many sequences and on one long one.

200 sequences x 300 frames x 13 features with 8 states, and one of 50,000 frames with 4 states, diagonal Gaussians,
float64 on both sides. PARNASSUS_KERNELS=off measures the torch twins.
"""

import numpy as np

import parnassus as pn
from harness import arguments, compare, installed

ITERATIONS = 10


def drawn(n: int, length: int, n_states: int, n_features: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Sequences (n, length, features) of a chain that tends to stay, and a start for both sides."""
    rng = np.random.default_rng(0)
    transitions = np.full((n_states, n_states), 0.1 / (n_states - 1))
    np.fill_diagonal(transitions, 0.9)
    means = rng.normal(0, 2, (n_states, n_features))
    states = np.empty((n, length), dtype=np.int64)
    states[:, 0] = rng.integers(n_states, size=n)
    cumulative = transitions.cumsum(1)
    for t in range(1, length):
        states[:, t] = (rng.random(n)[:, None] > cumulative[states[:, t - 1]]).sum(1).clip(max=n_states - 1)
    X = means[states] + rng.normal(size=(n, length, n_features))
    first = {
        "start": np.full(n_states, 1 / n_states),
        "transitions": np.full((n_states, n_states), 1 / n_states),
        "means": means + rng.normal(0, 0.5, means.shape),
        "covariances": np.ones((n_states, n_features)),
    }
    return X, first


def ours(X: np.ndarray, first: dict[str, np.ndarray]) -> "pn.HMM":
    n_states = len(first["start"])
    model = pn.HMM("gaussian", n_states=n_states, initial=first, tol=0.0, epochs=ITERATIONS, progress=False)
    return model.fit(list(X))


def theirs(X: np.ndarray, first: dict[str, np.ndarray], implementation: str) -> object:
    from hmmlearn.hmm import GaussianHMM

    model = GaussianHMM(
        len(first["start"]),
        n_iter=ITERATIONS,
        tol=-np.inf,
        init_params="",
        implementation=implementation,
        covars_prior=0.0,
        min_covar=0.0,
    )
    model.startprob_, model.transmat_, model.means_ = first["start"], first["transitions"], first["means"]
    model.covars_ = first["covariances"]
    return model.fit(X.reshape(-1, X.shape[-1]), [X.shape[1]] * len(X))


def main() -> None:
    args = arguments()
    peer = installed("hmmlearn")
    for name, (X, first) in {"200 x 300": drawn(200, 300, 8, 13), "1 x 50000": drawn(1, 50_000, 4, 13)}.items():
        works = {"ours": lambda X=X, f=first: ours(X, f)}
        if peer:
            works["hmmlearn scaling"] = lambda X=X, f=first: theirs(X, f, "scaling")
        compare(f"Baum-Welch {name}, {ITERATIONS} iterations", works, ours="ours", args=args)
        model, flat, lengths = ours(X, first), X.reshape(-1, X.shape[-1]), [X.shape[1]] * len(X)
        works = {"ours": lambda X=X, m=model: m.decode(list(X))}
        if peer:
            other = theirs(X, first, "log")
            works["hmmlearn"] = lambda o=other, f=flat, n=lengths: o.decode(f, n)
        compare(f"Viterbi {name}", works, ours="ours", args=args)


if __name__ == "__main__":
    main()
