"""Write files atomically; read JSON."""

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock

from bows.errors import DataError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file under a temporary name and rename it: readers see the old or the new file, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_left_overs(folder: Path) -> None:
    """Remove the temporary files of processes of this machine that were killed while they wrote a file of the folder."""
    for file in folder.glob(".*"):
        *_, name, writer = ["", *file.name.removesuffix(".tmp").rsplit(".", 1)]
        if name and writer.isdecimal() and int(writer) != os.getpid() and not _runs(int(writer)):
            file.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's process
        return True
    return True


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, atomically."""
    write_whole(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; DataError where it is missing, cannot be read, or contains none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):  # the latter for brackets nested too deeply
        raise DataError(f"{path} is damaged: it is not JSON") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} is damaged: it is not a JSON object")
    return content


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def finite(metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics whose value is finite."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def file_mode() -> int:
    """Return the permissions of a new file by this process's umask, such as 0o664 where a group shares files."""
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def file_lock(path: Path, timeout: float = -1) -> BaseFileLock:
    """Return a lock that the operating system releases when its process ends, on a file with the permissions of the umask.

    The file stays when the lock is released. `timeout`: seconds to wait for it; negative to wait without limit.
    """
    return FileLock(path, timeout, mode=file_mode())
