"""Change fields of a recipe by `field=value`; an unknown field is refused with the nearest ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


def with_settings(recipe: Model, settings: Sequence[str]) -> Model:
    """Return the recipe with settings such as `epochs=3` or `ssf.init=paper`.

    A value is JSON, or else text as it stands; the last of several for one field holds. Raises
    ValueError: an unknown field (with the nearest known ones), a value that is not allowed.
    """
    values = recipe.model_dump()
    for setting in settings:
        path, sign, text = setting.partition("=")
        target: dict[str, Any] = values
        kind: type[BaseModel] = type(recipe)
        *outer, last = path.strip().split(".")
        for place, name in enumerate(outer):
            inner = _model(kind, name)
            if inner is None:
                raise _unknown(setting, name, kind, ".".join(outer[:place]))
            target, kind = target[name], inner
        if not sign or last not in kind.model_fields:
            raise _unknown(setting, last, kind, ".".join(outer))
        if (inner := _model(kind, last)) is not None:
            first = next(iter(inner.model_fields))
            raise ValueError(
                f"--set {setting!r}: set its fields, such as {path.strip()}.{first}=... "
                f"Fields: {', '.join(inner.model_fields)}"
            )
        try:
            target[last] = json.loads(text)
        except json.JSONDecodeError:
            target[last] = text
    try:
        return type(recipe).model_validate(values)
    except ValidationError as error:
        raise ValueError(told(error)) from None


def as_settings(recipe: BaseModel) -> list[str]:
    """Return the settings by which a recipe differs from its defaults: `with_settings` undoes it."""
    return _differing(recipe.model_dump(mode="json"), type(recipe)().model_dump(mode="json"), "")


def _differing(values: dict[str, Any], defaults: dict[str, Any], within: str) -> list[str]:
    found: list[str] = []
    for name, value in values.items():
        default = defaults[name]
        if isinstance(value, dict) and isinstance(default, dict):
            found += _differing(value, default, f"{within}{name}.")
        elif value != default:
            found.append(f"{within}{name}={json.dumps(value)}")
    return found


def told(error: ValidationError) -> str:
    """Return what is wrong, each field with its reason and the value received."""
    lines = []
    for found in error.errors():
        field = ".".join(map(str, found["loc"]))
        reason = found["msg"].removeprefix("Value error, ")
        # Our own sentences name the value already.
        ours = found["type"] == "value_error"
        received = "" if ours else f"; received {found['input']!r}"
        lines.append((f"{field}: " if field else "") + reason + received)
    return "; ".join(lines)


def _model(kind: type[BaseModel], name: str) -> type[BaseModel] | None:
    """Return the model that a field holds, None where it holds a plain value or is not there."""
    field = kind.model_fields.get(name)
    if field is None:
        return None
    held: Any = field.annotation  # a tuple of models (losses) is one value
    return held if isinstance(held, type) and issubclass(held, BaseModel) else None


def _unknown(setting: str, name: str, kind: type[BaseModel], within: str) -> ValueError:
    fields: Any = kind.model_fields
    near = get_close_matches(name, fields, n=3)
    hint = f" Did you mean {', '.join(near)}?" if near and name not in fields else ""
    place = f" of {within}" if within else ""
    fault = "expected field=value." if "=" not in setting else f"there is no field {name!r}{place}."
    return ValueError(f"--set {setting!r}: {fault}{hint} Fields{place}: {', '.join(fields)}")
