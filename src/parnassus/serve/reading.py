"""From a request's body to inputs that were checked."""

import asyncio
import json
from typing import Any

from .inputs import Input
from .refusal import Refused, told
from .settings import Settings

MOST_FILES = 256
SMALL = 1 << 16  # bytes of JSON that are read where they arrive


async def inputs_from(request: Any, taken: Input, settings: Settings, decoding: Any) -> list[Any]:
    """The inputs of a request, checked and unpacked; files and long texts in the threads of `decoding`."""
    try:
        async with asyncio.timeout(settings.timeout):
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind == "multipart/form-data":
                files = await files_of(request)
            elif kind.startswith(("image/", "audio/", "video/")) or kind == "application/octet-stream":
                files = [await request.body()]
            elif kind == "application/json" or kind.endswith("+json"):
                body = await request.body()
                if len(body) <= SMALL:
                    return from_json(body, taken, settings.max_queue)
                loop = asyncio.get_running_loop()  # so long a text must not hold up the others
                return await loop.run_in_executor(decoding, from_json, body, taken, settings.max_queue)
            else:
                raise Refused(415, "wrong_type", f"{words_for(taken)}; got the content type {told(kind)}")
    except TimeoutError:
        raise Refused(408, "too_slow", f"the body did not arrive within {settings.timeout:g} s") from None
    if taken.upload is None:
        raise Refused(415, "wrong_type", words_for(taken))
    loop, taken = asyncio.get_running_loop(), taken.beside(request.query_params)
    return [await loop.run_in_executor(decoding, taken.decode, one, f"file {i}") for i, one in enumerate(files)]


def words_for(taken: Input) -> str:
    """How this model is asked."""
    if taken.upload is not None:
        return f"this model takes {taken.kind}s: send a file as {taken.upload}/..., or files as multipart/form-data"
    return 'this model takes JSON: send {"inputs": [...]} as application/json'


async def files_of(request: Any) -> list[bytes]:
    """The files of a form."""
    from starlette.exceptions import HTTPException
    from starlette.formparsers import MultiPartException

    try:
        async with request.form(max_files=MOST_FILES, max_fields=16) as form:
            files = [await part.read() for _, part in form.multi_items() if hasattr(part, "read")]
    except Refused:
        raise
    except (MultiPartException, HTTPException, ValueError, KeyError, AssertionError) as error:
        raise Refused(400, "malformed", "the form cannot be read; send multipart/form-data with files") from error
    if not files:
        raise Refused(422, "invalid_input", 'the form holds no file; send one as the part "file"')
    return files


def from_json(body: bytes, taken: Input, most: int) -> list[Any]:
    """The inputs of a JSON body."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else ascii(str(error))[1:-1][:100]
        raise Refused(400, "malformed", f"the body is no JSON: {said}") from None
    if not isinstance(given, dict) or given.keys() != {"inputs"} or not isinstance(given["inputs"], list):
        raise Refused(422, "invalid_input", 'the body is an object {"inputs": [...]} and nothing beside', where="body")
    items = given["inputs"]
    if not items:
        raise Refused(422, "invalid_input", "inputs is empty; send at least one", where="inputs")
    if len(items) > most:
        raise Refused(413, "too_many_inputs", f"{len(items):,} inputs are more than the {most:,} that may wait")
    return [taken.read(item, f"inputs[{i}]") for i, item in enumerate(items)]
