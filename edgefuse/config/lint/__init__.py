"""What the types cannot see: names that refer to nothing, parts that do not fit, rules that cannot fire."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from edgefuse.config.lint.engines import Nameable, engine_remarks, trained_remarks
from edgefuse.config.lint.parts import part_remarks
from edgefuse.config.lint.rules import rule_remarks
from edgefuse.config.lint.scope import Remark, Scope
from edgefuse.config.models import ModelsConfig, Site
from edgefuse.config.rules import Rule
from edgefuse.core.types import Modality

__all__ = ["Nameable", "Remark", "lint"]


def lint(
    site: Site,
    modality_of: Callable[[Literal["source", "detector"], Any], Modality | None] | None = None,
    broken: Mapping[str, set[str]] | None = None,
    rule_indexes: Sequence[int] | None = None,
    unfilled: Callable[[Rule], list[str]] | None = None,
    nameable: Callable[[ModelsConfig], Nameable] | None = None,
) -> Iterator[Remark]:
    """Say what is wrong with a site whose types are right.

    `broken`: section -> names that are in the file but left out of `site`; nothing is concluded from them.
    `rule_indexes`: the place in the file of each of `site.rules`, where some were left out. `unfilled`: which
    placeholders in the actions of a rule nothing can fill; the rule engine knows. `nameable`: engines and models
    that are here.
    """
    indexes = range(len(site.rules)) if rule_indexes is None else rule_indexes
    nothing: list[str] = []
    modality = modality_of or (lambda _kind, _config: None)
    scope = Scope(site, modality, broken or {}, tuple(indexes), unfilled or (lambda _rule: nothing))
    yield from part_remarks(scope)
    yield from rule_remarks(scope)
    if nameable is not None:
        known = nameable(site.models)
        yield from engine_remarks(site.models, known)
        yield from trained_remarks(site, known)
