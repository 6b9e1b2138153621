"""The folders of the configuration files and of the outputs."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parent

# In a checkout conf is next to the package; in a wheel it is inside.
CONF = next(folder for folder in (_PACKAGE / "conf", _CHECKOUT / "conf") if folder.is_dir())


def default_outputs() -> Path:
    """Return outputs/ of the checkout that bows runs from, or of the current folder where it is installed from a wheel."""
    home = _CHECKOUT if (_CHECKOUT / "pyproject.toml").is_file() else Path.cwd()
    return home / "outputs"
