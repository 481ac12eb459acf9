"""What programs may ask of the server, as an OpenAPI document, and whether it is well."""

import importlib.metadata
from typing import Any

from emoclr.evaluate.report.sentence import CAUTIONS
from emoclr.predict.output.tables import Columns
from emoclr.predict.serve.answer import CHOICES, Network
from emoclr.predict.serve.limits import Limits
from emoclr.predict.serve.upload import FIELD

_MEANINGS = {
    "rows": "what a row is of",
    "gate": "voice: nothing is named where nobody speaks; none: all is heard, for music and other sounds",
    "channels": "separate: each channel of the recording is heard alone",
    "format": "of the answer; csv is what predict --out predictions.csv writes",
}


def health(network: Network, limits: Limits, under_way: int) -> dict[str, Any]:
    """Returns what there is to say of a server that runs.

    Args:
        network: what hears.
        limits: what it takes.
        under_way: recordings that are worked on or wait.
    """
    return {
        "status": "ok",
        "version": importlib.metadata.version("emoclr"),
        "ensemble": network.name,
        "emotions": list(network.card.emotions),
        "under_way": under_way,
        "limits": {
            "max_bytes": limits.max_bytes,
            "max_s": limits.max_s,
            "jobs": limits.jobs,
            "queue": limits.queue,
        },
    }


def openapi(network: Network, limits: Limits) -> dict[str, Any]:
    """Returns the document, of OpenAPI 3.1."""
    options = [
        {
            "name": name,
            "in": "query",
            "description": _MEANINGS[name],
            "schema": {"type": "string", "enum": list(values), "default": values[0]},
        }
        for name, values in CHOICES.items()
    ]
    form = {"type": "object", "required": [FIELD], "properties": {FIELD: {"type": "string", "format": "binary"}}}
    predict = {
        "summary": "Which emotions a recording carries, and when",
        "description": f"At most {limits.max_bytes} bytes and {limits.max_s:g} s. Nothing is kept.",
        "operationId": "predict",
        "parameters": options,
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "responses": {
            "200": {
                "description": "the rows that the command predict gives",
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Answer"}},
                    "text/csv": {"schema": {"type": "string"}},
                },
            },
            **{status: _error(why) for status, why in _ERRORS.items()},
        },
        "security": [{}, {"token": []}],
    }
    healthy = {"description": "it runs", "content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "predict serve",
            "version": importlib.metadata.version("emoclr"),
            "description": f"Emotions over time, heard by {network.name}.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/predict": {"post": predict},
            "/health": {
                "get": {
                    "summary": "Whether it runs, and what it takes",
                    "operationId": "health",
                    "responses": {"200": healthy},
                    "security": [{}],
                }
            },
        },
        "components": {
            "schemas": {"Answer": _answer(network), "Error": _ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


_ERRORS = {
    "400": "an option, or a form, that is none",
    "401": "no token, where the server asks for one",
    "403": "sent by a page of another site",
    "408": "it came too slowly",
    "413": "too many bytes, or too long",
    "415": "no form",
    "422": "no recording that can be read",
    "503": "too many at once; Retry-After says when to try again",
}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}


def _error(why: str) -> dict[str, Any]:
    return {
        "description": why,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _answer(network: Network) -> dict[str, Any]:
    """Returns the schema of an answer, whose rows hold the columns of one of the kinds."""
    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    probability = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
    kinds = {"channel": {"type": "integer", "minimum": 1}, "emotions": texts}
    kinds |= dict.fromkeys(("path", "emotion", CAUTIONS), text)
    kinds |= {name: {"type": "number", "minimum": 0} for name in ("start_s", "end_s")}
    rows = []
    for kind in CHOICES["rows"]:
        names = Columns.of(network.card, kind).names
        properties = {name: kinds.get(name, probability) for name in [*names, "channel"]}
        row = {"type": "object", "required": names, "properties": properties, "additionalProperties": False}
        rows.append({"title": kind, **row})
    remark = {"type": "object", "required": ["status", "reason"], "properties": {"status": text, "reason": text}}
    return {
        "type": "object",
        "required": ["ensemble", "notes", "remarks", "rows"],
        "properties": {
            "ensemble": text,
            "notes": {**texts, "description": "what the answers are not good for"},
            "remarks": {"type": "array", "items": remark, "description": "what is not as one would think"},
            "rows": {"type": "array", "items": {"anyOf": rows}},
        },
    }
