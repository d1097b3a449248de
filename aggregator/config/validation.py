"""Validate the shape of feeds.yaml, and explain each error at its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from aggregator.config import schema
from aggregator.config.yaml_lines import Path, ProblemAt, Tree
from aggregator.errors import did_you_mean

MAX_LISTED_KEYS = 12
"""Maximum number of keys that a message about an unknown key lists."""


def validated(tree: Tree) -> tuple[schema.File | None, list[ProblemAt]]:
    """Return the parts of a file whose shape is right, or None and every problem of its shape."""
    if tree.value is None:
        return None, []
    try:
        return schema.File.model_validate(tree.value), []
    except ValidationError as error:
        return None, [_explained(detail, tree) for detail in error.errors(include_url=False)]


def _explained(detail: Mapping[str, Any], tree: Tree) -> ProblemAt:
    """Return the line, path and message of one pydantic error."""
    path: Path = ()
    for step in detail["loc"]:
        # A single value where a list may stand is a list of one to the schema, but not in the file.
        if step != "[key]" and (isinstance(step, str) or (*path, step) in tree.lines):
            path = (*path, step)
    kind, given = detail["type"], detail.get("input")
    context: dict[str, Any] = detail.get("ctx") or {}
    match kind:
        case "extra_forbidden":
            known = _keys_beside(path)
            listed = f"; keys here are {', '.join(known)}" if 0 < len(known) <= MAX_LISTED_KEYS else ""
            message = f"unknown key{did_you_mean(str(path[-1]), known) or listed}"
        case "missing":
            message = "is missing"
        case "value_error":
            message = str(context.get("error", detail["msg"]))
        case "literal_error" | "enum":
            allowed = str(context.get("expected", ""))
            words = [word.strip(" '") for word in allowed.replace(" or ", ",").split(",")]
            message = f"{given!r} is not one of {', '.join(words)}" + did_you_mean(str(given), words)
        case "string_pattern_mismatch":
            message = f"{given!r} is not valid: {_PATTERNS[context['pattern']]}"
        case "int_type" | "int_parsing" | "int_from_float" | "finite_number":
            message = f"should be a whole number{_instead(given)}"
        case "bool_type" | "bool_parsing":
            message = f"should be true or false{_instead(given)}"
        case "string_type":
            message = f"should be a text{_instead(given)}"
        case "model_type" | "model_attributes_type" | "dict_type":
            message = f"should be a group of keys{_instead(given)}"
        case "tuple_type":
            message = f"should be a list{_instead(given)}"
        case "string_too_short" | "too_short":
            message = "is empty"
        case "string_too_long":
            message = f"is too long: at most {context['max_length']} characters, not {len(str(given))}"
        case "greater_than_equal":
            message = f"is too small: at least {context['ge']}"
        case "less_than_equal":
            message = f"is too large: at most {context['le']}"
        case _:
            message = detail["msg"][:1].lower() + detail["msg"][1:]
    return tree.line(path), path, message


_PATTERNS = {
    r"^[a-z0-9][a-z0-9-]{0,63}$": "write 1 to 64 of a-z, 0-9 and -, without - at the beginning",
    r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$": "write a language tag such as en or de-AT",
    r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$": "write the name in the address of the community",
    r"^[ -~]+$": "write ASCII characters only",
    "^(env|file):": "secrets do not belong in this file: write env:NAME or file:PATH",
}


def _instead(given: object) -> str:
    """Return which type stands where another one was expected, as the end of a message."""
    words = {
        dict: "a group of keys",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a fraction",
    }
    return ", not empty" if given is None else f", not {words.get(type(given), 'that')}"


def _keys_beside(path: Path) -> list[str]:
    """Return the keys that the schema allows beside the unknown key `path`."""
    here: Any = schema.File
    for step in path[:-1]:
        if isinstance(step, int):
            continue
        fields = {f.alias or name: f.annotation for name, f in here.model_fields.items()}
        here = next((model for model in _models_in(fields.get(str(step)))), None)
        if here is None:
            return []
    return [f.alias or name for name, f in here.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[Any]:
    """Yield the pydantic models in a type annotation, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
