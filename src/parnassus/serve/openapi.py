"""The OpenAPI document of a service: what its codec takes and its estimator answers."""

from typing import Any

from ..version import __version__
from .inputs import Json
from .service import Service

STATUSES = {
    400: "the body cannot be read",
    401: "the token is missing or another",
    408: "the body did not arrive in time",
    413: "the body, a file, or the number of inputs is too large",
    415: "the content type is not what this model takes",
    422: "an input breaks the contract; the message names it",
    503: "the queue is full, or the server is stopping; Retry-After says when to come again",
    504: "no answer in time",
}
ERROR: Json = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "where": {"type": "string"}},
            "required": ["code", "message"],
        }
    },
    "required": ["error"],
}


def document(service: Service, *, token: bool) -> Json:
    """OpenAPI 3.1 of one version of a model."""
    paths: Json = {
        "/predict": {"post": operation(service, "predict", "Answers to inputs, in order.", answers(service))}
    }
    if service.explain is not None:
        words = "What the answer to one input rests on."
        paths["/explain"] = {"post": operation(service, "explain", words, {"type": "object"})}
    for path, words, kind in (
        ("/health", "That the server runs, and its version.", "application/json"),
        ("/ready", "Whether requests are taken.", "application/json"),
        ("/metrics", "Counts for Prometheus.", "text/plain"),
        ("/schema", "What the page is built from.", "application/json"),
    ):
        content: Json = {kind: {"schema": {}}}
        paths[path] = {
            "get": {
                "summary": words,
                "operationId": path[1:],
                "responses": {"200": {"description": words, "content": content}},
            }
        }
    components: Json = {"schemas": {"Input": service.input.schema, "Answer": service.answer_schema, "Error": ERROR}}
    info = {"title": f"{service.model} ({service.task})", "version": service.version, "x-parnassus": __version__}
    found: Json = {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}
    if token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"token": []}]
    return found


def answers(service: Service) -> Json:
    """The schema of what /predict answers."""
    each = {"type": "array", "items": {"$ref": "#/components/schemas/Answer"}}
    return {"type": "object", "properties": {"answers": each, "version": {"type": "string"}}, "required": ["answers"]}


def operation(service: Service, name: str, words: str, answer: Json) -> Json:
    """A POST of inputs."""
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    said: dict[str, Any] = {"200": {"description": words, "content": {"application/json": {"schema": answer}}}}
    said |= {str(status): {"description": why, "content": error} for status, why in STATUSES.items()}
    found = {"summary": words, "operationId": name, "requestBody": body(service), "responses": said}
    named = [{"name": k, "in": "query", "schema": schema} for k, schema in service.input.parameters.items()]
    return found | ({"parameters": named} if named else {})


def body(service: Service) -> Json:
    """The body that a model takes: JSON, or files."""
    taken = service.input
    if taken.upload is None:
        inputs = {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Input"}}
        schema: Json = {"type": "object", "properties": {"inputs": inputs}, "required": ["inputs"]}
        return {"required": True, "content": {"application/json": {"schema": schema}}}
    files = {"type": "array", "items": {"type": "string", "format": "binary"}}
    form = {"type": "object", "properties": {"file": files}}
    content = {f"{taken.upload}/*": {"schema": taken.schema}, "multipart/form-data": {"schema": form}}
    return {"required": True, "content": content}
