"""Checks of what names engines and models: `models`, and beliefs that ask a trained model."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgefuse.config.lint.scope import Remark
from edgefuse.config.models import ModelsConfig, Site
from edgefuse.config.wording import nearest
from edgefuse.config.yaml import Path


@dataclass(frozen=True, slots=True)
class Nameable:
    """What `models` may name here."""

    engines: Collection[str]
    models: Collection[str]
    """Of the catalogue; empty where it cannot be read, and nothing is concluded."""
    cards: Mapping[str, Any] = field(default_factory=dict)
    """Of the trained models among them."""
    fault: str = ""
    """Why the catalogue, or a card that counts to it, cannot be read; nothing starts then."""
    lacking: Callable[[str], str] = lambda _name: ""
    """Why the weights of a trained model are not here; empty where they are."""


def engine_remarks(models: ModelsConfig, known: Nameable) -> Iterator[Remark]:
    """Names of engines that are not installed, and of models that are in no catalogue."""
    wanted: dict[tuple[str, ...], str] = {("engine",): models.engine}
    for name, own in models.per_model.items():
        if known.models and name not in known.models:
            message = f"expected a model of the catalogue, got '{name}'{nearest(name, known.models)}"
            yield Remark(("models", "per_model", name), message, key=True)
        if own.engine is not None:
            wanted["per_model", name, "engine"] = own.engine
    for path, engine in wanted.items():
        if engine not in known.engines:
            message = f"expected an engine that is installed, got '{engine}'{nearest(engine, known.engines)}"
            yield Remark(("models", *path), message)


def trained_remarks(site: Site, known: Nameable) -> Iterator[Remark]:
    """Beliefs whose Config has `model` and `fits(card)`: a model that is not there, and what does not fit its card.

    A model that is not there, or without its weights, is a warning where the belief says what decides otherwise.
    """
    asking = {name: belief for name, belief in site.beliefs.items() if hasattr(belief, "fits")}
    if known.fault:
        places: list[Path] = [("beliefs", name, "model") for name in asking]
        yield from (Remark(place, known.fault) for place in places or [("models",)])
    for name, belief in asking.items() if known.models else ():
        if belief.model in known.cards:
            for place, message in belief.fits(known.cards[belief.model]):
                yield Remark(("beliefs", name, *place), message, key=len(place) > 1)
            missing = known.lacking(belief.model)
        else:
            missing = f"expected a trained model, got '{belief.model}'{nearest(belief.model, known.cards)}"
        if missing:
            spare = getattr(belief, "otherwise", None) is not None
            instead = "; what stands under `otherwise` would decide" if spare else ""
            yield Remark(("beliefs", name, "model"), missing + instead, warning=spare)
