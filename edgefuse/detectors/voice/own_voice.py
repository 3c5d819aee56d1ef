"""What the device says itself must not be taken for an order."""

from difflib import SequenceMatcher

from edgefuse.core.attention import Speaking
from edgefuse.core.types import SECOND, Nanoseconds

TAIL: Nanoseconds = 3 * SECOND // 10
"""How long a room and a sound card go on after the device has ended."""
_HALF = 0.5
"""Share of an utterance from which on it was said while the device spoke."""
_ALIKE = 0.8
_PIECE = 3
"""Letters that must agree in a row."""


def speaks(speaking: Speaking | None, now: Nanoseconds) -> bool:
    """Whether the device can be heard."""
    return speaking is not None and speaking.begin <= now and (speaking.end is None or now < speaking.end + TAIL)


def is_own(text: str, speaking: Speaking | None, said: str, span: tuple[Nanoseconds, Nanoseconds]) -> bool:
    """Whether `text`, heard over `span`, is what the device `said`, or a part of it; both normalised.

    An answer may repeat the words of the question: only what was heard while the device spoke can be its own.
    """
    if speaking is None:
        return False
    begin, end = span
    until = end if speaking.end is None else min(end, speaking.end + TAIL)
    together = until - max(begin, speaking.begin)
    heard, spoken = text.replace(" ", ""), said.replace(" ", "")
    if together < _HALF * (end - begin) or not heard:
        return False
    blocks = SequenceMatcher(None, heard, spoken, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size >= min(_PIECE, len(heard))) >= _ALIKE * len(heard)
