"""Where the files that travel with the package lie: models/, deploy/ and systemd/."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(*parts: str) -> Path:
    """Path of a bundled file, the same from a wheel and from a checkout.

    ``resource("models", "catalogue.yaml")``. Raises FileNotFoundError when it is in neither place.
    """
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(f"{'/'.join(parts)} is missing from this installation; reinstall edgefuse")
