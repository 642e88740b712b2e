"""Contacts and structures against scipy, numpy, counts by hand and closed forms."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.functional.contacts import (
    contact_map,
    coordinates_from_distances,
    distances_from_contacts,
    product_corrected,
    separated,
    separation_scores,
    superpose,
    top_precision,
)

RNG = np.random.default_rng(0)


def walk(n, seed=0):
    """A chain of n steps of 3.8 angstrom in drawn directions that change slowly."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(n, 3)).cumsum(0)
    return torch.from_numpy((3.8 * steps / np.linalg.norm(steps, axis=1, keepdims=True)).cumsum(0))


def rotation(seed=0):
    """A drawn rotation: orthogonal, of determinant 1."""
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return torch.from_numpy(q * np.sign(np.linalg.det(q)))


def test_a_map_is_where_scipy_s_distances_are_below_the_cutoff():
    distance = pytest.importorskip("scipy.spatial.distance", reason="scipy is not installed")
    x = walk(40)
    for cutoff in (4.0, 8.0, 12.0):
        due = distance.squareform(distance.pdist(x.numpy())) < cutoff
        assert np.array_equal(contact_map(x, cutoff=cutoff).numpy(), due)


def test_the_cutoff_itself_is_no_contact():
    x = torch.tensor([[0.0, 0, 0], [8, 0, 0], [0, 7.99, 0]])
    assert contact_map(x)[0].tolist() == [True, False, True]


def test_product_correction_by_means_over_pairs_as_it_is_written():
    """G_ij = S_ij - mean_i mean_j / mean, with the means over all n entries; symmetric, and sums to 0."""
    f = RNG.random((2, 5, 5))
    s = f + f.transpose(0, 2, 1)
    due = s - s.mean(2)[:, :, None] * s.mean(1)[:, None] / s.mean((1, 2))[:, None, None]
    found = product_corrected(torch.from_numpy(f)).numpy()
    np.testing.assert_allclose(found, due, atol=1e-12)
    np.testing.assert_allclose(found.sum(1), 0, atol=1e-12)


def test_a_map_that_is_a_product_of_its_margins_is_corrected_to_nothing():
    a = torch.rand(6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert product_corrected(a[:, None] * a).abs().max() < 1e-14


def test_padding_changes_no_corrected_map_and_stays_nothing():
    f = torch.rand(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    padded = torch.nn.functional.pad(f, (0, 3, 0, 3))
    found = product_corrected(padded)
    torch.testing.assert_close(found[:4, :4], product_corrected(f))
    assert not found[4:].any()
    assert not found[:, 4:].any()
    assert product_corrected(torch.zeros(3, 3)).isfinite().all()


def test_precision_by_hand():
    """Of the pairs 2 apart or more the best three are (0, 3), (1, 4), (0, 2); the first and the third touch."""
    scores = torch.zeros(5, 5)
    for (i, j), s in {(0, 3): 0.9, (1, 4): 0.8, (0, 2): 0.7, (1, 3): 0.2, (0, 1): 1.0}.items():
        scores[i, j] = scores[j, i] = s
    contacts = torch.eye(5, dtype=torch.bool)
    for i, j in ((0, 3), (0, 2), (0, 1), (2, 4)):
        contacts[i, j] = contacts[j, i] = True
    for n_top, due in ((1, 1.0), (2, 1 / 2), (3, 2 / 3), (4, 2 / 4), (99, 3 / 6)):
        assert top_precision(scores, contacts, n_top=n_top, least=2) == pytest.approx(due)


def test_ties_count_by_their_share_whatever_the_order_of_residues():
    """The precision is the mean over all ways to break ties: checked by breaking them at random."""
    rng = np.random.default_rng(0)
    scores, contacts = rng.integers(0, 3, (9, 9)), rng.random((9, 9)) < 0.4
    found = top_precision(torch.from_numpy(scores).double(), torch.from_numpy(contacts), n_top=7, least=1)
    i, j = np.triu_indices(9, 1)
    said, due = scores[i, j], contacts[i, j]
    broken = [due[np.argsort(-(said + rng.random(len(said)) / 2))[:7]].mean() for _ in range(20_000)]
    assert found == pytest.approx(np.mean(broken), abs=0.005)


def test_what_separation_says_is_the_same_along_each_diagonal():
    found = separation_scores(5, torch.tensor([1.0, 0.8, 0.1])).numpy()
    due = np.eye(5) + 0.8 * (np.eye(5, k=1) + np.eye(5, k=-1)) + 0.1 * (np.eye(5, k=2) + np.eye(5, k=-2))
    np.testing.assert_allclose(found, due, atol=1e-7)
    assert separation_scores(2, torch.tensor([1.0, 0.8, 0.1])).shape == (2, 2)
    assert separated(7, 6).tolist() == [[0], [6]]
    assert separated(6, 6).shape == (2, 0)


def test_true_distances_give_the_structure_back():
    x = walk(30)
    d = torch.cdist(x, x)
    found = coordinates_from_distances(d)
    torch.testing.assert_close(torch.cdist(found, found), d, atol=1e-6, rtol=0)
    assert superpose(found, x, mirrored=True).rmsd < 1e-6
    assert found.mean(0).abs().max() < 1e-6


def test_coordinates_of_noisy_distances_are_scikit_learn_s_classical_scaling():
    x = walk(20)
    noise = torch.from_numpy(RNG.normal(scale=0.3, size=(20, 20)))
    d = (torch.cdist(x, x) + (noise + noise.T) / 2).abs().fill_diagonal_(0)
    n = len(d)
    j = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-j @ d.numpy() ** 2 @ j / 2)
    due = vectors[:, -3:] * np.sqrt(values[-3:])
    np.testing.assert_allclose(np.abs(coordinates_from_distances(d).numpy()), np.abs(due[:, ::-1]), atol=1e-8)


def test_shortest_ways_are_scipy_s():
    graph = pytest.importorskip("scipy.sparse.csgraph", reason="scipy is not installed")
    contacts = contact_map(walk(25, seed=3))
    weights = np.where(contacts.numpy(), 6.0, 0.0)
    for k in range(24):
        weights[k, k + 1] = weights[k + 1, k] = 3.8
    np.fill_diagonal(weights, 0)
    due = graph.shortest_path(weights, directed=False)
    np.testing.assert_allclose(distances_from_contacts(contacts).numpy(), due, rtol=1e-5)


def test_a_chain_without_contacts_is_stretched_out():
    d = distances_from_contacts(torch.eye(6, dtype=torch.bool))
    place = torch.arange(6.0)
    torch.testing.assert_close(d, 3.8 * (place[:, None] - place).abs())
    x = coordinates_from_distances(d)
    torch.testing.assert_close((x[-1] - x[0]).norm(), torch.tensor(19.0), atol=1e-3, rtol=0)


def test_superposition_is_scipy_s_and_undoes_a_turn_and_a_shift():
    spatial = pytest.importorskip("scipy.spatial.transform", reason="scipy is not installed")
    x, y = walk(15), walk(15, seed=1)
    found = superpose(x, y)
    centred = (x - x.mean(0)).numpy(), (y - y.mean(0)).numpy()
    turn, rssd = spatial.Rotation.align_vectors(centred[1], centred[0])
    assert found.rmsd == pytest.approx(rssd / np.sqrt(15), rel=1e-6)
    np.testing.assert_allclose(found.x.numpy(), turn.apply(centred[0]) + y.mean(0).numpy(), atol=1e-6)
    laid = superpose(x, x @ rotation() + 7)
    assert laid.rmsd < 1e-6
    torch.testing.assert_close(laid.x, x @ rotation() + 7)


def test_a_mirror_image_is_matched_only_where_it_may_be():
    x = walk(15)
    mirror = x * torch.tensor([1.0, 1, -1])
    assert superpose(mirror, x).rmsd > 0.5
    assert superpose(mirror, x, mirrored=True).rmsd < 1e-6


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: contact_map(torch.zeros(4, 2)), "(4, 2)"),
        (lambda: contact_map(torch.tensor([[0.0, 0, 0], [0, torch.nan, 0]])), "residue 1"),
        (lambda: contact_map(torch.zeros(4, 3), cutoff=0), "above 0"),
        (lambda: top_precision(torch.zeros(5, 5), torch.zeros(5, 5).bool(), n_top=3), "no pair 6 apart"),
        (lambda: top_precision(torch.zeros(5, 4), torch.zeros(5, 5).bool(), n_top=3), "(5, 4)"),
        (lambda: top_precision(torch.zeros(9, 9), torch.zeros(9, 9).bool(), n_top=0), "n_top"),
        (lambda: separated(9, 0), "at least 1"),
        (lambda: coordinates_from_distances(torch.full((4, 4), torch.nan)), "NaN"),
        (lambda: coordinates_from_distances(torch.arange(16.0).view(4, 4)), "same both ways"),
        (lambda: coordinates_from_distances(torch.zeros(2, 2)), "at least 3"),
        (lambda: distances_from_contacts(torch.zeros(2, 3)), "(2, 3)"),
        (lambda: superpose(torch.zeros(4, 3), torch.zeros(5, 3)), "same residues"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(call, words):
    with pytest.raises((pn.DataError, pn.SettingError)) as caught:
        call()
    assert words in str(caught.value)
