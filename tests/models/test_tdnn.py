"""Time-delay nets: what padding may not do, the published layout, options."""

import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.models.sequence.tdnn import TDNN
from parnassus.registry import REGISTRIES

pytestmark = pytest.mark.usefixtures("draws")
SMALL = {"step_features": 4, "n_outputs": 3, "channels": (6, 6), "kernels": (5, 3), "dilations": (1, 2), "hidden": (5,)}
XVECTOR = {"channels": (512, 512, 512, 512, 1500), "kernels": (5, 3, 3, 1, 1), "dilations": (1, 2, 3, 1, 1),
           "hidden": (512, 512), "norm": "batch"}  # fmt: skip


@pytest.mark.parametrize("norm", ["layer", "batch", "none"])
@pytest.mark.parametrize("training", [False, True])
def test_padding_never_changes_a_score(norm, training):
    net = TDNN(**SMALL, norm=norm).double().train(training)
    lengths = torch.tensor([9, 4, 7])
    x = torch.randn(3, 9, 4, dtype=torch.float64)
    longer = torch.cat([x, torch.randn(3, 5, 4, dtype=torch.float64)], 1)
    longer[1, 4:], longer[2, 7:] = 1e3, -1e3
    torch.testing.assert_close(net(longer, lengths), net(x, lengths), rtol=1e-10, atol=1e-12)
    if norm != "batch" or not training:
        alone = torch.cat([net(x[i : i + 1, :n]) for i, n in enumerate(lengths.tolist())])
        torch.testing.assert_close(net(x, lengths), alone, rtol=1e-10, atol=1e-12)


def test_it_is_the_convolutions_and_moments_that_it_says():
    net = TDNN(**SMALL, norm="none").double()
    x = torch.randn(1, 11, 4, dtype=torch.float64)
    h = x.transpose(1, 2)
    for layer, (padding, dilation) in zip(net.frames, [(2, 1), (2, 2)], strict=True):
        w, b = layer.convolution.weight, layer.convolution.bias
        h = nn.functional.conv1d(h, w, b, padding=padding, dilation=dilation).relu()
    pooled = torch.cat([h.mean(2), (h.var(2, correction=0) + 1e-5).sqrt()], 1)
    torch.testing.assert_close(net(x), net.head(net.segment(pooled)))
    torch.testing.assert_close(net.embedding(x), net.segment[0](pooled))


def test_the_x_vectors_layout_has_its_parameters():
    """Snyder et al. 2018, table 1, with 24 features and N speakers: products of the layer's inputs and outputs."""
    builder = next(b for b in REGISTRIES["model"].builders("tdnn"))
    net = builder.make(step_features=24, n_outputs=100, **XVECTOR)
    weights = sum(p.numel() for name, p in net.named_parameters() if p.ndim > 1)
    wanted = 120 * 512 + 2 * 1536 * 512 + 512 * 512 + 512 * 1500 + 3000 * 512 + 512 * 512 + 512 * 100
    assert weights == wanted


@pytest.mark.parametrize(
    ("options", "words"),
    [({"channels": (4,)}, "a number a layer"), ({"kernels": (4, 3, 3, 1)}, "odd"), ({"norm": "group"}, "layer, batch"),
     ({"dropout": 1.0}, r"\[0, 1\)"), ({"channels": (), "kernels": (), "dilations": ()}, "one layer at least")],
)  # fmt: skip
def test_wrong_options_are_refused(options, words):
    with pytest.raises(pn.SettingError, match=words):
        pn.Classifier(pn.model("tdnn", **options), codec=pn.Speech(sample_rate=8000)).fit(
            [torch.rand(900) - 0.5, torch.rand(1000) - 0.5], [0, 1]
        )
