"""The page on the server's addresses, made of its OpenAPI description: plain HTML that loads nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_ENVIRONMENT = Environment(
    loader=PackageLoader("gi_jax.serve", "page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def reference_page(openapi: Mapping[str, Any]) -> str:
    """HTML of an OpenAPI 3.1 description."""
    schemas = openapi["components"]["schemas"]
    calls = [
        {
            "method": method.upper(),
            "path": path,
            "summary": call.get("description", ""),
            "parameters": [
                {**p, "type": _type(p["schema"]), "default": json.dumps(p["schema"].get("default"))}
                for p in call.get("parameters", ())
            ],
            "takes": _name(call.get("requestBody", {}).get("content", {})),
            "answers": [
                (status, _name(answer.get("content", {})), answer["description"])
                for status, answer in call["responses"].items()
            ],
        }
        for path, methods in openapi["paths"].items()
        for method, call in methods.items()
    ]
    shown = {
        name: {
            "about": schema.get("description", ""),
            "fields": [
                (field, _type(of), field in schema.get("required", ()), of.get("description", ""))
                for field, of in schema.get("properties", {}).items()
            ],
        }
        for name, schema in schemas.items()
        if name not in ("HTTPValidationError", "ValidationError")
    }
    template = _ENVIRONMENT.get_template("reference.html")
    return template.render(info=openapi["info"], calls=calls, schemas=shown)


def _name(content: Mapping[str, Any]) -> str:
    """The schema of a body of JSON."""
    schema = content.get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    return "Failure" if name == "HTTPValidationError" else name


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str({"null": "nothing", "object": "object", "string": "text"}.get(kind, kind))
