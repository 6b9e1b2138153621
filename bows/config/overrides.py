"""Parse and quote Hydra overrides."""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from bows.errors import SettingError


def quoted(path: Path | str) -> str:
    """A path or another text as the value of an override, whatever characters it holds."""
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"


def parse(words: Sequence[str]) -> list[Override]:
    """Raises SettingError for a word that is not of the form setting=value."""
    overrides = []
    for word in words:
        try:
            overrides += OverridesParser.create().parse_overrides([word])
        except HydraException as error:
            if hint := _meant(word):
                raise SettingError(f"{word}: this is not of the form setting=value; {hint}") from error
            raise SettingError(
                f"{word}: this is not of the form setting=value; quote a value that holds commas, spaces, = or brackets twice, "
                "once for the shell and once for Hydra: \"data.train='my, file.txt'\""
            ) from error
    return overrides


def _meant(word: str) -> str | None:
    """What was probably meant by a word without =."""
    if "=" not in word and Path(word).is_dir():
        return f"for a run folder write run={word}, or resume={word} to go on with it"
    return None
