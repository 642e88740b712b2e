"""Vectors as the nearest of a book of codes: which one, what it charges, and how evenly the book is used."""

import torch
from torch import Tensor


def nearest_codes(z: Tensor, book: Tensor) -> Tensor:
    """The number of the nearest code of each vector: z (..., d), book (n_codes, d) -> (...); the first of equals.

    Source: van den Oord, Vinyals and Kavukcuoglu 2017, eq. 1.

    >>> nearest_codes(torch.tensor([[0.2], [0.9]]), torch.tensor([[0.0], [1.0]]))
    tensor([0, 1])
    """
    flat = z.reshape(-1, z.shape[-1])
    distances = book.square().sum(1) - 2 * flat @ book.T  # less |z|^2, which is the same for every code
    return distances.argmin(1).view(z.shape[:-1])


def straight_through(z: Tensor, code: Tensor) -> Tensor:
    """The code, whose slope goes to z as if it were z.

    >>> z = torch.tensor([0.2], requires_grad=True)
    >>> straight_through(z, torch.tensor([0.0])).backward()
    >>> z.grad
    tensor([1.])
    """
    return z + (code - z).detach()


def codebook_losses(z: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
    """How far codes lie from what they stand for, and the same with the codes held: squares summed over d, (...) each.

    The first moves the book, the second, weighed by beta, keeps what is encoded near it.

    Source: van den Oord, Vinyals and Kavukcuoglu 2017, eq. 3, second and third term.

    >>> [float(part) for part in codebook_losses(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]))]
    [4.0, 4.0]
    """
    return (z.detach() - code).square().sum(-1), (z - code.detach()).square().sum(-1)


def perplexity(codes: Tensor, n_codes: int) -> Tensor:
    """exp of the entropy of how often each code is taken, (): n_codes where all are alike, 1 where one is all.

    >>> float(perplexity(torch.tensor([0, 0, 1, 1]), 4))
    2.0
    """
    share = torch.bincount(codes.flatten(), minlength=n_codes).double() / codes.numel()
    return torch.special.entr(share).sum().exp()
