"""Check every key and value of a composed configuration.

The nodes `data` and `model` are checked against the signature of the function or class that their `_target_` names, a user's own
included; all others against bows.config.schema. An error is one line that names the setting, its value and what is allowed.
"""

from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from bows.config.resolve import dotted, target_of, trains_on_pairs
from bows.config.schema import ROOTS, TrainConfig, TrainerSettings
from bows.config.signature import fields_of, schema_of
from bows.config.suggestions import suggest
from bows.errors import SettingError
from bows.setting_types import Name

UNKNOWN = {"unexpected_keyword_argument", "extra_forbidden"}
# The names of constraints, sorted -> what they allow.
BOUNDS = {
    ("gt", "lt"): " between {gt:g} and {lt:g}, neither included",
    ("ge", "lt"): " from {ge:g} to below {lt:g}",
    ("ge", "le"): " from {ge} to {le}",
    ("ge",): ", {ge:g} or more",
    ("gt",): " above {gt:g}",
    ("min_length",): "; at least {min_length} of them",
}


def check(config: dict[str, Any], root: str = "train", only_keys: bool = False) -> Any:
    """Return a composed configuration, plain and resolved, as the dataclass of its root: `train`, `corpus` or `analyze`.

    With `only_keys` the keys alone are checked: a whole sweep is refused for a misspelt key; a wrong value fails in its own job.

    Raises:
        SettingError: A key or a value is not allowed.
    """
    if unset := next((name for name, value in dotted(config) if value == "???"), None):
        raise SettingError(f"{unset} is not set and has no default; give {unset}=<value>")
    if not str(config.get("outputs", ".")).strip():
        raise SettingError("outputs= is empty; give a folder")  # in a sweep too: it would write into the root folder
    checked = _validate(ROOTS[root], config, "", only_keys)
    if checked is not None:
        checked.plain = config
    if isinstance(checked, TrainConfig) and not only_keys:
        _check_decay(config)
        _check_strategy(checked.trainer.strategy)
    # After all that needs no import of a user's module, or of torch.
    for section in ("data", "model"):
        if config.get(section) is not None:
            given = {key: value for key, value in config[section].items() if key != "_target_"}
            schema = schema_of(target_of(config[section], section), section)
            if section == "data" and "name" not in (fields_of(schema) or {}):
                given.pop("name", None)  # it names the run
            _validate(schema, given, section, only_keys)
    if root == "train":
        trainer = checked.trainer if isinstance(checked, TrainConfig) and not only_keys else None
        _refuse_a_mixture(config["data"], config["model"], trainer)
    elif (data := config.get("data")) and trains_on_pairs(data):
        raise SettingError(
            f"data={_option(data)}: these are pairs, not bags of words; train on them: python -m bows.train data={_option(data)} "
            "model=pair_classifier"
        )
    return checked


def _check_decay(config: dict[str, Any]) -> None:
    # A negative decay makes weights grow without bound, so it has a setting of its own.
    if config["optimizer"]["allow_negative_decay"]:
        return
    for setting, value in (("wd", config["wd"]), ("optimizer.weight_decay", config["optimizer"]["weight_decay"])):
        if value < 0:
            raise SettingError(
                f"{setting}={value} is not allowed; allowed: a number, 0 or more (or set optimizer.allow_negative_decay=true)"
            )


def _check_strategy(strategy: str) -> None:
    if strategy in ("auto", "ddp"):
        return
    # Imported here: it takes seconds, and few runs name another strategy.
    from pytorch_lightning.strategies import StrategyRegistry

    if strategy not in (known := StrategyRegistry.available_strategies()):
        raise SettingError(f"trainer.strategy={strategy} is not allowed; {suggest(strategy, ['auto', *known])}")


def _refuse_a_mixture(data: dict[str, Any], model: dict[str, Any], trainer: TrainerSettings | None) -> None:
    """Refuse data and a model that do not fit each other, or a model and a trainer that do not."""
    if model.get("bias") is False and model.get("bias_start") == "frequency":
        raise SettingError(
            "model.bias=false is not allowed with model.bias_start=frequency, which sets the bias; add model.bias_start=zero"
        )
    pairs, reads_pairs = trains_on_pairs(data), trains_on_pairs(model)
    name = target_of(model).__name__
    if pairs and not reads_pairs:
        raise SettingError(
            f"data={_option(data)}: these are pairs, and the model {name} reads bags of words; add model=pair_classifier"
        )
    option = "pair_classifier" if name == "PairClassifier" else name
    if reads_pairs and not pairs:
        raise SettingError(
            f"model={option} reads pairs, and data {data.get('name', data['_target_'])} are bags of words; add data=cities or "
            "data=modular_addition"
        )
    if reads_pairs and trainer and (trainer.strategy != "auto" or trainer.devices != 1 or trainer.num_nodes != 1):
        raise SettingError(
            f"trainer.strategy={trainer.strategy} with trainer.devices={trainer.devices}: model={option} trains in one process; use "
            "trainer=auto"
        )


def _option(data: dict[str, Any]) -> str:
    # A factory has the name of its option.
    return str(data["_target_"]).rpartition(".")[2]


def _validate(kind: type, config: dict[str, Any], path: str, only_keys: bool) -> Any:
    """Return the configuration as `kind`; None where it has errors other than unknown keys and `only_keys` is set."""
    try:
        return TypeAdapter(kind).validate_python(config)
    except ValidationError as error:
        problems = error.errors()
    # Unknown keys first: a misspelt key often explains the other errors.
    problems.sort(key=lambda problem: problem["type"] not in UNKNOWN)
    for problem in problems:
        place = [str(part) for part in problem["loc"]]
        if problem["type"] in UNKNOWN:
            *groups, _ = place
            prefix = [path, *groups] if path else groups
            known = [".".join([*prefix, name]) for name in fields_of(_setting_at(kind, config, groups)[1]) or {}]
            setting = ".".join([path, *place] if path else place)
            raise SettingError(f"{setting}: there is no such setting; {suggest(setting, known)}")
        if only_keys:
            continue
        names, annotation, value = _setting_at(kind, config, place)
        setting = ".".join([path, *names] if path else names)
        if problem["type"] in {"missing", "missing_keyword_only_argument"} and len(names) == len(place):
            raise SettingError(f"{setting} is missing; give {setting}=<value>")
        if place[-1] == "[key]":
            raise SettingError(f"{setting}: this name is not allowed; allowed: {allowed(Name)}")
        reason = f" ({problem['ctx']['error']})" if "ctx" in problem and problem["type"] == "value_error" else ""
        is_scalar = isinstance(problem["input"], (bool, int, float, type(None)))
        hint = _as_text(setting, value) if problem["type"] == "string_type" and is_scalar else ""
        raise SettingError(f"{setting}={_shown(value)} is not allowed{reason}; allowed: {allowed(annotation)}{hint}")
    return None


def _as_text(setting: str, value: Any) -> str:
    """Return how to write a value as text that Hydra takes for a number, a truth value or null."""
    quoted = ",".join(f"'{_shown(each)}'" for each in (value if isinstance(value, list) else [value]))
    return f'; as text: "{setting}={f"[{quoted}]" if isinstance(value, list) else quoted}"'


def _setting_at(kind: Any, value: Any, place: list[str]) -> tuple[list[str], Any, Any]:
    """Return the names, the annotation and the value of the setting at an error's place."""
    names = []
    for part in place:
        group = fields_of(kind)
        if group is not None and part in group:
            kind = group[part]
        elif get_origin(kind) is dict:
            kind = get_args(kind)[1]
        else:
            break
        names.append(part)
        value = value.get(part) if isinstance(value, dict) else None
    return names, kind, value


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text if len(text) <= 120 else f"{text[:100]}... ({len(text)} characters)"


def allowed(annotation: Any) -> str:
    """Describe what an annotation allows.

    >>> from bows.setting_types import Count, Positive
    >>> allowed(Count), allowed(Literal["a", "b"]), allowed(Positive | None)
    ('a whole number, 1 or more', 'a, b', 'a number above 0, or null')
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation in (None, type(None)):
        return "null"
    if origin is Annotated:
        base, *metadata = args
        bounds: dict[str, Any] = {}
        for item in metadata:
            for constraint in getattr(item, "metadata", [item]):
                for name in ("ge", "gt", "lt", "le", "min_length", "pattern"):
                    if getattr(constraint, name, None) is not None:
                        bounds[name] = getattr(constraint, name)
        if "pattern" in bounds:
            return "text without slashes or line breaks, 1 to 200 bytes"
        return allowed(base) + BOUNDS.get(tuple(sorted(bounds)), "").format(**bounds)
    if origin is Literal:
        return ", ".join(str(choice) for choice in args)
    if origin is list:
        return f"a list, [a,b,...], each {allowed(args[0])}"
    if origin is dict:
        return f"a mapping of names, each to {allowed(args[1])}"
    if origin is tuple:
        return f"{len(args)} numbers, [a,b], each {allowed(args[0])}"
    if args:
        return ", or ".join(allowed(arg) for arg in args)
    if (group := fields_of(annotation)) is not None:
        return "{" + ", ".join(f"{name}: {allowed(kind)}" for name, kind in group.items()) + "}"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Any: "any value"}
    return names.get(annotation, str(annotation))
