"""Sections of a report that may fail: a note takes their place, and the others are shown."""

import logging
from collections.abc import Callable
from typing import TypeVar

from bows.errors import BowsError

log = logging.getLogger(__name__)
_Made = TypeVar("_Made")


def try_section(name: str, make: Callable[[], _Made]) -> tuple[_Made | None, str]:
    """Return what `make` returns and an empty note; or None and a note of one sentence on why there is nothing.

    A report is written when a run is over, and no fault of a report may cost the run. An expected error is stated as it is; any other is
    a fault of bows, and its type is stated.

    name: The section, as "The word map".
    """
    try:
        return make(), ""
    except BowsError as error:
        return None, f"{name} cannot be shown: {error}."
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        log.warning("report: %s could not be made: %s", name[:1].lower() + name[1:], text)
        log.debug("traceback of the failed section:", exc_info=error)
        return None, f"{name} could not be made, because of a fault in bows: {text}."
