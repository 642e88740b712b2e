# %% [markdown]
# # Losses and activations
#
# What a net is told of its errors, and the slopes of that.
# %%
import numpy as np
import torch

from parnassus.functional import activations, bayes, information, likelihoods, losses
from parnassus.insight import curves

# %% [markdown]
# ## Softmax and cross-entropy, and the centre word of skip-gram
# Exercise 1:D3
#
# The slope of -ln p_y by the scores is p - onehot(y): the derivation needs the whole Jacobian, not its diagonal alone.
# With scores u_w . v_c the chain rule gives sum_w p_w u_w - u_o for the centre's vector: expected less observed.
# %%
z, y = torch.tensor([2.0, 1.0, 0.1]).double(), torch.tensor([1.0, 0.0, 0.0]).double()
p = activations.softmax(z)
print("p - onehot", (p - y).numpy().round(6))
assert torch.allclose(p - y, torch.tensor([-0.3409988611, 0.2424329707, 0.0985658904]).double())
through = activations.softmax_jacobian(z) @ (-y / p)
diagonal = torch.diag(activations.softmax_jacobian(z)) * (-y / p)
print("by the Jacobian", through.numpy().round(6), "by its diagonal alone", diagonal.numpy().round(6))
assert torch.allclose(through, p - y)
noise = torch.Generator().manual_seed(0)
u, v = torch.randn(6, 3, generator=noise).double(), torch.randn(3, generator=noise).double().requires_grad_()
losses.softmax_cross_entropy((u @ v)[None], torch.tensor([2])).sum().backward()
formula = activations.softmax(u @ v.detach()) @ u - u[2]
print("centre word's slope", v.grad.numpy().round(6), "formula", formula.numpy().round(6))
assert torch.allclose(v.grad, formula)

# %% [markdown]
# ## Slopes of tanh and of the logistic function
# Exercise 2a:P1.2
#
# tanh' = 1 - tanh^2 and s' = s (1 - s): both from the quotient rule, and bound by s(z) = (1 + tanh(z / 2)) / 2.
# %%
z = torch.tensor([-2, -1, 0, 0.5, 2]).double()
for name, f, slope in [("tanh", torch.tanh, lambda y: 1 - y**2), ("sigmoid", torch.sigmoid, lambda y: y * (1 - y))]:
    differences = [(f(at + 1e-6) - f(at - 1e-6)).item() / 2e-6 for at in z]
    print(f"{name:8}", slope(f(z)).numpy().round(8), "by differences", np.round(differences, 6))
    assert np.allclose(differences, slope(f(z)), atol=1e-8)
    assert torch.allclose(slope(f(z)), getattr(activations, f"{name}_derivative")(z))
assert torch.allclose(activations.sigmoid(z), (1 + torch.tanh(z / 2)) / 2)
assert np.isclose(activations.tanh_derivative(z)[0].item(), 0.0706508249)
curves.activation_curves(("tanh", "sigmoid"))

# %% [markdown]
# ## Correlated errors, and a prior on the weights
# Exercise 2a:P1.7
#
# Errors with covariance S give the squared distance r' S^-1 r in place of a sum of squares. A Gaussian prior on the
# weights adds lambda |w|^2, with lambda the ratio of the two variances: the most probable weights are ridge's.
# %%
cov = torch.tensor([[1.0, 0.6], [0.6, 2.0]]).double()
out, y = torch.tensor([[1.0, 2.0]]).double(), torch.tensor([[0.0, 2.5]]).double()
r = y - out
by_hand = 0.5 * (r @ torch.linalg.inv(cov) @ r.T + torch.logdet(cov) + 2 * np.log(2 * np.pi))
print("correlated", float(likelihoods.correlated_gaussian_nll(out, y, cov)), "by hand", by_hand.item())
print("independent", float(likelihoods.gaussian_nll(out, y, torch.tensor(0.25).double())))
assert np.isclose(float(likelihoods.correlated_gaussian_nll(out, y, cov)), by_hand.item())
assert np.isclose(float(likelihoods.gaussian_nll(out, y, torch.tensor(0.25).double())), 2.9515827053)
x = torch.randn(30, 3, generator=noise).double()
t = x @ torch.tensor([1.0, -2.0, 0.5]).double() + 0.5 * torch.randn(30, generator=noise).double()
posterior = bayes.linear.linear_posterior(x, t, noise=0.25, precision=4.0)
ridge = torch.linalg.solve(x.T @ x + 0.25 * 4.0 * torch.eye(3).double(), x.T @ t)
print("most probable weights", posterior.mean.numpy().round(4), "ridge with lambda 1", ridge.numpy().round(4))
assert torch.allclose(posterior.mean, ridge)

# %% [markdown]
# ## Two classes called -1 and +1
# Exercise 2a:P1.8
#
# p(y | z) = s(y z) for y of -1 and +1 gives the loss ln(1 + e^(-y z)): the same numbers as cross-entropy with 0 and 1.
# %%
z = torch.tensor([-3.0, -0.5, 0.0, 1.0, 4.0]).double()
for y in (-1, 1):
    signs = torch.nn.functional.softplus(-y * z)
    bits = losses.binary_cross_entropy(z, torch.full_like(z, (y + 1) / 2))
    print(f"y = {y:+d}", signs.numpy().round(6))
    assert torch.allclose(signs, bits)
assert torch.isfinite(losses.binary_cross_entropy(torch.tensor([1000.0, -1000.0]), torch.tensor([1.0, 1.0]))).all()

# %% [markdown]
# ## Two scores for two classes
# Exercise 2a:P1.9
#
# A softmax over two scores depends on their difference only, and is the logistic function of it. Cross-entropy over two
# unnormalised scores is therefore that of one.
# %%
a, b = torch.tensor([0.0, -1.0, 2.0]).double(), torch.tensor([1.7, 0.4, 2.5]).double()
both = torch.stack([a, b], 1)
print("softmax of two", activations.softmax(both)[:, 1].numpy().round(7), "sigmoid of the difference",
      activations.sigmoid(b - a).numpy().round(7))  # fmt: skip
assert np.isclose(activations.softmax(both)[0, 1].item(), 0.8455347349)
two = losses.softmax_cross_entropy(both, torch.tensor([1, 1, 1]))
assert torch.allclose(two, losses.binary_cross_entropy(b - a, torch.ones(3).double()))
print("softmax over one score is always", activations.softmax(torch.tensor([[3.2], [-7.0]])).ravel().tolist())

# %% [markdown]
# ## The loss of each class
# Exercise 4:Ex3.3
#
# The scores are (2, 3, 1) and the text does not say which class is true, so here is the loss for each. Beside it, how
# cross-entropy keeps its slope where squared error of a sigmoid goes flat.
# %%
z = torch.tensor([[2.0, 3.0, 1.0]]).double()
found = [round(float(losses.softmax_cross_entropy(z, torch.tensor([k]))), 6) for k in range(3)]
print("probabilities", activations.softmax(z).numpy().round(6), "losses", found)
assert found == [1.407606, 0.407606, 2.407606]
print("entropy of the answer", float(information.entropy(activations.softmax(z)[0])))
curves.saturation_curves()

# %% [markdown]
# ## The class that is answered
# Exercise 4:Ex3.4
#
# The greatest output, whether of scores or of probabilities: softmax keeps their order.
# %%
for outputs in ([2.0, 3.0, 1.0], [0.15, 0.80, 0.05]):
    print(outputs, "class", torch.tensor(outputs).argmax().item())
    assert torch.tensor(outputs).argmax() == activations.softmax(torch.tensor(outputs)).argmax() == 1
