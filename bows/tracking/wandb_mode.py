"""Online or offline: decided from the settings, the key and the network, in seconds and without a question."""

from __future__ import annotations

import netrc
import os
import socket
import threading
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import wandb

from bows.errors import SettingError

CONNECT_SECONDS = 3.0
# Names that WANDB_MODE accepts besides ours.
SYNONYMS = {"dryrun": "offline", "run": "online"}
MODES = ("online", "offline", "disabled")


def choose_mode(requested: str | None = None, folder: str | Path | None = None) -> tuple[str, str]:
    """Decide how W&B runs, before it starts.

    The setting ``logger.mode`` comes first, then the environment's ``WANDB_MODE``. With neither: online where a key
    is found and the host answers, else offline.

    Args:
        requested: ``logger.mode``: auto, online, offline or disabled; None is auto.
        folder: The run folder, named in the command that uploads an offline run.

    Returns:
        The mode (online, offline or disabled) and one sentence that says why.

    Raises:
        SettingError: A mode that does not exist, or online was asked for and there is no key or no network.
    """
    mode, source = asked_for(requested)
    if mode == "disabled":
        return mode, f"W&B: disabled ({source})."
    upload = f"upload later with: {sync_command(folder)}"
    if mode == "offline":
        return mode, f"W&B: offline ({source}); {upload}"
    url = base_url()
    key = key_source(url)
    if key is None:
        if mode == "online":
            raise SettingError(
                f"{source} needs a key for {url}: run `wandb login` or set WANDB_API_KEY, or use logger.mode=offline"
            )
        return "offline", f"W&B: offline, no key found; {upload}"
    if not reachable(url):
        if mode == "online":
            raise SettingError(
                f"{source}: {url} cannot be reached within {CONNECT_SECONDS:.0f} s; use logger.mode=offline"
            )
        return "offline", f"W&B: offline, {url} cannot be reached; {upload}"
    return "online", f"W&B: online at {url} ({key})."


def sync_command(folder: str | Path | None, online: bool = False) -> str:
    """The command that uploads what a run left on disk.

    Args:
        folder: The run folder; None leaves a placeholder.
        online: Whether the run was online when it wrote.
    """
    start = "<run folder>" if folder is None else str(folder)
    return f"wandb sync {start}/wandb/{'run' if online else 'offline-run'}-*"


def base_url() -> str:
    """The address of the W&B server: WANDB_BASE_URL, else what ``wandb login --host`` stored, else W&B's own."""
    from_environment = os.environ.get("WANDB_BASE_URL")
    if from_environment:
        return from_environment.rstrip("/")
    return wandb.setup(settings=wandb.Settings(silent=True)).settings.base_url.rstrip("/")


def asked_for(requested: str | None) -> tuple[str, str]:
    """The mode asked for ("auto" where nobody asked) and the setting that asked."""
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


def key_source(url: str) -> str | None:
    """Where wandb will find its credentials for this server, or None."""
    for variable in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
        if os.environ.get(variable):
            return f"key from {variable}"
    path = _netrc_path()
    if path is None:
        return None
    try:
        entries = netrc.netrc(path).hosts
    except (netrc.NetrcParseError, OSError) as error:
        raise SettingError(f"{path} cannot be read ({error}); repair it or use logger.mode=offline") from error
    hosts = [urlsplit(url).netloc]
    # Newer wandb versions reach the public service under another name and take the key stored under the old one.
    if hosts[0].endswith("forge.coreweave.com"):
        hosts.append("api.wandb.ai")
    if any(host in entries and entries[host][2] for host in hosts):
        return f"key from {path}"
    return None


def _netrc_path() -> Path | None:
    if named := os.environ.get("NETRC"):
        path = Path(named).expanduser()
        return path if path.exists() else None
    candidates = (Path("~/.netrc").expanduser(), Path("~/_netrc").expanduser())
    return next((path for path in candidates if path.exists()), None)


def reachable(url: str) -> bool:
    """Whether the server, or the proxy before it, takes a connection in time."""
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

    # A thread, since looking a name up has no time-out of its own and may take much longer than the connection.
    attempt = threading.Thread(target=connect, daemon=True, name="wandb-reachable")
    attempt.start()
    attempt.join(CONNECT_SECONDS)
    return answered.is_set()
