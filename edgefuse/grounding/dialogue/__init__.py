"""The dialogue: what is heard becomes orders for things, questions and answers. Pure, like the rules.

`Dialogue(site, answers, ground).hear(state, interpretations, scene)` says what one utterance comes to, without a
daemon: an `Outcome` with the orders that are done, asked about or refused (`done`) and what is said (`says`).
"""

from edgefuse.grounding.dialogue.seeing import Home, scene_of
from edgefuse.grounding.dialogue.state import DialogueState, Memory
from edgefuse.grounding.dialogue.step import Dialogue, Step
from edgefuse.grounding.dialogue.turn import Done, Ground, Outcome, Says

__all__ = ["Dialogue", "DialogueState", "Done", "Ground", "Home", "Memory", "Outcome", "Says", "Step", "scene_of"]
