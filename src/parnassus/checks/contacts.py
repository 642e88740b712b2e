"""Contacts of proteins against scipy's distances and turns, shortest ways, and means as they are written."""

import numpy as np
import torch

from ..data.proteins.hairpins import hairpin_proteins
from ..functional import contacts
from ..imports import imported
from ..models.sequence.contacts import contact_transformer
from ..train.randomness import kept_random
from . import check, gap


@check("protein-transformer", oracle="scipy", tolerance=1e-5)
def structures_there_and_back() -> float:
    """Maps, shortest ways, superpositions and coordinates from distances, on the C-alpha atoms of made hairpins."""
    distance, graph = imported("scipy.spatial.distance"), imported("scipy.sparse.csgraph")
    rotation = imported("scipy.spatial.transform").Rotation
    x, y = (torch.from_numpy(hairpin_proteins(1, strand=(7, 7), seed=seed).coordinates[0][:17]) for seed in (0, 1))
    far = distance.squareform(distance.pdist(x.numpy()))
    found = contacts.contact_map(x)
    weights = np.where(found.numpy(), contacts.TOUCH, 0.0)
    place = np.arange(len(x) - 1)
    weights[place, place + 1] = weights[place + 1, place] = contacts.STEP
    np.fill_diagonal(weights, 0)
    ways = graph.shortest_path(weights, directed=False)
    a, b = (v.numpy() - v.numpy().mean(0) for v in (x, y))
    left = rotation.align_vectors(b, a)[1] / len(a) ** 0.5
    again = contacts.coordinates_from_distances(torch.from_numpy(far)).numpy()
    return max(
        gap(found, far < 8),
        gap(contacts.distances_from_contacts(found), ways),
        gap(contacts.superpose(x, y).rmsd, left),
        gap(distance.squareform(distance.pdist(again)), far),
    )


@check("protein-transformer", oracle="(closed form)", tolerance=1e-10)
def logits_from_attention_by_sums() -> float:
    """The net's logits against its heads' maps, made symmetric and corrected by means, pair by pair in numpy."""
    with kept_random(torch.device("cpu"), 0), torch.no_grad():
        net = contact_transformer(vocab_size=22, width=8, n_heads=2).double().eval().model
        net.head.weight.normal_()
        x, lengths = torch.randint(2, 22, (1, 9)), torch.tensor([9])
        found, maps = net(x, lengths)[0].numpy(), 9 * net.maps(x, lengths)[0].numpy()
        weights, bias = net.head.weight[0].numpy(), float(net.head.bias)
    both = maps + maps.transpose(0, 2, 1)
    mean = both.mean(2)
    corrected = both - mean[:, :, None] * mean[:, None] / both.mean((1, 2))[:, None, None]
    return gap(found, np.tensordot(weights, corrected, 1) + bias)
