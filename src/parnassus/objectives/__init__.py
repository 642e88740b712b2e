"""Who lowers what: objectives own modules and list phases."""

from ..imports import submodules

__getattr__ = submodules(__name__)
