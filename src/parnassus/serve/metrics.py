"""Counts for Prometheus, in its text format."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Histogram:
    """How many values lay below each bound, with their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds, self.counts, self.total = bounds, [0] * (len(bounds) + 1), 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self, name: str) -> list[str]:
        """The lines of the text format: cumulative counts, the sum, the count."""
        said, so_far = [], 0
        for bound, count in zip([*self.bounds, "+Inf"], self.counts, strict=True):
            so_far += count
            said.append(f'{name}_bucket{{le="{bound}"}} {so_far}')
        return [*said, f"{name}_sum {self.total:.9g}", f"{name}_count {so_far}"]


class Metrics:
    """What happened since the server began."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.reloads: Counter[str] = Counter()
        self.seconds, self.rows = Histogram(SECONDS), Histogram(ROWS)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self.requests[path, status] += 1
        if path in ("/predict", "/explain"):
            self.seconds.add(seconds)

    def batch(self, n_rows: int) -> None:
        """Count a call of the model."""
        self.rows.add(n_rows)

    def reload(self, outcome: str) -> None:
        """Count a new version that was taken ("taken") or not ("refused")."""
        self.reloads[outcome] += 1

    def text(self, *, waiting: int, task: str, model: str, version: str) -> str:
        """Everything as Prometheus reads it."""
        errors = sum(n for (_, status), n in self.requests.items() if status >= 400)
        info = ",".join(f'{k}="{escaped(v)}"' for k, v in (("task", task), ("model", model), ("version", version)))
        return "\n".join(
            [
                *head("requests_total", "counter", "Requests answered, by path and status."),
                *(
                    f'parnassus_requests_total{{path="{path}",status="{status}"}} {n}'
                    for (path, status), n in sorted(self.requests.items())
                ),
                *head("errors_total", "counter", "Requests answered with a status of 400 and above."),
                f"parnassus_errors_total {errors}",
                *head("request_seconds", "histogram", "Time from a request to its answer, of /predict and /explain."),
                *self.seconds.lines("parnassus_request_seconds"),
                *head("batch_rows", "histogram", "Inputs that the model was given at a time."),
                *self.rows.lines("parnassus_batch_rows"),
                *head("queue_rows", "gauge", "Inputs that wait for the model."),
                f"parnassus_queue_rows {waiting}",
                *head("reloads_total", "counter", "New versions of the model's file, by what became of them."),
                *(f'parnassus_reloads_total{{outcome="{k}"}} {self.reloads[k]}' for k in ("refused", "taken")),
                *head("model_info", "gauge", "The model that answers."),
                f"parnassus_model_info{{{info}}} 1",
                "",
            ]
        )


def head(name: str, kind: str, words: str) -> list[str]:
    """The two lines above a metric."""
    return [f"# HELP parnassus_{name} {words}", f"# TYPE parnassus_{name} {kind}"]


def escaped(text: str) -> str:
    r"""A label's value as the format writes it.

    >>> escaped('a "b"')
    'a \\"b\\"'
    """
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
