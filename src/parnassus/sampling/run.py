"""`pn.sample`: chains of draws from any log density, which may go on later."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..errors import DataError, SettingError, check_count, did_you_mean
from .adaptation import windows
from .chains import Chains
from .density import Density
from .nuts import NoUTurn
from .particles import Particles, Sequential, Stein
from .slices import EllipticalSlice, Gibbs
from .starts import check_start
from .tempering import Tempering
from .transitions import Hamiltonian, HessianWalk, Info, Langevin, RandomWalk, State, Transition

METHODS: dict[str, type[Transition]] = {
    "mh": RandomWalk,
    "hessian_mh": HessianWalk,
    "mala": Langevin,
    "hmc": Hamiltonian,
    "nuts": NoUTurn,
    "elliptical_slice": EllipticalSlice,
    "gibbs": Gibbs,
    "tempering": Tempering,
}
PARTICLES: dict[str, type[Particles]] = {"svgd": Stein, "smc": Sequential}


def sample(
    log_density: Callable[[Any], Tensor],
    start: Any,
    *,
    method: str = "nuts",
    n_draws: int = 1000,
    n_warmup: int | None = None,
    n_chains: int = 4,
    n_thin: int = 1,
    gradient: Callable[[Tensor], Any] | None = None,
    jitter: float = 0.1,
    seed: int = 0,
    **options: Any,
) -> Chains:
    """Draw from a density known up to a constant, by several chains at once; `print` shows what they say.

    Parameters
    ----------
    log_density : the logarithm of the density at many points: takes a tensor (n, d), or a dict from name to (n, *shape)
        if `start` is a dict, and gives (n,). Sample the logarithm of what must be positive, and add its Jacobian.
    start : one point (d,), or a dict of named parameters; each chain starts at it plus `jitter` times a normal number.
    method : "nuts", "hmc" (jittered paths, all chains in step: the fastest here), "mala", "mh" (random walk),
        "hessian_mh" (a walk shaped by the curvature, which costs a gradient a parameter at each step),
        "elliptical_slice" (for a normal prior; no gradient, nothing to tune), "gibbs" (with `conditionals`),
        "tempering" (several modes); or of points that become draws together, n_draws in each of n_chains runs, "svgd"
        and "smc" (which gives the evidence too).
    n_draws, n_warmup : kept draws a chain, and steps before them that tune the step and the spread; as many as n_draws
        if not given. `n_thin` keeps every n_thin-th draw.
    gradient : takes (n, d) and gives (log density (n,), its gradient (n, d)) in place of autograd.
    **options : the method's own: step, target (acceptance to tune for), path, n_steps, max_depth, scale, adapt.

    Raises
    ------
    DataError : the density is no number at a start, gives another shape, or far out falls nowhere along a parameter,
        so that its integral is infinite (looked at up to 200 parameters); the message names the parameter.

    Systems: metropolis-hastings, hamiltonian-monte-carlo
    Source: Martinez-Ramon 9.3.1 and 9.3.2, which leave out warm-up, chains and their diagnosis (F9-28).
    """
    if method not in METHODS and method not in PARTICLES:
        raise SettingError(f"no method {method!r}; {did_you_mean(method, [*METHODS, *PARTICLES])}")
    warm = n_draws if n_warmup is None else n_warmup
    if any(isinstance(n, bool) or not isinstance(n, int) for n in (n_draws, warm, n_chains, n_thin)):
        raise SettingError(f"draws, chains and thinning are whole numbers; got {n_draws}, {warm}, {n_chains}, {n_thin}")
    if n_draws < 4 or warm < 0 or n_chains < 1 or n_thin < 1:
        raise SettingError(
            f"n_draws is 4 or more, n_warmup 0 or more, n_chains and n_thin 1 or more; got {n_draws}, {warm}, "
            f"{n_chains}, {n_thin}"
        )
    density = Density(log_density, start, gradient=gradient)
    facts: dict[str, Any] = {"method": method, "seed": seed, "n_warmup": warm if method in METHODS else 0}
    return sample_density(
        density, n_draws=n_draws, n_chains=n_chains, n_thin=n_thin, jitter=jitter, options=options, **facts
    )


def resume(
    log_density: Callable[[Any], Tensor],
    chains: Chains,
    n_draws: int = 1000,
    *,
    gradient: Callable[[Tensor], Any] | None = None,
    **options: Any,
) -> Chains:
    """Go on where chains ended, without another warm-up: all draws, the new behind the old, as if from one longer call.

    Parameters
    ----------
    log_density, gradient : as `sample` was given them; that they are the same is looked at where the chains stand.
    chains : what `sample` gave, or `Chains.load`.
    n_draws : how many more a chain; thinned as before.
    **options : those of the method that a file cannot hold, such as `conditionals`; the others are known.

    Raises
    ------
    DataError : the density differs from that of the chains at their ends.
    """
    check_count("n_draws", n_draws)
    if chains.method not in METHODS:
        raise SettingError(f"{chains.method!r} moves points together and ends; only chains go on: {', '.join(METHODS)}")
    last = {name: values[0, -1] for name, values in chains.draws.items()}
    held = copy.deepcopy(chains.state)
    density = Density(log_density, last if held["named"] else last["theta"], gradient=gradient)
    transition = made(chains.method, density, torch.Generator(), held["options"] | options)
    transition.restore(held["transition"])
    state = State(**held["ends"])
    found = density.value(state.points)
    if not torch.allclose(found, state.log_p, rtol=1e-6, atol=1e-6):
        raise DataError(
            f"the log density is {found.tolist()[:4]} where the chains ended, and was {state.log_p.tolist()[:4]}; give "
            "the density that they were drawn from"
        )
    facts = {"method": chains.method, "seed": chains.seed, "n_warmup": chains.n_warmup}
    return chains.joined(_drawn(transition, state, n_draws, held["n_thin"], held["options"] | options, facts))


def made(method: str, density: Density, generator: torch.Generator, options: dict[str, Any]) -> Any:
    """The transition or particles of a method with its options; those that it does not know are refused."""
    kind: Any = METHODS.get(method) or PARTICLES[method]
    try:
        return kind(density, generator, **options)
    except TypeError as error:
        raise SettingError(f"method {method!r}: {str(error).split('__init__() ')[-1]}") from None


def sample_density(
    density: Density,
    *,
    method: str,
    n_draws: int,
    n_warmup: int,
    n_chains: int,
    n_thin: int,
    jitter: float,
    seed: int,
    options: dict[str, Any],
) -> Chains:
    """`sample` for a density that knows its parameters already."""
    generator = torch.Generator().manual_seed(seed)
    transition = made(method, density, generator, options)
    facts: dict[str, Any] = {"method": method, "seed": seed, "n_warmup": n_warmup}
    if isinstance(transition, Particles):
        state, info = transition.run(n_chains, n_draws)
        return _kept(density, state.points, state.log_p, info, transition.settings, {}, facts)
    points = density.start + jitter * torch.randn(n_chains, density.size, generator=generator, dtype=torch.float64)
    check_start(density, points, gradient=transition.needs_gradient, drawn_from=transition.asks_density)
    state = _warmed(transition, transition.begin(points), n_warmup)
    return _drawn(transition, state, n_draws, n_thin, options, facts)


def _warmed(transition: Transition, state: State, n_warmup: int) -> State:
    ends = set(windows(n_warmup))
    first = min(ends, default=0)
    for i in range(1, n_warmup + 1):
        state, info = transition.move(state)
        transition.adapt(state, info)
        if i in ends:
            if i == first:
                transition.spread = type(transition.spread)()  # what the way to the mode looked like
            else:
                transition.learn()
    transition.settle()
    return state


def _drawn(
    transition: Transition, state: State, n_draws: int, n_thin: int, options: dict[str, Any], facts: dict[str, Any]
) -> Chains:
    points, infos, logs = [], [], []
    for i in range(n_draws * n_thin):
        state, info = transition.move(state)
        if i % n_thin == n_thin - 1:
            points.append(state.points)
            logs.append(state.log_p)
            infos.append(info)

    def column(name: str) -> Tensor:
        return torch.stack([getattr(info, name) for info in infos], 1)

    info = Info(column("acceptance"), column("energy"), column("divergent"), column("n_steps"))
    whole = torch.stack(points, 1)
    ends = {"named": transition.density.named, "n_thin": n_thin, "options": dict(options), "ends": dict(vars(state))}
    ends["transition"] = copy.deepcopy(transition.state())
    return _kept(transition.density, whole, torch.stack(logs, 1), info, transition.settings(), ends, facts)


def _kept(
    density: Density,
    points: Tensor,
    log_p: Tensor,
    info: Info,
    settings: dict[str, float],
    state: dict[str, Any],
    facts: dict[str, Any],
) -> Chains:
    """Draws (chains, draws, d) and what is known of them, as the result."""
    return Chains(
        draws={k: v.numpy() for k, v in density.sites(points).items()},
        log_p=log_p.numpy(),
        acceptance=info.acceptance.numpy(),
        energy=info.energy.numpy(),
        divergent=info.divergent.numpy(),
        n_steps=info.n_steps.numpy(),
        settings=settings,
        state=state,
        **facts,
    )


__all__ = ["METHODS", "PARTICLES", "Info", "resume", "sample", "sample_density"]
