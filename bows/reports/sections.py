"""Parts of a page that may fail: the page says so in their place, and goes on."""

import logging
from collections.abc import Callable
from typing import TypeVar

from bows.errors import BowsError

log = logging.getLogger(__name__)
_Made = TypeVar("_Made")


def attempt(what: str, make: Callable[[], _Made]) -> tuple[_Made | None, str]:
    """What `make` makes and an empty note; or None and a note of one sentence on why there is none.

    A report is written when a run is over, and no fault of a page may cost the run. An expected error is told as it is; any other is
    a fault of bows, told by its type.

    what: the part, as "The word map".
    """
    try:
        return make(), ""
    except BowsError as error:
        return None, f"{what} cannot be shown: {error}."
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        log.warning("report: %s could not be made: %s", what[:1].lower() + what[1:], said)
        log.debug("where it failed:", exc_info=error)
        return None, f"{what} could not be made, by a fault of bows: {said}."
