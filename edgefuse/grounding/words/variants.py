"""Entries of a lexicon that stand for several: `(turn|switch) on`, where `(a|)` may be left out."""

from collections.abc import Iterator


def variants(said: str) -> Iterator[str]:
    """Every way to say an entry; alternatives may hold alternatives. Raises ValueError for a bracket left open.

    >>> list(variants("关(掉|上|)了"))
    ['关掉了', '关上了', '关了']
    """
    start = said.find("(")
    if start < 0:
        yield said
        return
    parts, end = _alternatives(said, start)
    for rest in variants(said[end:]):
        for part in parts:
            yield from (said[:start] + middle + rest for middle in variants(part))


def _alternatives(said: str, start: int) -> tuple[list[str], int]:
    """Parts of the bracket at `start`, and the index behind it."""
    depth, parts = 0, [""]
    for at in range(start, len(said)):
        letter = said[at]
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return parts, at + 1
        if letter == "|" and depth == 1:
            parts.append("")
        elif at > start:
            parts[-1] += letter
    raise ValueError(f"expected ')' in '{said}'")
