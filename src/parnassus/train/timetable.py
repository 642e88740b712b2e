"""Which epoch and which window a step falls in, also where the batch grows."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate


def cuts_of(n: int, size: int | None) -> list[int]:
    """n rows in cuts of `size`, the last one ragged: the lengths. A last row alone joins the cut before it.

    One row has no spread, so a batch norm cannot be trained on it.

    >>> cuts_of(10, 4), cuts_of(9, 4), cuts_of(1, 4), cuts_of(3, 1)
    ([4, 4, 2], [4, 5], [1], [1, 1, 1])
    """
    size = size or n
    lengths = [min(size, n - at) for at in range(0, n, size)]
    if len(lengths) > 1 and lengths[-1] == 1 < size:
        lengths[-2:] = [size + 1]
    return lengths


class Timetable:
    """Steps of epochs whose windows may differ in size: `sizes` holds pairs (first epoch, rows a window), from epoch 0.

    >>> table = Timetable(100, 3, [(0, 25), (2, 50)])
    >>> table.starts, table.place(9), table.windows[2]
    ([0, 4, 8, 10], (2, 1), 50)
    """

    def __init__(self, n_rows: int, epochs: int, sizes: Sequence[tuple[int, int]]) -> None:
        firsts = [first for first, _ in sizes]
        self.windows = [min(sizes[bisect_right(firsts, epoch) - 1][1], n_rows) for epoch in range(epochs)]
        self.starts = [0, *accumulate(len(cuts_of(n_rows, window)) for window in self.windows)]
        self.steps, self.n_rows = self.starts[-1], n_rows
        self._ends = frozenset(self.starts[1:])

    def place(self, step: int) -> tuple[int, int]:
        """The epoch of a step, and the step's place in it."""
        epoch = bisect_right(self.starts, step) - 1
        return epoch, step - self.starts[epoch]

    def ends_epoch(self, step: int) -> bool:
        """Whether so many steps end an epoch."""
        return step in self._ends

    def newest_share(self, average: float, step: int) -> float:
        """The share of the weights after so many steps in the average: by a decay, or as one of the last epochs' ends.

        Of the last `average` epochs the weights at their ends count alike; before the first of them all is the newest.

        Source: Vaswani et al. 2017, section 6.1 (the mean of the last checkpoints).

        >>> [Timetable(4, 3, [(0, 2)]).newest_share(2, step) for step in range(1, 7)]
        [1.0, 1.0, 1.0, 1.0, 0.0, 0.5]
        """
        if average < 1:
            return 1 - average
        before = len(self.windows) - int(average)
        if step <= self.starts[before + 1]:
            return 1.0
        return 1 / (self.place(step)[0] - before) if self.ends_epoch(step) else 0.0

    def window(self, step: int) -> int:
        """The rows of this step's window."""
        return self.windows[min(self.place(step)[0], len(self.windows) - 1)]

    def cuts(self, step: int, size: int | None) -> list[int]:
        """The rows of this step's window, in cuts of `size`."""
        epoch, position = self.place(step)
        last = step + 1 == self.starts[epoch + 1]
        window = self.windows[epoch]
        return cuts_of(self.n_rows - position * window if last else window, size)

    def steps_per_epoch(self, step: int) -> int:
        """The steps of this step's epoch."""
        epoch = min(self.place(step)[0], len(self.windows) - 1)
        return self.starts[epoch + 1] - self.starts[epoch]

    def epoch_at(self, step: float) -> float:
        """Epochs gone by at a step, a fraction within one."""
        epoch = min(bisect_right(self.starts, step) - 1, len(self.windows) - 1)
        return epoch + (step - self.starts[epoch]) / (self.starts[epoch + 1] - self.starts[epoch])
