"""Mamba and Mamba-2 over ids: checkpoints of the Hugging Face layout, steps, generation."""

import json

import pytest
import torch

import parnassus as pn
from parnassus import hub
from parnassus.models.text.statespace_language import (
    jamba_language_model,
    mamba2_language_model,
    mamba_language_model,
)

pytestmark = pytest.mark.usefixtures("draws")

IDS = torch.randint(0, 50, (2, 13), generator=torch.Generator().manual_seed(1))
PEER = "the oracle transformers is not installed: pip install transformers"


def shaken(module):
    """The same module with weights that are nowhere 0 or 1, so that none is compared in vain."""
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return module.eval()


def published(kind, **settings):
    """A small model of the transformers library, its weights drawn here."""
    transformers = pytest.importorskip("transformers", reason=PEER)
    common = {"vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 2, "state_size": 5, "conv_kernel": 3}
    config = getattr(transformers, f"{kind}Config")(**common | settings)
    return shaken(getattr(transformers, f"{kind}ForCausalLM")(config))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Mamba", {}),
        ("Mamba", {"tie_word_embeddings": False, "use_bias": True, "use_conv_bias": False, "expand": 3}),
        ("Mamba", {"time_step_rank": 7, "layer_norm_epsilon": 1e-2}),
        ("Mamba2", {"num_heads": 6, "head_dim": 8, "n_groups": 2, "chunk_size": 4}),
        ("Mamba2", {"num_heads": 3, "head_dim": 16, "n_groups": 1, "tie_word_embeddings": True, "use_bias": True}),
    ],
)
def test_a_checkpoint_gives_the_logits_that_transformers_gives(kind, settings, tmp_path):
    theirs = published(kind, **settings)
    theirs.save_pretrained(tmp_path)
    ours = hub.load(tmp_path)
    with torch.no_grad():
        wanted = theirs(IDS).logits
        torch.testing.assert_close(ours(IDS), wanted, rtol=1e-4, atol=2e-5)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


def test_ids_follow_as_transformers_generates_them(tmp_path):
    theirs = published("Mamba")
    theirs.save_pretrained(tmp_path)
    ours = hub.load(tmp_path, task="language_model")
    wanted = theirs.generate(IDS, max_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=0)
    assert torch.equal(ours.generate(IDS, 8), wanted)


def test_mambapys_stack_gives_the_same_logits_and_slopes():
    mambapy = pytest.importorskip("mambapy.mamba", reason="the oracle mambapy is not installed: pip install mambapy")
    ours = mamba_language_model(vocab_size=50, hidden=16, n_layers=2, n_state=4, conv=3).eval()

    class LanguageModel(torch.nn.Module):  # mambapy's own wants einops, for Mamba-2
        def __init__(self):
            super().__init__()
            self.mamba = mambapy.Mamba(mambapy.MambaConfig(d_model=16, n_layers=2, d_state=4, d_conv=3))
            self.embedding, self.norm_f = torch.nn.Embedding(50, 16), mambapy.RMSNorm(16)
            self.lm_head = torch.nn.Linear(16, 50, bias=False)
            self.lm_head.weight = self.embedding.weight

        def forward(self, x):
            return self.lm_head(self.norm_f(self.mamba(self.embedding(x))))

    theirs = shaken(LanguageModel())
    table = [
        ("embedding.weight", "embedding.weight"),
        ("norm_f.weight", "norm.weight"),
        ("lm_head.weight", "head.weight"),
        ("mamba.layers.*.norm.weight", "layers.*.norm.weight"),
        ("mamba.layers.*.mixer.in_proj.weight", "layers.*.inner.enter.weight"),
        ("mamba.layers.*.mixer.conv1d.*", "layers.*.inner.conv.*"),
        ("mamba.layers.*.mixer.x_proj.weight", "layers.*.inner.ssm.of_x.weight"),
        ("mamba.layers.*.mixer.dt_proj.*", "layers.*.inner.ssm.of_step.*"),
        ("mamba.layers.*.mixer.A_log", "layers.*.inner.ssm.log_a"),
        ("mamba.layers.*.mixer.D", "layers.*.inner.ssm.skip"),
        ("mamba.layers.*.mixer.out_proj.weight", "layers.*.inner.leave.weight"),
    ]
    ours.load_state_dict(hub.translate(theirs.state_dict(), table, expected=ours.state_dict()))
    theirs_logits, ours_logits = theirs(IDS), ours(IDS)
    torch.testing.assert_close(ours_logits, theirs_logits, rtol=1e-4, atol=2e-5)
    ours_logits.square().mean().backward()
    theirs_logits.square().mean().backward()
    slopes = hub.translate({n: p.grad for n, p in theirs.named_parameters()}, table)
    for name, p in ours.named_parameters():
        torch.testing.assert_close(p.grad, slopes[name], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("make", [mamba_language_model, mamba2_language_model, jamba_language_model])
def test_one_id_at_a_time_gives_the_logits_of_the_whole_row(make):
    model = make(vocab_size=50, hidden=32, n_layers=2, n_state=4).double().eval()
    states, shown = model.begin(IDS), []
    for now in IDS.unbind(1):
        logits, states = model.step(now, states)
        shown.append(logits)
    torch.testing.assert_close(model(IDS), torch.stack(shown, 1))


def test_what_is_drawn_depends_on_the_seed_alone():
    model = mamba_language_model(vocab_size=50, hidden=16, n_layers=1)
    one, two, three = (model.generate(IDS, 6, temperature=1.0, seed=s) for s in (0, 0, 1))
    assert torch.equal(one, two)
    assert not torch.equal(one, three)
    assert torch.equal(one[:, :13], IDS)
    with pytest.raises(pn.DataError, match="at least one"):
        model.generate(IDS[:, :0], 3)


def test_the_published_size_has_the_published_number_of_weights():
    with torch.device("meta"):
        model = mamba_language_model(vocab_size=50_280, hidden=768, n_layers=24)
    assert sum(p.numel() for p in model.parameters()) == 129_135_360  # Mamba-130m


def test_a_configuration_that_means_another_computation_is_refused(tmp_path):
    theirs = published("Mamba2", num_heads=3, head_dim=16, n_groups=1)
    theirs.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"time_step_limit": [0.01, 0.1]}))
    with pytest.raises(pn.DataError, match=r"time_step_limit is \[0.01, 0.1\], and the model 'mamba2' here computes"):
        hub.load(tmp_path)


def test_tied_weights_that_differ_are_refused(tmp_path):
    model = mamba_language_model(vocab_size=50, hidden=16, n_layers=1)
    tensors = model.state_dict() | {"head.weight": torch.randn(50, 16)}
    hub.write(tmp_path, {"model_type": "mamba", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1}, tensors)
    with pytest.raises(pn.DataError, match="are one tensor in this model"):
        hub.load(tmp_path, task="language_model")
