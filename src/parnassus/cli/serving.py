"""`parnassus serve`: a trained model behind HTTP."""

import os
from functools import partial
from typing import Any

from ..errors import SettingError
from .console import note


def serve(model: str, *, host: str, port: int, token: str | None, limits: dict[str, Any]) -> int:
    """Answer over HTTP until told to stop. The exit code."""
    import logging

    from ..serve import run

    if token == "":
        raise SettingError("--token is empty, which would let everybody in; give one, or leave it out")
    token = token or os.environ.get("PARNASSUS_TOKEN") or None
    logging.basicConfig(format="parnassus: %(message)s", level=logging.WARNING)
    local = host in ("127.0.0.1", "::1", "localhost")
    if not local and token is None:
        note(f"warning: anybody who reaches {host} can ask this model; give --token, or listen on 127.0.0.1")
    say = partial(told, model)
    run(model, host=host, port=port, token=token, started=say, **limits)
    return 0


def told(model: str, address: str) -> None:
    """Say where the model answers."""
    note(f"serving {model} at {address} (stop with Ctrl-C)")
