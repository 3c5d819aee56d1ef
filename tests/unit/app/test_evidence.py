import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from edgefuse.app.build import read_site
from edgefuse.app.evidence import sheet, stored_experience
from edgefuse.config.models import Site
from edgefuse.core.errors import ConfigError
from edgefuse.core.types import SECOND, Decision
from edgefuse.fusion.experience import Experience
from edgefuse.fusion.explain import sigmoid
from edgefuse.fusion.refine import Moment

SITE = """
device: {{id: t, area: hall, state_dir: "{folder}"}}
sources: {{smoke: {{type: mqtt, topic: smoke}}}}
beliefs:
  hall.fire:
    prior: 0.2
    evidence: [{{from: smoke, label: smoke, equals: true, if_true: 0.9, if_false: 0.1}}]
"""
NOTHING: Any = None
"""No model is asked for."""
NOON = 1_795_435_200 * SECOND


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A belief that rests on a smoke alarm."""
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(folder=tmp_path), encoding="utf-8")
    return read_site(path)


def stored(folder: Path, value: str) -> None:
    """What a daemon leaves in its database."""
    with sqlite3.connect(folder / "outbox.db") as db:
        db.execute("CREATE TABLE rule_state (one INTEGER PRIMARY KEY, value TEXT NOT NULL)")
        db.execute("INSERT INTO rule_state VALUES (1, ?)", (value,))


def denied(times: int) -> Experience:
    """The same alarm, denied again and again."""
    said = Decision(
        "hall.fire",
        "hall",
        0,
        sigmoid(2.0),
        state=True,
        since=0,
        contributions={"sensor": 2.0},
        prior=0.0,
        without={},
        missing=("vision",),
        evidence=(),
    )
    experience = Experience()
    for _ in range(times):
        experience = experience.answered(Moment(said, said), NOON, NOON, truth=False)
    return experience


def test_sheet_tells_what_a_belief_rests_on(site: Site) -> None:
    """Before anybody answered, the page has the evidence with its weights, and how to answer."""
    page = sheet(site, NOTHING)

    assert "| smoke from smoke | 0.9 | 0.1 |" in page
    assert "set/confirm" in page


def test_sheet_tells_every_answer_and_what_it_changed(site: Site, tmp_path: Path) -> None:
    """Nine denials: each with its time, what was said and what spoke for it; what 50 % means by then; the way back."""
    stored(tmp_path, json.dumps({"experience": denied(9).to_json()}))
    page = sheet(site, NOTHING, "hall.fire")

    assert "9 answers; it was right in 0 of them" in page
    assert page.count("| 2026-11-23 12:00:00 UTC | 0.88 | wrong | sensor +2.0 | vision |") == 9
    assert "50% becomes" in page
    assert 'set/forget` with `{"belief": "hall.fire"}`' in page


def test_a_database_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Something else in the place of the answers is an error with the file's name, not an empty page."""
    stored(tmp_path, "[]")

    with pytest.raises(ConfigError, match=r"outbox\.db: the stored answers cannot be read"):
        stored_experience(tmp_path)


def test_an_unknown_belief_is_refused(site: Site) -> None:
    """The known ones are named."""
    with pytest.raises(ConfigError, match=r"no belief 'hall.flood' \(known: hall.fire\)"):
        sheet(site, NOTHING, "hall.flood")
