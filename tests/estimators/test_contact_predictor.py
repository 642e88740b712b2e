"""Contacts from sequences: partners found by attention on made hairpins, maps encoded, saved, refused."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.proteins.hairpins import PARTNERS, hairpin_proteins
from parnassus.data.proteins.residues import ContactRows, ContactTargets, Residues, contact_rows
from parnassus.functional.contacts import contact_map, superpose
from parnassus.functional.losses import IGNORED
from parnassus.layers.attention import kept_weights
from parnassus.layers.transformer import EncoderLayer
from parnassus.models.sequence.contacts import contact_transformer, looking

TRAINING = {"epochs": 8, "batch_size": 16, "lr": 0.005, "progress": False}
SMALL = {"model": pn.model("contact_transformer", width=16, n_heads=2), "epochs": 1, "progress": False}
MADE, NEW = hairpin_proteins(240), hairpin_proteins(40, seed=1)


@pytest.fixture(scope="module")
def predictor():
    return pn.ContactPredictor(**TRAINING).fit(MADE.sequences, MADE.coordinates)


@pytest.fixture(scope="module")
def small():
    return pn.ContactPredictor(**SMALL).fit(MADE.sequences[:40], MADE.coordinates[:40])


# --- what it learns -------------------------------------------------------------------------------


def test_partners_are_found_in_sequences_that_training_never_saw(predictor):
    found = predictor.evaluate(NEW.sequences, NEW.coordinates)
    assert not set(NEW.sequences) & set(MADE.sequences)
    assert found["precision_l5"].value > 0.9
    assert found["precision_l2"].value > 0.75
    for name in ("precision_l", "precision_l2", "precision_l5"):
        assert found[name].baseline < 0.2
        assert found[name].verdict == "better"
        assert found[name].low <= found[name].value <= found[name].high
    assert predictor.score(NEW.sequences, NEW.coordinates) == found.headline.value
    assert "Precision at L " in found.table()


def test_with_other_letters_the_contacts_are_gone(predictor):
    """It is the letters that pair, and neither links nor places: others in the same strands find half or less."""
    letters = [a for pair in PARTNERS for a in pair]
    rng = np.random.default_rng(0)
    swapped = ["".join(a if a in "GP" else str(rng.choice(letters)) for a in s) for s in NEW.sequences]
    kept, lost = (predictor.evaluate(s, NEW.coordinates, n_bootstrap=0) for s in (NEW.sequences, swapped))
    for name in ("precision_l", "precision_l2", "precision_l5"):
        assert lost[name].value < 0.5 * kept[name].value


def test_folds_lie_nearer_to_the_structures_than_a_stretched_chain(predictor):
    folds = predictor.fold(NEW.sequences)
    straight = [np.outer(3.8 * np.arange(len(s)), [1.0, 0, 0]) for s in NEW.sequences]

    def mean_rmsd(found):
        pairs = zip(found, NEW.coordinates, strict=True)
        return np.mean([superpose(torch.tensor(x), torch.tensor(y), mirrored=True).rmsd for x, y in pairs])

    assert mean_rmsd(folds) < 0.4 * mean_rmsd(straight)


def test_the_baseline_is_the_share_of_contacts_at_each_separation(small):
    maps = [contact_map(torch.from_numpy(x)).numpy() for x in MADE.coordinates[:40]]
    for k in (0, 1, 6, 11):
        values = np.concatenate([np.diagonal(one, k) for one in maps if len(one) > k])
        assert small.shares_[k] == pytest.approx(values.mean(), abs=1e-6)


def test_perfect_scores_reach_what_the_note_says_is_the_most(small):
    from parnassus.evaluation.contacts import evaluate_contacts

    maps = contact_rows(NEW.coordinates, NEW.sequences, cutoff=8.0)
    found = evaluate_contacts(maps, [one.astype(float) for one in maps], shares=small.target_.shares)
    assert found["precision_l5"].value == 1
    assert f"Precision at L {found['precision_l'].value:.4f}" in found.notes[0]
    wrong = evaluate_contacts(maps, [1.0 - one for one in maps], shares=small.target_.shares)
    assert wrong["precision_l5"].value == 0


# --- the net --------------------------------------------------------------------------------------


def test_a_layer_that_shows_its_attention_is_the_layer_itself(draws):
    layer = EncoderLayer(16, 4, norm="pre", positions="rotary").double().eval()
    x = torch.randn(2, 7, 16, dtype=torch.float64)
    mask = torch.ones(2, 1, 7, dtype=torch.bool)
    mask[1, :, 5:] = False
    with torch.no_grad(), kept_weights(layer) as kept:
        due = layer(x, mask=mask)
        found, weights = looking(layer, x, mask)
    torch.testing.assert_close(found, due)
    torch.testing.assert_close(weights, kept["attention"][0])


def test_logits_are_the_head_s_sum_of_corrected_maps_by_loops(draws):
    objective = contact_transformer(vocab_size=22, width=8, n_layers=2, n_heads=2).double().eval()
    net = objective.model
    torch.nn.init.normal_(net.head.weight)
    x, lengths = torch.randint(2, 22, (1, 9)), torch.tensor([9])
    with torch.no_grad():
        maps, found = net.maps(x, lengths)[0], net(x, lengths)[0]
    torch.testing.assert_close(maps.sum(-1), torch.ones(4, 9, dtype=torch.float64))
    due = torch.full((9, 9), net.head.bias.item(), dtype=torch.float64)
    for m, w in zip(maps * 9, net.head.weight[0].tolist(), strict=True):
        s = m + m.T
        for i in range(9):
            for j in range(9):
                due[i, j] += w * float(s[i, j] - s[i].sum() * s[:, j].sum() / s.sum())
    torch.testing.assert_close(found, due)
    torch.testing.assert_close(found, found.T)


def test_padding_never_changes_a_map_and_every_parameter_gets_a_gradient(draws):
    objective = contact_transformer(vocab_size=22, width=8, n_layers=2, n_heads=2)
    codec, goal = Residues(), ContactTargets()
    maps = contact_rows(NEW.coordinates[:5], NEW.sequences[:5], cutoff=8.0)
    goal.fit(maps)
    rows, due = codec.encode(NEW.sequences[:5]), goal.encode(maps)
    index = torch.arange(5)
    batch = codec.prepare(goal.cut(rows.take(index) | due.take(index)), "residues")
    objective.mean_loss(batch).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in objective.parameters())
    with torch.no_grad():
        together = objective.outputs(batch)
        for i, n in enumerate(batch["lengths"].tolist()):
            alone = objective.outputs({"x": batch["x"][i : i + 1, :n], "lengths": batch["lengths"][i : i + 1]})
            torch.testing.assert_close(together[i, :n, :n], alone[0], atol=1e-5, rtol=1e-5)


def test_the_loss_is_the_mean_over_pairs_that_count(draws):
    objective = contact_transformer(vocab_size=22, width=8, n_layers=1, n_heads=2).double()
    batch = {"x": torch.randint(2, 22, (1, 8)), "lengths": torch.tensor([8])}
    y = torch.full((1, 8, 8), IGNORED, dtype=torch.int8)
    y[0, 0, 6], y[0, 1, 7] = 1, 0
    with torch.no_grad():
        p = objective.outputs(batch).sigmoid()[0]
        due = -(p[0, 6].log() + (1 - p[1, 7]).log()) / 2
        torch.testing.assert_close(objective.mean_loss(batch | {"y": y}), due)
    assert objective.weight(batch | {"y": y}) == 2


# --- data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lengths", [(8,), (7, 9, 16), (1, 17, 24, 3)])
def test_packed_maps_come_back_with_pairs_that_count_marked(lengths):
    rng = np.random.default_rng(0)
    maps = [rng.random((n, n)) < 0.5 for n in lengths]
    maps = [one | one.T for one in maps]
    rows = ContactRows(maps)
    assert len(rows) == len(lengths)
    index = torch.tensor(list(reversed(range(len(lengths)))))
    longest = max(lengths)
    batch = rows.take(index) | {"x": torch.zeros(len(lengths), longest), "lengths": torch.tensor(lengths)[index]}
    y = ContactTargets(least=3).cut(batch)["y"]
    assert y.shape == (len(lengths), longest, longest)
    for found, i in zip(y, index.tolist(), strict=True):
        for a in range(longest):
            for b in range(longest):
                real = max(a, b) < lengths[i] and abs(a - b) >= 3
                assert found[a, b] == (int(maps[i][a, b]) if real else IGNORED)


def test_letters_are_ids_and_unknown_ones_are_one():
    rows = Residues().fit(["ACY"]).encode(["acY", "XBZJUO"])
    assert rows.take(torch.tensor([0]))["x"].tolist() == [[2, 3, 21]]
    assert rows.take(torch.tensor([1]))["x"].tolist() == [[1] * 6]


def test_made_chains_pair_letters_with_their_partners_and_keep_their_steps():
    partner = {a: b for pair in PARTNERS for a, b in (pair, pair[::-1])}
    for sequence, x in zip(*hairpin_proteins(30, seed=5), strict=True):
        assert len(sequence) == len(x)
        near = np.linalg.norm(x[:, None] - x, axis=-1)
        paired = [(i, j) for i, a in enumerate(sequence) for j, b in enumerate(sequence) if partner.get(a) == b]
        assert 8 <= len(paired) <= 12  # either way round; the third strand has no partner
        assert all(near[i, j] == pytest.approx(5.0) for i, j in paired)
        np.testing.assert_allclose(np.linalg.norm(np.diff(x, axis=0), axis=1), 3.4, atol=0.05)


def test_maps_and_coordinates_teach_the_same(small):
    maps = [contact_map(torch.from_numpy(x)).numpy() for x in MADE.coordinates[:40]]
    again = pn.ContactPredictor(**SMALL).fit(MADE.sequences[:40], [one.astype(int) for one in maps])
    for a, b in zip(again.predict_proba(NEW.sequences[:4]), small.predict_proba(NEW.sequences[:4]), strict=True):
        np.testing.assert_array_equal(a, b)


# --- use ------------------------------------------------------------------------------------------


def test_maps_are_symmetric_in_order_and_the_same_alone_and_together(small):
    together = small.predict_proba(NEW.sequences[:6])
    assert [one.shape for one in together] == [(len(s), len(s)) for s in NEW.sequences[:6]]
    for sequence, one in zip(NEW.sequences[:6], together, strict=True):
        np.testing.assert_allclose(one, one.T, atol=1e-6)
        np.testing.assert_allclose(one, small.predict_proba([sequence])[0], atol=1e-5)
        np.testing.assert_allclose(np.diagonal(one, 5), small.shares_[5], atol=1e-6)
    said = small.predict(NEW.sequences[:6], threshold=0.2)
    assert all(np.array_equal(a, b >= 0.2) for a, b in zip(said, together, strict=True))
    assert small.predict_proba(["MK"])[0].shape == (2, 2)
    assert small.predict_proba(["A" * 90])[0].shape == (90, 90)


def test_saved_and_loaded_it_says_the_same(small, tmp_path):
    small.save(tmp_path / "c.parnassus")
    again = pn.load(tmp_path / "c.parnassus")
    for a, b in zip(again.predict_proba(NEW.sequences), small.predict_proba(NEW.sequences), strict=True):
        np.testing.assert_array_equal(a, b)
    assert again.evaluate(NEW.sequences, NEW.coordinates) == small.evaluate(NEW.sequences, NEW.coordinates)


def test_the_training_is_looked_over(small):
    found = small.diagnose(MADE.sequences[:20], MADE.coordinates[:20], by_heart=False)
    assert "layers.0.attention.qkv" in found.table()


def test_equal_seeds_give_equal_nets_and_validation_is_watched():
    few = SMALL | {"epochs": 2, "validation": 0.2}
    held = few.pop("validation")
    a, b = (
        pn.ContactPredictor(**few).fit(MADE.sequences[:40], MADE.coordinates[:40], validation=held) for _ in range(2)
    )
    assert a.history_ == b.history_
    assert "validation_loss" in a.history_[-1]
    pair = (NEW.sequences, NEW.coordinates)
    c = pn.ContactPredictor(**few).fit(MADE.sequences[:40], MADE.coordinates[:40], validation=pair)
    assert "validation_loss" in c.history_[-1]


def test_the_picture_has_truth_below_and_what_is_said_above(small):
    figure = small.plot(NEW.sequences[0], NEW.coordinates[0])
    shown = np.asarray(figure.axes[0].images[0].get_array())
    true = contact_map(torch.from_numpy(NEW.coordinates[0])).numpy()
    np.testing.assert_array_equal(np.tril(shown, -1) > 0.5, np.tril(true, -1))
    np.testing.assert_allclose(np.triu(shown, 1), np.triu(small.predict_proba(NEW.sequences[:1])[0], 1))
    assert "true below" in figure.axes[0].get_title(loc="left")
    assert "true" not in small.plot(NEW.sequences[0]).axes[0].get_title(loc="left")


# --- what is refused ------------------------------------------------------------------------------

S, C = MADE.sequences[:3], MADE.coordinates[:3]


def spoilt(change, row=1):
    out = [x.copy() for x in C]
    out[row] = change(out[row])
    return out


def with_nan(x):
    x[4, 1] = np.nan
    return x


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (S[0], C, ["single text"]),
        ([], [], ["no sequences"]),
        ([*S[:2], ""], C, ["row 2", "empty"]),
        ([S[0], "MK-LV*AAA", S[2]], C, ["row 1", "place 2", "'-'", "no amino acid"]),
        ([S[0], 3.5, S[2]], C, ["row 1", "3.5", "text"]),
        (S, None, ["no structures"]),
        (S, C[:2], ["3", "2"]),
        (S, spoilt(lambda x: x[:-1]), ["row 1", "residues", "coordinates"]),
        (S, spoilt(with_nan), ["row 1", "residue 4", "no finite number"]),
        (S, spoilt(lambda x: x / 10), ["row 1", "0.339", "nanometres"]),
        (S, spoilt(lambda x: x * 1e6), ["row 1", "angstrom"]),
        (S, spoilt(lambda x: x.astype(str)), ["row 1", "numbers"]),
        (S, spoilt(lambda x: np.linalg.norm(x[:, None] - x, axis=-1)), ["row 1", "other than 0 and 1", "d < 8"]),
        (S, spoilt(lambda x: np.triu(np.ones((len(x), len(x)), bool))), ["row 1", "transpose"]),
        (["MKVLA"] * 2, [np.zeros((5, 5), bool)] * 2, ["row 0", "5 residues", "6 apart"]),
        (S, [np.eye(len(s), dtype=bool) for s in S], ["no pair", "nothing to learn"]),
        (S, [np.ones((len(s), len(s)), dtype=bool) for s in S], ["every pair", "nothing to learn"]),
        (S, {"a": 1}, ["dict", "coordinates"]),
        (S, [C[0], None, C[2]], ["row 1", "None", "coordinates"]),
        (S, [C[0], [[1.0, 2, 3], [4, 5]], C[2]], ["row 1", "different lengths"]),
    ],
)
def test_bad_input_is_refused_at_fit_in_words(X, y, words):
    with pytest.raises(pn.DataError) as caught:
        pn.ContactPredictor(**SMALL).fit(X, y)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"cutoff": -1}, "cutoff"),
        ({"cutoff": "8"}, "cutoff"),
        ({"least_separation": 0}, "least_separation"),
        ({"codec": pn.Text()}, "Residues"),
        ({"model": pn.model("contact_transformer", n_heads=0)}, "n_heads"),
        ({"model": pn.model("contact_transformer", dropout=1.5)}, "dropout"),
    ],
)
def test_bad_settings_are_refused_in_words(settings, word):
    with pytest.raises(pn.SettingError, match=word):
        pn.ContactPredictor(**SMALL | settings).fit(S, C)


def test_what_is_not_used_is_refused_and_an_unfitted_one_says_so(small):
    with pytest.raises(pn.SettingError, match="sample_weight"):
        pn.ContactPredictor(**SMALL).fit(S, C, sample_weight=[1, 2, 3])
    with pytest.raises(pn.SettingError, match="structures as y"):
        small.evaluate(S)
    with pytest.raises(pn.SettingError, match="no report"):
        small.report("x.html")
    with pytest.raises(pn.DataError, match="row 0"):
        small.fold(["MK"])
    with pytest.raises(pn.SettingError, match="threshold"):
        small.predict(S, threshold="most")
    with pytest.raises(pn.NotFitted):
        pn.ContactPredictor().predict(S)
