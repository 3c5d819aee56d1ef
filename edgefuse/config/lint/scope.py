"""What the checks share: the site, what they say about it, and its names."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edgefuse.config.models import Site
from edgefuse.config.rules import Rule
from edgefuse.config.wording import nearest
from edgefuse.config.yaml import Path
from edgefuse.core.types import Modality


@dataclass(frozen=True, slots=True)
class Remark:
    """A mistake, or a warning."""

    path: Path
    message: str
    warning: bool = False
    key: bool = False
    """It is about the key at `path`, not about its value."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A site and what is known around it."""

    site: Site
    modality_of: Callable[[Literal["source", "detector"], Any], Modality | None]
    broken: Mapping[str, set[str]]
    rule_indexes: tuple[int, ...]
    unfilled: Callable[[Rule], list[str]]
    """Placeholders of a rule's actions that nothing can fill."""

    def names(self, *sections: str) -> list[str]:
        """Every name of these sections, those with mistakes too."""
        return [n for s in sections for n in (*getattr(self.site, s), *sorted(self.broken.get(s, ())))]

    def refers(self, path: Path, name: str, what: str, *sections: str, extra: tuple[str, ...] = ()) -> Iterator[Remark]:
        """Say so where `name` is in none of the sections."""
        known = [*self.names(*sections), *extra]
        if name not in known:
            yield Remark(path, f"expected the name of {what}, got '{name}'{nearest(name, known)}")

    def area_of(self, part: Any) -> str | None:
        """Its own area, else the device's."""
        area: str | None = getattr(part, "area", None) or self.site.device.area
        return area

    def zones(self, sources: list[str]) -> list[str]:
        """Names of the zones in the pictures of these sources."""
        return [zone for s in sources for zone in getattr(self.site.sources.get(s), "zones", None) or ()]

    def tells(self, detector: str, kind: str) -> bool:
        """Whether a detector makes observations of a kind; by its modality where its Config does not say."""
        config = self.site.detectors[detector]
        emits = getattr(config, "emits", None)
        if emits:
            return kind in emits
        modality = self.modality_of("detector", config)
        return modality in {None, {"utterance": "audio", "object": "vision"}[kind]}


def evidence_of(belief: Any) -> list[tuple[Path, Any]]:
    """What a belief rests on, with its place below the belief: a list `evidence`, `inputs` by name, and `otherwise`."""
    listed = [(("evidence", i), item) for i, item in enumerate(getattr(belief, "evidence", None) or ())]
    fed = [(("inputs", name), item) for name, item in (getattr(belief, "inputs", None) or {}).items() if item]
    spare = getattr(belief, "otherwise", None)
    others = evidence_of(spare) if spare is not None else []
    return [*listed, *fed, *((("otherwise", *path), item) for path, item in others)]


def evidence_from(item: Any) -> str:
    """The part that a piece of evidence comes from (`from:` in the file)."""
    return str(getattr(item, "from_", None) or getattr(item, "source", None) or "")
