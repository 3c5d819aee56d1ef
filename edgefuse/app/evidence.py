"""Evidence sheets: per belief what it rests on, what is to be expected of it, and what it was taught at home."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgefuse.app.build import state_dir
from edgefuse.config.models import Site
from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.core.ports import Models
from edgefuse.core.types import SECOND, Nanoseconds
from edgefuse.fusion.calibration import FEWEST
from edgefuse.fusion.card import FusionCard, Pattern
from edgefuse.fusion.experience import Experience, Lesson
from edgefuse.fusion.explain import sigmoid

_SHOWN = 20


def stored_experience(folder: Path) -> Experience:
    """The answers as a daemon stored them, also while it runs; none where it never ran.

    Raises ConfigError for a file that cannot be read.
    """
    path = folder / "outbox.db"
    if not path.exists():
        return Experience()
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            row = db.execute("SELECT value FROM rule_state").fetchone()
        return Experience.from_json(json.loads(row[0]).get("experience", {})) if row else Experience()
    except (sqlite3.Error, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: the stored answers cannot be read: {error}") from error


def sheet(site: Site, models: Models, belief: str | None = None) -> str:
    """One Markdown page for a belief, or for all. Raises ConfigError for a belief that is not configured."""
    if belief is not None and belief not in site.beliefs:
        raise ConfigError(f"there is no belief '{belief}' (known: {', '.join(site.beliefs)})")
    experience = stored_experience(state_dir(site))
    names = [belief] if belief is not None else list(site.beliefs)
    return "\n".join(line for name in names for line in _belief(name, site, models, experience.lesson(name)))


def _belief(name: str, site: Site, models: Models, lesson: Lesson) -> Iterator[str]:
    config = site.beliefs[name]
    yield from (f"# {name}", "", f"On from p = {config.threshold + config.hysteresis:.2f}; fuser `{config.fuser}`.", "")
    yield from _rests_on(config)
    if getattr(config, "model", None):
        yield from _expected(config.model, models, config)
    yield from _taught(name, lesson, config)


def _rests_on(config: Any) -> Iterator[str]:
    evidence = list(getattr(config, "evidence", ()) or ())
    if evidence:
        yield from ("| rests on | seen while true | seen while false |", "|---|---|---|")
        yield from (f"| {each.what} from {each.from_} | {each.if_true:g} | {each.if_false:g} |" for each in evidence)
        yield ""


def _expected(model: str, models: Models, config: Any) -> Iterator[str]:
    try:
        card = FusionCard.model_validate(dict(models.card(model)))
    except ModelError as error:
        yield from (f"Its model is not here: {error}", "")
        return
    yield from (f"Model `{card.name}`: {card.what}. Trained on {card.data.get('source', 'unknown data')}.", "")
    label = getattr(config, "label", None) or card.classes[-1]
    yield from (
        "| while this is known | samples | accuracy | calibration error | precision | recall |",
        "|---|---|---|---|---|---|",
    )
    yield from (_pattern(pattern, label, config.threshold) for pattern in card.patterns)
    yield ""
    yield from (f"- {limit}" for limit in card.limits)
    yield ""


def _pattern(pattern: Pattern, label: str, threshold: float) -> str:
    points = [point for point in pattern.operating.get(label, []) if point[0] <= threshold]
    precision, recall = (f"{value:.2f}" for value in points[-1][1:]) if points else ("?", "?")
    accuracy, ece = pattern.metrics.get("accuracy"), pattern.metrics.get("ece_after")
    cells = (", ".join(pattern.present) or "nothing", str(pattern.n), _n(accuracy), _n(ece), precision, recall)
    return f"| {' | '.join(cells)} |"


def _n(value: float | None) -> str:
    return "?" if value is None else f"{value:.3f}"


def _taught(name: str, lesson: Lesson, config: Any) -> Iterator[str]:
    move, answers = lesson.adjustment, lesson.answers
    if not answers:
        yield from ("Nobody has said yet whether it was right: send `set/confirm`.", "")
        return
    right = sum((each.log_odds > 0) == each.truth for each in answers)
    yield from (f"{len(answers)} answers; it was right in {right} of them.", "")
    if not config.learn:
        yield "They move nothing: `learn: false`."
    elif not move.n:
        yield f"They move nothing: fewer than {FEWEST}, or it would not have helped on answers left out."
    else:
        shown = ", ".join(
            f"{p:.0%} becomes {sigmoid(move(x)):.0%}" for p, x in ((0.2, -1.386), (0.5, 0.0), (0.8, 1.386))
        )
        yield f"They move its probability: {shown} (log-odds times {move.scale:.2f} plus {move.shift:.2f})."
    if lesson.drifted is not None:
        yield f"What it said had become wrong by {_time(lesson.drifted)}; older answers were dropped."
    yield from ("", f'The way back: `set/forget` with `{{"belief": "{name}"}}`.', "")
    yield from (
        "| about | it said | the user said | what spoke for (+) and against (-) it | missing |",
        "|---|---|---|---|---|",
    )
    for each in answers[-_SHOWN:]:
        verdict = "right" if each.truth else "wrong"
        spoke = _spoke(each.contributions)
        yield f"| {_time(each.at)} | {sigmoid(each.log_odds):.2f} | {verdict} | {spoke} | {', '.join(each.missing)} |"
    yield ""


def _spoke(contributions: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:+.1f}" for name, value in sorted(contributions.items(), key=lambda e: -abs(e[1])))


def _time(wall: Nanoseconds) -> str:
    return datetime.fromtimestamp(wall / SECOND, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
