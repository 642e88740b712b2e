"""Table models: parameter counts from the equations, mixed columns with gaps, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus.models.tables.tabular import EntityEmbedding, FTTransformer, ResNetMLP, WideDeep

NAMES = ["resnet_mlp", "entity_embedding", "wide_deep", "ft_transformer"]
OF_COLUMNS = NAMES[1:]


@pytest.fixture(autouse=True)
def seeded(draws):
    """Modules are made inside the tests, from one seed."""


def n_parameters(module):
    return sum(p.numel() for p in module.parameters())


def mixed(n=240, seed=0):
    """Numbers and categories with gaps; the answer is a category's effect, turned by another, and a number."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"size": rng.normal(size=n), "kind": rng.choice(list("pqrst"), n), "side": rng.choice(["x", "y"], n)}
    )
    effect = frame.kind.map(dict(zip("pqrst", (-2, -1, 0, 1, 2), strict=True))) * np.where(frame.side == "x", 1, -1)
    y = (effect + frame["size"]).to_numpy(float)
    frame.loc[::31, "size"] = np.nan
    frame.loc[::37, "kind"] = None
    return frame, y


def test_the_number_of_parameters_is_the_stated_one():
    n, cards, k = 5, (3, 4), 2
    w, h, blocks = 8, 12, 3
    net = ResNetMLP(n, k, width=w, hidden=h, n_blocks=blocks)
    assert n_parameters(net) == (n + 1) * w + blocks * (2 * w * h + h + 3 * w) + 2 * w + (w + 1) * k
    dense = (n + 2 + 3 + 1) * 16 + 17 * k
    assert n_parameters(EntityEmbedding(n, cards, k, widths=(2, 3), hidden=(16,))) == 3 * 2 + 4 * 3 + dense
    wide = WideDeep(n, cards, k, widths=(2, 3), hidden=(16,))
    assert n_parameters(wide) == 3 * 2 + 4 * 3 + dense + (n + sum(cards)) * k
    net = FTTransformer(n, cards, k, width=w, n_blocks=blocks, n_heads=2, hidden=h)
    tokens = (2 * n + len(cards) + sum(cards) + 1) * w
    assert n_parameters(net) == tokens + blocks * (4 * w * w + 8 * w + 3 * w * h + 2 * h) + (w + 1) * k


def test_the_papers_transformer_has_the_parameters_that_follow_from_its_table():
    # Gorishniy et al. 2021, default: width 192, 3 blocks, 8 heads, ReGLU of 4/3 x 192 = 256; California housing has 8
    # numbers. With key biases (3 x 192), which cancel, theirs would be 576 more.
    builder = pn.model("ft_transformer", width=192, n_blocks=3).builders("regressor")[0]
    net = builder.make(
        in_features=8, cardinalities=(), n_outputs=1, **pn.model("ft_transformer", width=192, n_blocks=3).get_params()
    )
    attention, feed_forward = 4 * 192**2 + 3 * 192, 192 * 512 + 512 + 256 * 192 + 192
    norms = 5 * 2 * 192 + 2 * 192
    assert n_parameters(net) == 17 * 192 + 3 * (attention + feed_forward) + norms + 193


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_learns_a_table_of_categories_with_gaps(name):
    frame, y = mixed()
    codec = pn.Table(missing="median", missing_indicator=True)
    settings = {"resnet_mlp": {"width": 32, "hidden": 32}, "ft_transformer": {"width": 16, "n_heads": 4}}
    spec = pn.model(name, **settings.get(name, {}))
    model = pn.Regressor(spec, codec=codec, epochs=40, lr=0.01).fit(frame[:200], y[:200])
    assert model.score(frame[200:], y[200:]) > 0.8
    assert model.view_ == ("columns" if name in OF_COLUMNS else "vector")


@pytest.mark.parametrize("name", OF_COLUMNS)
@pytest.mark.parametrize("columns", [["size"], ["kind", "side"]], ids=["numbers alone", "categories alone"])
def test_it_takes_tables_of_one_sort_of_columns(name, columns, tmp_path):
    frame, y = mixed(60)
    model = pn.Classifier(name, codec=pn.Table(missing="median"), epochs=2).fit(frame[columns], y > 0)
    answers = model.predict_proba(frame[columns])
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(pn.load(tmp_path / "model").predict_proba(frame[columns]), answers)


@pytest.mark.parametrize("name", OF_COLUMNS)
def test_a_category_that_training_has_not_seen_is_answered(name):
    frame, y = mixed(60)
    model = pn.Regressor(name, codec=pn.Table(missing="median"), epochs=2).fit(frame, y)
    with pytest.warns(pn.DataWarning, match="new"):
        assert np.isfinite(model.predict(frame.assign(kind="new"))).all()


def test_wide_deep_is_the_sum_of_its_parts():
    net = WideDeep(2, (3,), 1, widths=(2,), hidden=(4,)).double()
    torch.nn.init.normal_(net.categories.weight)
    x, ids = torch.randn(5, 2, dtype=torch.float64), torch.tensor([[0], [1], [2], [1], [0]])
    hot = torch.nn.functional.one_hot(ids[:, 0], 3).double()
    linear = x @ net.numbers.weight.T + hot @ net.categories.weight
    torch.testing.assert_close(net(x, ids), linear + net.deep(x, ids))


def test_the_transformer_is_its_blocks_on_all_tokens_read_at_the_first():
    net = FTTransformer(2, (3,), 1, width=8, n_blocks=3, n_heads=2, hidden=6).double().eval()
    x, ids = torch.randn(5, 2, dtype=torch.float64), torch.tensor([[0], [1], [2], [1], [0]])
    h = net.tokens(x, ids)
    for block in net.blocks:
        h = block(h)
    torch.testing.assert_close(net(x, ids), net.last(net.norm(h[:, 0]).relu()))


def test_the_width_of_a_vector_follows_its_categories_up_to_fifty():
    spec = pn.model("entity_embedding")
    net = spec.builders("classifier")[0].make(
        in_features=1, cardinalities=(2, 9, 400), n_outputs=1, **spec.get_params()
    )
    assert [t.embedding_dim for t in net.embeddings.tables] == [1, 5, 50]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("resnet_mlp", {"n_blocks": 0}, "n_blocks is at least 1; got 0"),
        ("resnet_mlp", {"dropout": 1.0}, "dropout"),
        ("resnet_mlp", {"norm": "group"}, "norm is"),
        ("entity_embedding", {"width": -1}, "width is at least 1, or 0"),
        ("entity_embedding", {"hidden": (0,)}, "hidden"),
        ("wide_deep", {"dropout": -0.1}, "dropout"),
        ("ft_transformer", {"n_heads": 5}, "n_heads divides width; got 5 and 64"),
        ("ft_transformer", {"hidden": -1}, "hidden"),
        ("ft_transformer", {"attention_dropout": 2.0}, "attention_dropout"),
    ],
)
def test_an_option_out_of_range_is_refused_by_name(name, options, words):
    frame, y = mixed(40)
    with pytest.raises(pn.SettingError, match=words):
        pn.Regressor(pn.model(name, **options), codec=pn.Table(missing="median"), epochs=1).fit(frame, y)


def test_a_model_of_columns_refuses_texts_naming_what_it_needs():
    with pytest.raises(pn.DataError, match=r"ft_transformer.* needs cardinalities"):
        pn.Classifier("ft_transformer").fit(["good day", "bad day", "so good", "so bad"], [1, 0, 1, 0])
