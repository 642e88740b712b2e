# %% [markdown]
# # Bayesian methods
#
# What is known before, what the data say, and what is known then: exactly, by drawing, and by the nearest simple law.
# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from _size import size

import parnassus as pn
from parnassus.byhand.gradients import numeric_gradient
from parnassus.data import samples
from parnassus.functional import bayes, information

noise = torch.Generator().manual_seed(0)
data = torch.tensor([1.0, 2.0, 3.0]).double()


def joint(t):
    """ln p(y | theta) + ln p(theta): unit noise, a standard normal prior."""
    return -(t[:, 0].square() + (data - t).square().sum(-1)) / 2 - 2 * np.log(2 * np.pi)


# %% [markdown]
# ## Bayes' rule, and the identity that it comes from
# Exercises 2c:P9.1, 2c:L9text
#
# p(u, v) = p(u | v) p(v) = p(v | u) p(u): both sides count the same cells of one table. Divided by p(u) it is the rule.
# The book's other identity, p(u | v, w) = p(u, v | w) / p(v | w), is the same within each w.
# %%
table = torch.rand(3, 4, 2, generator=noise).double()
table = table / table.sum()
uv = table.sum(2)
u_given_v, v_given_u = uv / uv.sum(0), uv / uv.sum(1, keepdim=True)
posterior, evidence = bayes.posterior_table(uv.sum(0), u_given_v[1])
print("p(v | u = 1) by the rule", posterior.numpy().round(6), "from the table", v_given_u[1].numpy().round(6))
assert torch.allclose(posterior, v_given_u[1])
assert torch.isclose(evidence, uv.sum(1)[1])
within = table / table.sum((0, 1))
assert torch.allclose(table / table.sum(0), within / within.sum(0))
ill, _ = bayes.posterior_table(torch.tensor([0.01, 0.99]), torch.tensor([0.9, 0.05]))
print(f"one in a hundred is ill, a test is right in 0.90 and 0.95: positive, ill with probability {float(ill[0]):.3f}")

# %% [markdown]
# ## The posterior of weights
# Exercise 2c:P9.2
#
# p(theta | Y, X) = p(Y | X, theta) p(theta) / p(Y | X) needs that the inputs say nothing of the weights by themselves,
# p(theta | X) = p(theta). A table in which they do shows the formula failing.
# %%
for free in (True, False):
    p_theta_x = torch.full((2, 2), 0.25).double() if free else torch.tensor([[0.4, 0.1], [0.1, 0.4]]).double()
    y_given = torch.tensor([[0.9, 0.2], [0.5, 0.6]]).double()  # p(y = 1 | theta, x)
    truly = (p_theta_x * y_given)[:, 0] / (p_theta_x * y_given)[:, 0].sum()
    formula = y_given[:, 0] * p_theta_x.sum(1)
    formula = formula / formula.sum()
    print("inputs apart from the weights:", free, truly.numpy().round(4), formula.numpy().round(4))
    assert bool(torch.allclose(truly, formula)) == free

# %% [markdown]
# ## The predictive law of a Bayesian line
# Exercise 2c:P9.3
#
# A Gaussian posterior of the weights and Gaussian noise give a Gaussian prediction with mean phi' theta and variance
# phi' M phi + sigma^2: what is not known of the weights, and what no weights can know. Drawn weights agree.
# %%
x = torch.linspace(-1, 1, 20).double()
phi = torch.stack([torch.ones(20).double(), x], 1)
y = 0.5 + 2 * x + 0.3 * torch.randn(20, generator=noise).double()
found = bayes.linear_posterior(phi, y, noise=0.09, precision=1.0)
at = torch.tensor([1.0, 2.5]).double()
mean, variance = at @ found.mean, at @ found.covariance @ at + 0.09
draws = torch.distributions.MultivariateNormal(found.mean, found.covariance)
with torch.random.fork_rng():
    torch.manual_seed(0)
    said = draws.sample((size(20000, 200000),)) @ at
    said = said + 0.3 * torch.randn(said.shape).double()
print(f"mean {float(mean):.4f} and variance {float(variance):.4f}; of draws {said.mean():.4f} and {said.var():.4f}")
assert abs(float(said.mean() - mean)) < 0.02
assert abs(float(said.var() / variance) - 1) < 0.05
spread = (phi * 3 @ found.covariance * (phi * 3)).sum(1)
assert spread[0] > spread[10]

# %% [markdown]
# ## The identity of the free energy
# Exercise 2c:P9.4
#
# ln p(Y) = E_q ln [p(Y, theta) / q] + KL(q || p(theta | Y)), for any q: write p(Y, theta) as p(theta | Y) p(Y) inside
# the first. The first term therefore grows as the distance falls; the text has the two the wrong way round.
# %%
for q in ([0.5, 0.5], [0.25, 0.75], [0.9, 0.1]):
    told = information.evidence_lower_bound(torch.tensor([0.1, 0.3]).double().log(), torch.tensor(q).double())
    print(f"q {q}: bound {told.elbo:.6f} + distance {told.gap:.6f} = {told.log_evidence:.6f}")
    assert torch.isclose(told.elbo + told.gap, torch.tensor(0.4).double().log())
exact = bayes.normal_posterior(data, noise=1.0)
bounds = [float(bayes.normal_elbo(data, m, v)) for m, v in ((1.5, 0.25), (0.0, 1.0), (2.0, 1 / 3))]
print("bounds of three normal laws for a mean:", np.round(bounds, 6), "evidence", round(float(exact.log_evidence), 6))
assert np.isclose(float(exact.log_evidence), -5.949963, atol=1e-6)
assert np.allclose(bounds, [-5.949963, -11.256816, -6.472788], atol=1e-6)

# %% [markdown]
# ## The gradient of Bayes by backprop
# Exercise 2c:P9.5
#
# theta = mu + softplus(rho) eps: the slope by mu is df/dtheta + df/dmu, that by rho is df/dtheta eps / (1 + e^-rho) +
# df/drho, and f holds ln q and the prior as well as the likelihood. The printed one keeps the likelihood alone, so that
# the posterior shrinks to a point, and moves rho from mu.
# %%
mu, rho, eps = torch.tensor([0.4]).double(), torch.tensor([-0.3]).double(), torch.tensor([0.7]).double()


def f(values):
    mu, rho = values
    sigma = np.log1p(np.exp(rho))
    theta = mu + sigma * 0.7
    log_q = -0.5 * ((theta - mu) / sigma) ** 2 - np.log(sigma)
    return float(log_q + 0.5 * theta**2 + 0.5 * ((data.numpy() - theta) ** 2).sum())


theta = mu + torch.nn.functional.softplus(rho) * eps
step = bayes.bayes_by_backprop_gradients(mu, rho, eps, log_likelihood_slope=(data - theta).sum(-1, keepdim=True))
numeric = numeric_gradient(f, np.array([0.4, -0.3]))
print("by mu", float(step.mu), "by rho", float(step.rho), "differences", numeric)
assert np.allclose([float(step.mu), float(step.rho)], numeric, atol=1e-5)

# %% [markdown]
# ## XOR and circles: Bayes by backprop against backprop
# Exercise 2c:P9.6
#
# The 2-40-10-1 net with a law in place of each weight: its loss holds the distance of that law from the prior, so it
# stays above backprop's, and it learns more slowly. Independent weights and ReLUs do not make it careful far from all
# rows: there it is as sure as the plain net.
# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
for ax, (name, draw) in zip(axes, {"xor": samples.xor_clusters, "rings": samples.rings}.items(), strict=True):
    x, y = draw(100, seed=1)
    setting = {"model": pn.model("mlp", hidden=(40, 10)), "epochs": size(8, 300), "lr": 0.01}
    nets = {"backprop": pn.Classifier(**setting), "Bayes": pn.Classifier(**setting, inference="vi")}
    far = 9 * np.array([[1, 1], [-1, 1], [1, -1], [-1, -1]])
    for kind, clf in nets.items():
        sure = np.abs(clf.fit(x, y).predict_proba(far)[:, 1] - 0.5).mean() * 2
        print(f"{name:6} {kind:9} accuracy {clf.score(x, y):.3f}, sureness far away {sure:.2f}")
        ax.plot([h["loss"] for h in clf.history_], label=kind)
    ax.set(title=name, xlabel="epoch", ylabel="loss")
    assert nets["backprop"].history_[-1]["loss"] < nets["Bayes"].history_[-1]["loss"]
axes[0].legend()
figure

# %% [markdown]
# ## Five layers of ten, by the nearest simple law
# Exercise 2c:P9.7
#
# Noisy points on two stretches and a gap between them; the interval should widen where nothing was seen. It must hold
# the noise as well as what is not known of the weights, or it is far too narrow for new points.
# %%
rng = np.random.default_rng(0)
x = np.r_[rng.uniform(-0.2, 0.2, size(80, 500)), rng.uniform(0.6, 1, size(80, 500))]
y = x + 0.3 * np.sin(2 * np.pi * x) + 0.3 * np.sin(4 * np.pi * x) + 0.1 * rng.normal(size=len(x))
net = pn.model("mlp", hidden=(10,) * size(2, 5), activation="tanh")
reg = pn.Regressor(net, inference=pn.inference("vi"), epochs=size(30, 600), lr=0.01).fit(x[:, None], y)
grid = np.linspace(-0.5, 1.2, 120)
told, said = reg.uncertainty(grid[:, None]), reg.predict(grid[:, None]).ravel()
part = {"data": np.abs(grid) < 0.2, "gap": (grid > 0.25) & (grid < 0.55), "right": grid > 1.1}
print({name: float(told.epistemic[rows].mean().round(3)) for name, rows in part.items()}, "of the weights alone")
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.scatter(x, y, s=4)
ax.plot(grid, said)
ax.fill_between(grid, said - 2 * told.total, said + 2 * told.total, alpha=0.2)
assert (told.total >= told.epistemic).all()
figure

# %% [markdown]
# ## A variational law against drawing
# Exercise 2c:P7.10
#
# The exact posterior is N(1.5, 0.25). Drawing comes as near as one waits for, whatever the shape, and must be watched;
# a fitted law is quick, serves large data and new rows at once (a variational autoencoder is one for every row), and
# has its family's faults: of independent entries it is too narrow where they go together, 0.19 in place of 1.
# %%
chains = pn.sample(joint, torch.zeros(1), method="mh", n_draws=size(1000, 5000), scale=1.0)
law = pn.fit_variational(joint, torch.zeros(1), n_steps=size(500, 3000))
draws = chains["theta"].ravel()
print(f"drawn: mean {draws.mean():.3f}, deviation {draws.std():.3f}; exact 1.5 and 0.5")
print("fitted: deviation", law.std["theta"].round(3), "bound", np.round(law.final_elbo, 3), "evidence -5.950")
precision = torch.linalg.inv(torch.tensor([[1.0, 0.9], [0.9, 1.0]]).double())
narrow = pn.fit_variational(lambda t: -((t @ precision) * t).sum(-1) / 2, torch.zeros(2), n_steps=size(500, 3000))
print("independent entries: variances", (narrow.std["theta"] ** 2).round(3), "truly 1")
assert abs(draws.mean() - 1.5) < 0.1
assert np.allclose(narrow.std["theta"] ** 2, 0.19, atol=0.06)
