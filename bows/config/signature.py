"""The schema of a target: a dataclass made from the signature of the function or class that `_target_` names."""

import inspect
import types
import typing
from dataclasses import field, fields, is_dataclass, make_dataclass
from functools import cache
from typing import Annotated, Any, NotRequired, Required, Union, Unpack, get_args, get_origin

import typing_extensions
from pydantic import (
    PydanticSchemaGenerationError,
    PydanticUndefinedAnnotation,
    PydanticUserError,
    Strict,
    TypeAdapter,
)
from pydantic.dataclasses import dataclass

from bows.setting_types import NODE

# Parameters of a model that bows supplies itself, from the data.
SUPPLIED = {"model": ("features", "items", "classes")}
_STRICT = {kind: Annotated[kind, Strict()] for kind in (bool, int, float)}
_OPTIONAL = (NotRequired, Required, typing_extensions.NotRequired, typing_extensions.Required)


@cache
def schema_of(target: Any, section: str = "") -> type:
    """Return a pydantic dataclass with a field for each parameter that a configuration may set.

    A parameter without an annotation, or with one that pydantic has no schema for, may have any value. Parameters given as
    `**settings: Unpack[...]` of a TypedDict are fields too. `**settings` without a type allows any further key. Parameters that bows
    supplies to targets of a section (`data`, `model`) are no fields (SUPPLIED).
    """
    hints = _hints(target)
    found: list[tuple[str, Any, Any]] = []
    open_ended = False
    for parameter in inspect.signature(target).parameters.values():
        annotation = hints.get(parameter.name, Any)
        if parameter.kind is parameter.VAR_KEYWORD:
            unpacked = get_args(annotation)[0] if get_origin(annotation) is Unpack else None
            open_ended = open_ended or unpacked is None
            for name, kind in (fields_of(unpacked) or {}).items():
                optional = name not in getattr(unpacked, "__required_keys__", ())
                found.append((name, kind, field(default=None) if optional else field()))
        elif parameter.kind is not parameter.VAR_POSITIONAL and parameter.name not in SUPPLIED.get(section, ()):
            default = parameter.default
            given = field() if default is parameter.empty else field(default_factory=lambda value=default: value)
            found.append((parameter.name, _checkable(annotation), given))
    plain = make_dataclass(getattr(target, "__name__", "Settings"), found, kw_only=True)
    return dataclass(config=NODE | {"extra": "ignore" if open_ended else "forbid"})(plain)


def fields_of(kind: Any) -> dict[str, Any] | None:
    """Return names and types of the settings in a group (dataclass, TypedDict; also `| None` or `Annotated`); None for any other type."""
    if get_origin(kind) is Annotated:
        return fields_of(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        groups = [each for each in get_args(kind) if fields_of(each) is not None]
        return fields_of(groups[0]) if groups else None
    if is_dataclass(kind):
        return {each.name: each.type for each in fields(kind)}
    if typing_extensions.is_typeddict(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        return {name: get_args(hint)[0] if get_origin(hint) in _OPTIONAL else hint for name, hint in hints.items()}
    return None


def _hints(target: Any) -> dict[str, Any]:
    call = target.__init__ if inspect.isclass(target) else target
    try:
        return typing.get_type_hints(call, include_extras=True)
    except (NameError, TypeError):  # a name that is imported for type checkers only, such as that of the result
        annotations = getattr(call, "__annotations__", {})
        return {name: Any if isinstance(kind, str) else kind for name, kind in annotations.items()}


def _checkable(annotation: Any) -> Any:
    """Return a parameter's type with strict numbers and booleans; Any where pydantic has no schema for it."""
    if get_origin(annotation) in (Union, types.UnionType):
        return Union[tuple(_checkable(each) for each in get_args(annotation))]  # noqa: UP007 - made from a tuple
    if annotation in _STRICT:
        return _STRICT[annotation]
    try:
        TypeAdapter(annotation)
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticUserError):
        return Any
    return annotation
