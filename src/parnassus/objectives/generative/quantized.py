"""Autoencoders whose codes are numbers of a book: what is between encoder and decoder is one of a few vectors."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...errors import DataError, SettingError
from ...functional.autoencoding import Criterion, reconstruction_errors
from ...functional.vector_quantization import codebook_losses, nearest_codes, perplexity, straight_through
from ...train.phase import Batch, Phase
from .autoencoder import Autoencoding, mean_over, observed_of, refuse_outside_unit, row_means


class Quantized(Autoencoding):
    """Least error of x' = decode(e), e the codes of the book nearest to z = encode(x), place by place.

        mean over observed entries of e(x, x') + mean over places of |sg(z) - e|^2 + beta |z - sg(e)|^2

    sg holds its slope back, and the slope by e goes to z. A row's code is the numbers of its places' codes.

    Parameters
    ----------
    net : has `n_places`, `encode(x)` giving z (n, n_places, width), and `decode(e)` giving x'.
    n_codes, width : the book's, which starts from vectors of the first rows.
    beta : what codes that change their mind cost.

    Source: van den Oord, Vinyals and Kavukcuoglu 2017.
    """

    def __init__(
        self, net: nn.Module, *, n_codes: int, width: int, beta: float = 0.25, criterion: Criterion = "squared_error"
    ) -> None:
        super().__init__(int(net.n_places))  # type: ignore[arg-type]
        if n_codes < 2 or not beta >= 0:
            raise SettingError(f"a VQ-VAE has n_codes of at least 2 and beta of at least 0; got {n_codes} and {beta}")
        self.net, self.n_codes, self.beta, self.criterion = net, n_codes, beta, criterion
        self.book = nn.Parameter(torch.randn(n_codes, width))

    def phases(self) -> Sequence[Phase]:
        return [Phase("reconstruct", self.loss, self.parameters())]

    def begin(self, batch: Batch) -> None:
        """Vectors of the first rows as codes, a little apart: of codes drawn anywhere few would ever be the nearest."""
        if self.criterion == "cross_entropy":
            refuse_outside_unit(batch["x"], "criterion='cross_entropy'")
        with torch.no_grad():
            z = torch.cat([self.net.encode(x).flatten(0, 1) for x in batch["x"].split(256)])  # type: ignore[operator]
            taken = z[torch.randint(len(z), (self.n_codes,), device=z.device)]
            self.book.copy_(taken + 0.01 * z.std() * torch.randn_like(taken))

    def parts(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Of each row: the error of x', what the book is charged (n,), and the numbers of its codes (n, n_places)."""
        x = batch["x"]
        z = self.net.encode(x)  # type: ignore[operator]
        numbers = nearest_codes(z.detach(), self.book.detach())
        code = self.book[numbers]
        made = self.net.decode(straight_through(z, code))  # type: ignore[operator]
        moved, kept = codebook_losses(z, code)
        errors = row_means(reconstruction_errors(made, x, self.criterion), observed_of(batch))
        return errors, (moved + self.beta * kept).mean(1), numbers

    def loss(self, batch: Batch) -> Tensor:
        """The charge of a batch in training."""
        errors, charged, _ = self.parts(batch)
        return mean_over(errors + charged, batch)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """The loss, the error alone, and the perplexity of the codes in use, as if the batch were all rows."""
        errors, charged, numbers = self.parts(batch)
        loss, error = mean_over(errors + charged, batch), mean_over(errors, batch)
        return {"loss": loss, "error": error, "perplexity": perplexity(numbers, self.n_codes)}

    # --- use --------------------------------------------------------------------------------------

    def codes(self, batch: Batch) -> Tensor:
        """The numbers of each row's codes (n, n_places)."""
        return nearest_codes(self.net.encode(batch["x"]), self.book).to(batch["x"].dtype)  # type: ignore[operator]

    def decoded(self, codes: Tensor) -> Tensor:
        numbers = codes.long()
        if (numbers != codes).any() or (numbers < 0).any() or (numbers >= self.n_codes).any():
            raise DataError(
                f"codes of this model are whole numbers from 0 to {self.n_codes - 1}, as `encode` gives them, with "
                "nothing between them; got others"
            )
        if numbers.shape[1] != self.n_code:
            raise DataError(f"a code of this model has {self.n_code} numbers; got {numbers.shape[1]}")
        made = self.net.decode(self.book[numbers])  # type: ignore[operator]
        return made.sigmoid() if self.criterion == "cross_entropy" else made

    def rebuilt(self, batch: Batch) -> Tensor:
        return self.decoded(self.codes(batch))

    def scores(self, batch: Batch) -> Tensor:
        return self.parts(batch)[0]
