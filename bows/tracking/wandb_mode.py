"""Choose whether W&B runs online or offline, from the settings, the key and the network, without a prompt and in seconds."""

from __future__ import annotations

import os
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import wandb

from bows.errors import SettingError

CONNECT_SECONDS = 3.0
# Names that WANDB_MODE accepts in addition to those of logger.mode.
SYNONYMS = {"dryrun": "offline", "run": "online"}
MODES = ("online", "offline", "disabled")


def choose_mode(requested: str | None, folder: Path) -> tuple[str, str]:
    """Choose the mode of W&B before it starts.

    The setting ``logger.mode`` comes first, then the environment's ``WANDB_MODE``. With neither: online where a key
    is found and the host answers, else offline.

    Args:
        requested: ``logger.mode``: auto, online, offline or disabled; None is auto.
        folder: The run folder, named in the command that uploads an offline run.

    Returns:
        The mode (online, offline or disabled) and one sentence that states why.

    Raises:
        SettingError: The mode does not exist, a key cannot be read, or online was asked for and there is no key or no
            network.
    """
    mode, source = requested_mode(requested)
    if mode == "disabled":
        return mode, f"W&B: disabled ({source})."
    upload = f"upload later with: {sync_command(folder)}"
    if mode == "offline":
        return mode, f"W&B: offline ({source}); {upload}"
    with files_in(folder):
        url = server()
        found = has_key()
    if not found:
        if mode == "online":
            remedy = "run `wandb login` or set WANDB_API_KEY, or use logger.mode=offline"
            raise SettingError(f"{source} needs a key for {url}: {remedy}")
        return "offline", f"W&B: offline, no key found; {upload}"
    if not reachable(url):
        if mode == "online":
            problem = f"{url} cannot be reached within {CONNECT_SECONDS:.0f} s"
            raise SettingError(f"{source}: {problem}; use logger.mode=offline")
        return "offline", f"W&B: offline, {url} cannot be reached; {upload}"
    return "online", f"W&B: online at {url}."


def sync_command(folder: Path, online: bool = False) -> str:
    """Return the command that uploads what a run left on disk, which was `online` or offline when it wrote."""
    return f"wandb sync {folder}/wandb/{'run' if online else 'offline-run'}-*"


def requested_mode(requested: str | None) -> tuple[str, str]:
    """Return the requested mode, "auto" where none is, and the setting that requests it."""
    if requested not in (None, "auto"):
        if requested not in MODES:
            raise SettingError(f"logger.mode={requested}: choose one of auto, {', '.join(MODES)}")
        return requested, f"logger.mode={requested}"
    from_environment = os.environ.get("WANDB_MODE", "").lower()
    if not from_environment:
        return "auto", "logger.mode=auto"
    mode = SYNONYMS.get(from_environment, from_environment)
    if mode not in MODES:
        raise SettingError(f"WANDB_MODE={from_environment}: choose one of {', '.join(MODES)}, or unset it")
    return mode, f"WANDB_MODE={from_environment}"


@contextmanager
def files_in(folder: Path) -> Iterator[None]:
    """Let wandb put its staged and cached files into ``<run folder>/wandb``, which only environment variables can set.

    The home folder may not be writable, or not exist: a user without an entry in the password file has none.
    """
    place = str(folder.absolute() / "wandb")
    wanted = {"WANDB_DATA_DIR": place, "WANDB_CACHE_DIR": f"{place}/cache"}
    if not Path(os.path.expanduser("~")).is_absolute():
        wanted["HOME"] = place
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def server() -> str:
    """Return the address of the W&B server: WANDB_BASE_URL, else what ``wandb login --host`` stored, else W&B's own."""
    # Global settings; "online" since wandb.login refuses to look for a key otherwise. A run's own mode replaces it.
    return wandb.setup(settings=wandb.Settings(silent=True, mode="online")).settings.base_url.rstrip("/")


def has_key() -> bool:
    """Return whether wandb has credentials for its server, without a prompt and without a connection.

    Raises:
        SettingError: Credentials cannot be read, or are not well-formed.
    """
    problems: list[str] = []
    settings = wandb.setup().settings
    # A silent wandb sends its messages to this logger; a key file that cannot be read is only a warning of it.
    listener: Any = SimpleNamespace(info=lambda _: None, warning=problems.append, error=problems.append)
    wandb.termsetup(settings, listener)
    try:
        found = wandb.login(prompt=False, verify=False)
    except wandb.errors.Error as error:
        problems, found = [str(error)], False
    finally:
        wandb.termsetup(settings, None)
    if problems and not found:
        raise SettingError(f"{' '.join(problems[0].split())}; repair it or use logger.mode=offline")
    return found


def reachable(url: str) -> bool:
    """Return whether the server, or the proxy in front of it, accepts a connection within CONNECT_SECONDS."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
    proxy = urllib.request.getproxies_environment().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass_environment(host):
        proxy_parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        host, port = proxy_parts.hostname or "", proxy_parts.port or 80
    answered = threading.Event()

    def connect() -> None:
        try:
            with socket.create_connection((host, port), timeout=CONNECT_SECONDS):
                answered.set()
        except OSError:
            return

    # A thread, since looking a name up has no time limit of its own and may take much longer than the connection.
    attempt = threading.Thread(target=connect, daemon=True, name="wandb-reachable")
    attempt.start()
    attempt.join(CONNECT_SECONDS)
    return answered.is_set()
