"""What a client is told when a request is not answered."""

from typing import Any

from ..errors import ParnassusError

SHOWN = 60


class Refused(ParnassusError):
    """A request that is not answered: the status, a short code for programs, and words for people."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        where: str | None = None,
        headers: dict[str, str] | None = None,
        allowed: Any = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.where = status, code, message, where
        self.headers, self.allowed = headers or {}, allowed

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        told: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.where is not None:
            told["where"] = self.where
        if self.allowed is not None:
            told["allowed"] = self.allowed
        return {"error": told}


def invalid(message: str, where: str | None = None, allowed: Any = None) -> Refused:
    """An input that breaks the contract of the schema."""
    return Refused(422, "invalid_input", message, where=where, allowed=allowed)


def told(value: Any) -> str:
    """A value as a message shows it: short, and in ASCII, whatever was sent.

    >>> told("x" * 100)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."
    """
    if isinstance(value, dict):
        return f"an object of {len(value)} fields"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = ascii(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
