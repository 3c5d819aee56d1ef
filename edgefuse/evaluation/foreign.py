"""Speech that is no order here: whether anything would be done."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgefuse.app.build import read_site
from edgefuse.core.types import SECOND
from edgefuse.detectors.voice.grammar import Grammar, of_site
from edgefuse.detectors.voice.hearing import Hearing
from edgefuse.detectors.voice.orders import interpreted
from edgefuse.detectors.voice.understand import Meaning
from edgefuse.evaluation.clips import progress, resampled, speech_in
from edgefuse.grounding.dialogue.state import DialogueState
from edgefuse.grounding.dialogue.step import Dialogue
from edgefuse.grounding.ground import ground
from edgefuse.grounding.order import Interpretation
from edgefuse.grounding.scene import Scene
from edgefuse.grounding.words import Words
from edgefuse.resources import resource

MOST = 200
"""Clips, drawn at random, always the same."""
_IDLE = frozenset({"yes", "no", "cancel", "help", "repeat"})
"""What does nothing where nothing was asked."""
_NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def clips_of(folders: Sequence[Path]) -> list[Path]:
    """At most MOST clips of the folders and their subfolders. Raises ConfigError for a folder without sound."""
    found = [path for folder in folders for path in speech_in(folder)]
    return sorted(random.Random(0).sample(found, MOST)) if len(found) > MOST else found  # noqa: S311  no secret


def acted_upon(
    clips: Sequence[Path], hearing: Hearing, does: Callable[[Meaning], list[str]]
) -> Iterator[dict[str, Any]]:
    """Of each clip to which anything would be done: what was heard, and what would be done."""
    for path in progress(clips, "Listening to others"):
        meaning = hearing.hear(resampled(path))
        if done := does(meaning):
            yield {"clip": str(path.relative_to(path.parents[1])), "heard": meaning.text, "done": done}


def whatever(meaning: Meaning) -> list[str]:
    """Whatever is understood is done."""
    return [meaning.intent] if meaning.understood else []


class Home:
    """The home of the example configuration, in which nothing has been said yet."""

    def __init__(self, code: str) -> None:
        """`code`: of the language that is spoken there. Raises ConfigError."""
        self._site = site = read_site(resource("deploy", "examples", "home.yaml"))
        self.grammar: Grammar = of_site(site, code)
        self.words = Words.of_site(site, self.grammar.language)
        self._dialogue = Dialogue(site, self.grammar.language.data["answers"], ground)
        self._own = {name: frozenset(intent.slots) for name, intent in site.intents.items()}

    def does(self, meaning: Meaning) -> list[str]:
        """Intents that would be done, with their things; answers and questions are none."""
        words: Sequence[Interpretation] = meaning.interpretations or interpreted(meaning, self._own)
        scene = Scene(here=self._site.device.area, t=1000 * SECOND, wall=_NOON)
        _, outcome = self._dialogue.hear(DialogueState(), words, scene)
        acts = [each for each in outcome.acts if each.order.intent not in _IDLE]
        return [
            " ".join([each.order.intent, *each.grounding.targets])
            for each in acts
            if not each.order.intent.startswith("query_") and (each.order.intent != "pick" or each.grounding.targets)
        ]
