"""Text to units: words, or single characters where a script has no spaces."""

import re
import unicodedata
from dataclasses import dataclass

from edgefuse.language import Language

_LONGEST = 200
"""Characters of one utterance that are looked at."""
_APOSTROPHES = re.compile(r"['\u2019\u02bc`]")
_NUMBER = re.compile(r"\d{1,9}(?:,\d{3})*(?:[.:]\d{1,9})?")
_BREAK = re.compile(r"[,;.!?\u3001\u3002\uff0c\uff01\uff1f\uff1b]")
_MARKS = {"%": "percent", "\u00b0": "degrees"}
_HOURS = 24


@dataclass(frozen=True, slots=True)
class Units:
    """What was said, in pieces."""

    words: tuple[str, ...]
    breaks: frozenset[int]
    """Indices of words before which there is a comma or the end of a sentence."""

    def text(self, start: int = 0, end: int | None = None) -> str:
        """Words from `start` to `end` as people write them."""
        return join(self.words[start:end])


def units(text: str, language: Language) -> Units:
    """Take an utterance apart: lower case, numbers in words, no punctuation."""
    folded = unicodedata.normalize("NFKC", text[:_LONGEST]).casefold()
    folded = language.plain(_APOSTROPHES.sub("", folded))
    for mark, key in _MARKS.items():
        folded = folded.replace(mark, f" {language.data[key]} ")
    folded = _NUMBER.sub(lambda found: f" {_spoken(found[0], language)} ", folded)
    words: list[str] = []
    breaks: set[int] = set()
    for piece in re.split(r"(\s+)", _BREAK.sub(" , ", folded)):
        if piece == ",":
            breaks.add(len(words))
        else:
            words.extend(_split(piece))
    return Units(tuple(words), frozenset(at for at in breaks if 0 < at < len(words)))


def part(said: Units, start: int, end: int) -> Units:
    """Words from `start` to `end`."""
    return Units(said.words[start:end], frozenset(at - start for at in said.breaks if start < at < end))


def pieces(text: str, language: Language) -> tuple[str, ...]:
    """Units of a name or an entry."""
    return units(text, language).words


def join(words: tuple[str, ...]) -> str:
    """Words with spaces between them, characters of a script without spaces without."""
    text = ""
    for word in words:
        text += word if not text or (_alone(word) and _alone(text[-1])) else f" {word}"
    return text


def _spoken(digits: str, language: Language) -> str:
    """`20.5` twenty point five, `7:05` seven oh five, `19:00` nineteen o'clock."""
    whole, mark, rest = digits.replace(",", "").partition("." if "." in digits else ":")
    said = [language.number(int(whole))]
    if mark == ".":
        said += [str(language.data["point"]), *(language.number(int(digit)) for digit in rest)]
    elif mark and not int(rest):
        said.append(str(language.data["oclock"]))
    elif mark:
        said += [language.number(0)] * (rest[0] == "0") + [language.number(int(rest))]
    return " ".join(said)


def _split(piece: str) -> list[str]:
    """Words of letters; everything else parts them."""
    kept = "".join(f" {c} " if _alone(c) else c if c.isalpha() or unicodedata.combining(c) else " " for c in piece)
    return kept.split()


def _alone(character: str) -> bool:
    """Whether it is a unit of its own: Han characters and the Chinese zero."""
    return len(character) == 1 and ("\u3400" <= character <= "\u9fff" or character == "\u3007")
