"""Encoders and fusions by name: a module each in `edgefuse.training.encoders` and `edgefuse.training.fusions`."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from torch import nn

from edgefuse.core.errors import ConfigError


def encoder(kind: str, shape: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
    """An encoder of (B, *shape), standardised float32 or token ids, to (B, width).

    It has `width`, and may have `fit(x)`, called once with the training inputs. Raises ConfigError for an unknown kind,
    wrong options or a shape that it does not take.
    """
    return _make("encoders", kind, shape, options)


def fusion(kind: str, widths: Mapping[str, int], classes: int, options: Mapping[str, Any]) -> nn.Module:
    """A fusion of {modality: (B, width)}, zero where masked, and a mask (B, modalities).

    It gives `logits` (B, classes), and may give `loss`, a scalar that is added, and `each`, {modality: logits}. Raises
    ConfigError for an unknown kind or wrong options.
    """
    return _make("fusions", kind, widths, classes, options)


def known(family: str) -> list[str]:
    """Names of the encoders or fusions."""
    return sorted(found.name for found in iter_modules([str(Path(__file__).parent / family)]))


def _make(family: str, kind: str, *args: Any) -> nn.Module:
    name = f"edgefuse.training.{family}.{kind}"
    if not kind.isidentifier() or find_spec(name) is None:
        raise ConfigError(f"unknown kind '{kind}' of {family} (known: {', '.join(known(family))})")
    try:
        made: nn.Module = import_module(name).make(*args)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{family[:-1]} '{kind}': {error}") from error
    return made
