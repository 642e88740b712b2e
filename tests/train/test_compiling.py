"""Nets compiled while they are trained: the same weights to rounding, and a way back where there is no compiler."""

import importlib
import shutil
import warnings

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.train.compiling import MODES, check_mode, compiled

X = np.random.default_rng(0).normal(size=(48, 3))
Y = np.where(X[:, 0] * X[:, 1] > 0, "a", "b")


def trained(**settings):
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.LayerNorm(8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    torch.manual_seed(3)
    with torch.no_grad():
        for p in net.parameters():
            p.normal_(0, 0.5)
    return pn.Classifier(net, epochs=2, batch_size=16, progress=False, device="cpu", **settings).fit(X, Y)


@pytest.fixture(autouse=True, scope="module")
def compiler():
    """Its first import takes seconds, and draws."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own, of its older compiler
        importlib.import_module("torch._inductor.compile_fx")


@pytest.fixture(autouse=True)
def forgotten(compiler):
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler for torch.compile")
def test_a_compiled_training_gives_the_weights_of_a_plain_one(draws):
    plain, fast = trained(), trained(compile="default")
    np.testing.assert_allclose(fast.predict_proba(X), plain.predict_proba(X), atol=1e-5)
    assert not any(getattr(m, "_compiled_call_impl", None) for m in fast.objective_.modules())


def test_inside_the_net_is_called_by_its_compiled_form(monkeypatch, draws):
    called = []
    monkeypatch.setattr(torch, "compile", lambda call, mode: lambda *a, **k: called.append(mode) or call(*a, **k))
    outer = torch.nn.ModuleDict({"net": torch.nn.Linear(2, 2), "none": torch.nn.Tanh()})
    with compiled(outer, "max-autotune"):
        outer["net"](torch.ones(1, 2))
        outer["none"](torch.ones(1, 2))
    outer["net"](torch.ones(1, 2))
    assert called == ["max-autotune"]


def test_where_it_cannot_be_compiled_the_training_goes_on_as_it_was(monkeypatch, draws):
    from torch._dynamo.exc import BackendCompilerFailed

    def broken(call, mode):
        def fails(*args, **keywords):
            raise BackendCompilerFailed(lambda: None, RuntimeError("no compiler here"), None)

        return fails

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.warns(UserWarning, match="Sequential could not be compiled and is trained as it is") as said:
        found = trained(compile="default")
    assert len(said) == 1
    np.testing.assert_array_equal(found.predict_proba(X), trained().predict_proba(X))


def test_an_error_of_the_net_itself_is_not_taken_for_the_compilers(monkeypatch, draws):
    monkeypatch.setattr(torch, "compile", lambda call, mode: call)
    outer = torch.nn.ModuleDict({"net": torch.nn.Linear(2, 2)})
    with compiled(outer, "default"), pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        outer["net"](torch.ones(1, 3))


def test_other_modes_are_refused_before_anything_is_read(draws):
    with pytest.raises(pn.SettingError, match="did you mean 'default'"):
        trained(compile="defalt")
    with pytest.raises(pn.SettingError, match="or None to leave nets"):
        trained(compile=True)
    with pytest.raises(pn.SettingError, match="divided weights"):
        trained(compile="default", parallelism="fsdp")
    with pytest.raises(pn.SettingError, match="choose one"):
        trained(compile="default", deterministic=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for mode in (None, *MODES):
            check_mode(mode)
