"""The model store with everything that is installed."""

from collections.abc import Callable
from pathlib import Path

from edgefuse.config.lint import Nameable
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.core.ports import Backend, Clock, Trial
from edgefuse.engines.catalogue import Entry, load_catalogue
from edgefuse.engines.guard import guarded
from edgefuse.engines.select import CPU
from edgefuse.engines.serve import Plugins
from edgefuse.engines.store import Progress, Store, models_dir
from edgefuse.fusion.card import FusionCard
from edgefuse.pipeline.clock import SystemClock
from edgefuse.registry import load, names


def model_store(config: ModelsConfig, clock: Clock, progress: Progress = lambda *_: None) -> Store:
    """Make a store that knows every installed backend. Raises ModelError for a broken catalogue."""
    backends: dict[str, Callable[[Path], Backend]] = {}
    broken: dict[str, str] = {}
    for name in names("backend"):
        try:
            kind = load("backend", name)
            backends[name] = kind if name == CPU else guarded(kind)
        except ConfigError as error:
            broken[name] = str(error)
    return Store(config, clock, progress, Plugins(backends, broken, trial_of))


def nameable(config: ModelsConfig) -> Nameable:
    """Engines and models that a configuration may name here."""
    engines = ["auto", "cpu", *names("backend")]
    try:
        entries = load_catalogue(models_dir(config))
    except ModelError as error:
        return Nameable(engines, (), fault=str(error))
    cards = {name: FusionCard.model_validate(entry.card["fusion"]) for name, entry in entries.items() if entry.trained}

    def lacking(name: str) -> str:
        try:
            model_store(config, SystemClock()).path(name)
        except ModelError as error:
            return str(error)
        return ""

    return Nameable(engines, sorted(entries), cards, lacking=lacking)


def trial_of(entry: Entry) -> Trial | None:
    """How the detector that feeds a model samples and judges it; None where no installed one says."""
    for detector in entry.used_by:
        if detector not in names("detector"):
            continue
        trial = getattr(load("detector", detector), "trial", None)
        found: Trial | None = trial(entry.name) if trial else None
        if found is not None:
            return found
    return None
