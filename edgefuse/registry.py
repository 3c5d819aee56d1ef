"""Finds plug-ins by name through entry points; loads only what is asked for."""

from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeAlias, cast

from edgefuse.core.errors import ConfigError
from edgefuse.core.types import Modality

Kind: TypeAlias = Literal["source", "detector", "backend", "fuser", "publisher"]


def names(kind: Kind) -> list[str]:
    """Every installed plug-in of a kind, sorted; none of them is imported."""
    return sorted(_entries(kind))


def load(kind: Kind, name: str) -> type[Any]:
    """The class of a plug-in. Raises ConfigError for an unknown name or one that cannot be imported."""
    entries = _entries(kind)
    if name not in entries:
        near = get_close_matches(name, entries, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise ConfigError(f"unknown {kind} type '{name}'{hint} (known: {', '.join(sorted(entries))})")
    try:
        loaded = entries[name].load()
    except ImportError as error:
        raise ConfigError(f"{kind} '{name}' needs a package that is not installed: {error}") from error
    except AttributeError as error:
        raise ConfigError(f"{kind} '{name}': its entry point names nothing in its module: {error}") from error
    except SyntaxError as error:
        raise ConfigError(f"{kind} '{name}': its module cannot be read: {error}") from error
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:  # another numpy, no driver
        raise ConfigError(f"{kind} '{name}': its module cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(loaded, type):
        raise ConfigError(f"{kind} '{name}': expected a class at its entry point {entries[name].value}, got {loaded!r}")
    return loaded


def config_of(kind: Kind, name: str) -> type[Any]:
    """The pydantic model of a plug-in's configuration. Raises ConfigError like `load`."""
    config = getattr(load(kind, name), "Config", None)
    if not isinstance(config, type):
        raise ConfigError(f"{kind} '{name}': expected a class `Config` in its class, got {config!r}")
    return config


def modality_of(kind: Kind, config: Any) -> Modality | None:
    """What a source gives or a detector takes; None where only the built part knows. Raises ConfigError."""
    modality = getattr(config, "modality", None) or getattr(load(kind, config.type), "modality", None)
    return cast("Modality", modality) if isinstance(modality, str) else None


def installed_configs() -> dict[Kind, dict[str, type[Any]]]:
    """Configuration models of every plug-in that can be imported here, by kind and name."""
    found: dict[Kind, dict[str, type[Any]]] = {}
    for kind in ("source", "detector", "fuser", "publisher"):
        found[kind] = {}
        for name in names(kind):
            try:
                found[kind][name] = config_of(kind, name)
            except ConfigError:
                continue
    return found


@cache
def _entries(kind: Kind) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"edgefuse.{kind}s")}
