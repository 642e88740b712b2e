"""A fitted estimator behind HTTP: typed by its codec, batched, limited, and with a page for people.

`app_of(estimator)` is an ASGI application for any server, and for tests without one; `run(path)` serves it.
"""

from .app import app_of, run

__all__ = ["app_of", "run"]
