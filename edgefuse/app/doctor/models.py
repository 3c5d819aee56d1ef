"""The models: here, whole, and what each runs on."""

from collections.abc import Iterator, Sequence

from edgefuse.app.doctor.findings import Case, Finding
from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig, Site
from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.engines.store import ModelRow
from edgefuse.registry import load


def check(case: Case) -> Iterator[Finding]:
    """What is here in one line; a line more for each that is broken, or needed and missing."""
    config = case.site.models if case.site else ModelsConfig()
    try:
        store = model_store(config, case.clock)
        rows = store.list()
    except ModelError as error:
        found, _, then = str(error).partition("; ")
        yield Finding(
            "here", "models", "fail", found, then or "mend catalogue.yaml there, or `models:` in the configuration"
        )
        return
    here = [row for row in rows if row.state == "cached"]
    size = sum(row.size for row in here) / 1e6
    yield Finding("here", "models", "ok", f"{len(here)} of {len(rows)} in {store.dir}, {size:.0f} MB")
    needed = _needed(case.site, rows)
    known = {row.name: row for row in rows}
    for name in needed:
        if name not in known:
            found = f"is not in the catalogue of {store.dir}"
            yield Finding(name, "models", "fail", found, "run `edgefuse models list` to see what there is")
    for row in rows:
        if row.state == "corrupt":
            advice = f"run `edgefuse models pull {row.name}` to repair it"
            yield Finding(row.name, "models", "fail", f"its files in {store.dir} are damaged", advice)
        elif row.state == "missing" and row.name in needed:
            yield _missing(case, config, row)


def _missing(case: Case, config: ModelsConfig, row: ModelRow) -> Finding:
    advice = f"run `edgefuse models pull {row.name}` ({row.size / 1e6:.0f} MB)"
    if case.site is None or config.pull == "auto":
        return Finding(row.name, "models", "warn", "not here yet; the first start would fetch it", advice)
    return Finding(row.name, "models", "fail", "not here, and models.pull is never", advice)


def _needed(site: Site | None, rows: Sequence[ModelRow]) -> list[str]:
    """What the detectors of a configuration load, else everything that is not optional."""
    if site is None:
        return [row.name for row in rows if not row.optional]
    return models_of_site(site)


def models_of_site(site: Site) -> list[str]:
    """Names of the models that the detectors of a configuration load."""
    return list(dict.fromkeys(name for config in site.detectors.values() for name in _models_of(config)))


def _models_of(config: object) -> Sequence[str]:
    try:
        needs = getattr(load("detector", getattr(config, "type", "")), "models", None)
    except ConfigError:  # told with the packages
        return ()
    return tuple(needs(config)) if needs else ()
