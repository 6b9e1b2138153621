"""The check of every key and value after composition.

A node with a `_target_` is checked against the dataclass registered for it in bows.config.schema, or, where the target is a class of the
user's own, against that class's signature. Whatever is wrong is said in one line that names the setting, the value and what is
allowed.
"""

import difflib
import inspect
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from bows.config.schema import ROOTS, TARGETS
from bows.errors import SettingError


def check(config: dict[str, Any], root: str = "train", only_keys: bool = False) -> Any:
    """The composed configuration, as a plain resolved mapping, as dataclasses; or a SettingError in one line.

    only_keys: look at the keys alone. A sweep is refused for a misspelt key as a whole, for a value only in the job that has it.
    """
    if (unset := next(_unset(config), None)) is not None:
        raise SettingError(f"{unset} is not set and has no default; give {unset}=<value>")
    checked = _validate(ROOTS[root], config, "", only_keys)
    for section in ("data", "model"):
        if config.get(section) is not None:
            _check_target(config[section], section, only_keys)
    if root == "train" and not only_keys:
        _check_decay(config)
    return checked


def suggest(wrong: str, known: list[str]) -> str:
    """A did-you-mean for a misspelt name, or what there is.

    >>> suggest('wdd', ['wd', 'lr'])
    'did you mean wd?'
    """
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known))}"


def _unset(value: Any, path: str = ""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _unset(inner, f"{path}.{key}" if path else str(key))
    elif value == "???":
        yield path


def _check_decay(config: dict[str, Any]) -> None:
    # Asked for by name only, since a negative decay makes weights grow without bound.
    if config["optimizer"]["allow_negative_decay"]:
        return
    for setting, value in (("wd", config["wd"]), ("optimizer.weight_decay", config["optimizer"]["weight_decay"])):
        if value < 0:
            raise SettingError(
                f"{setting}={value} is not allowed; allowed: a number, 0 or more (or set optimizer.allow_negative_decay=true)"
            )


def _check_target(section: dict[str, Any], name: str, only_keys: bool) -> None:
    given = {key: value for key, value in section.items() if key != "_target_"}
    target = section.get("_target_")
    if target in TARGETS:
        _validate(TARGETS[target], given, name, only_keys)
        return
    from hydra.utils import get_object

    try:
        signature = inspect.signature(get_object(str(target)))
    except Exception as error:  # whatever importing the user's module raises, the setting is what is wrong
        raise SettingError(f"{name}._target_={target}: cannot be imported ({error})") from error
    known = list(signature.parameters)
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())
    for key in given:
        if key not in known and not takes_any and key != "name":
            raise SettingError(f"{name}.{key}: {target} has no such argument; {suggest(key, known)}")


def _validate(kind: type, config: dict[str, Any], path: str, only_keys: bool) -> Any:
    try:
        return TypeAdapter(kind).validate_python(config)
    except ValidationError as error:
        problems = error.errors()
    # A misspelt key first: it often explains what else is wrong.
    problems.sort(key=lambda problem: problem["type"] not in {"unexpected_keyword_argument", "extra_forbidden"})
    for problem in problems:
        place = [str(part) for part in problem["loc"]]
        if problem["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
            known = [field.name for field in fields(_at(kind, place[:-1]))]
            prefix = ".".join(filter(None, [path, *place[:-1]]))
            known = [f"{prefix}.{name}" if prefix else name for name in known]
            setting = ".".join(filter(None, [path, *place]))
            raise SettingError(f"{setting}: there is no such setting; {suggest(setting, known)}")
        if only_keys:
            continue
        setting, annotation, value = _setting_at(kind, config, place)
        if problem["type"] == "missing" and setting.count(".") + 1 == len(place):
            setting = ".".join(filter(None, [path, setting]))
            raise SettingError(f"{setting} is missing; give {setting}=<value>")
        setting = ".".join(filter(None, [path, setting]))
        raise SettingError(f"{setting}={_shown(value)} is not allowed; allowed: {allowed(annotation)}")
    return None


def _at(kind: Any, place: list[str]) -> Any:
    for part in place:
        kind = next(field.type for field in fields(kind) if field.name == part)
    return kind


def _setting_at(kind: Any, value: Any, place: list[str]) -> tuple[str, Any, Any]:
    """The dotted name, annotation and value of the setting that an error's place lies in."""
    names = []
    for part in place:
        if is_dataclass(kind):
            kind = next(field.type for field in fields(kind) if field.name == part)
        elif get_origin(kind) is dict:
            kind = get_args(kind)[1]
        else:
            break
        names.append(part)
        value = value.get(part) if isinstance(value, dict) else None
    return ".".join(names), kind, value


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def allowed(annotation: Any) -> str:
    """What an annotation allows, for a person.

    >>> from bows.config.schema import Count, Positive
    >>> allowed(Count), allowed(Literal["a", "b"]), allowed(Positive | None)
    ('a whole number, 1 or more', 'a, b', 'a number above 0, or null')
    """
    if annotation in (None, type(None)):
        return "null"
    if is_dataclass(annotation):
        return "a group of settings"
    if get_origin(annotation) is Annotated:
        base, *metadata = get_args(annotation)
        bounds: dict[str, Any] = {}
        for item in metadata:
            for constraint in getattr(item, "metadata", [item]):
                bounds.update(
                    {
                        key: getattr(constraint, key)
                        for key in ("ge", "gt", "lt", "le", "min_length")
                        if hasattr(constraint, key)
                    }
                )
                if pattern := getattr(constraint, "pattern", None):
                    bounds["pattern"] = pattern
        return _bounded(base, bounds)
    if get_origin(annotation) is Literal:
        return ", ".join(str(choice) for choice in get_args(annotation))
    if get_origin(annotation) is list:
        return f"a list, [a,b,...], each {allowed(get_args(annotation)[0])}"
    if get_origin(annotation) is dict:
        return f"a mapping of names, each to {allowed(get_args(annotation)[1])}"
    if get_origin(annotation) is tuple:
        return f"{len(get_args(annotation))} numbers, [a,b], each {allowed(get_args(annotation)[0])}"
    if args := get_args(annotation):
        return ", or ".join(allowed(arg) for arg in args)
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(
        annotation, str(annotation)
    )


def _bounded(base: Any, bounds: dict[str, Any]) -> str:
    if "pattern" in bounds:
        return "text without slashes or line breaks, at least one character"
    if "gt" in bounds and "lt" in bounds:
        return f"{allowed(base)} between {bounds['gt']:g} and {bounds['lt']:g}, neither included"
    text = allowed(base)
    if "ge" in bounds and "lt" in bounds:
        return f"{text} from {bounds['ge']:g} to below {bounds['lt']:g}"
    if "ge" in bounds and "le" in bounds:
        return f"{text} from {bounds['ge']} to {bounds['le']}"
    if "ge" in bounds:
        return f"{text}, {bounds['ge']:g} or more"
    if "gt" in bounds:
        return f"{text} above {bounds['gt']:g}"
    if "min_length" in bounds:
        return f"{text}; at least {bounds['min_length']} of them"
    return text
