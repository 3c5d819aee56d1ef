"""What one language adds: a data file `<language>.yaml` beside this module, words and sentences alone."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from edgefuse.core.errors import ConfigError, needs

_FOLDER = Path(__file__).parent
_NUMBER = re.compile(r"\d{1,9}")
_PERCENT = re.compile(r"(\d+(?:[.,]\d+)?)\s*%")
_BETWEEN = re.compile(r"(?<=[\u3400-\u9fff]) +(?=[\u3400-\u9fff])")
_LONGEST_RUN = 200
"""Characters of one utterance that are looked at."""


@dataclass(frozen=True, eq=False)
class Language:
    """Words of one language."""

    code: str
    data: Mapping[str, Any]

    def normalise(self, text: str) -> str:
        """Lower case words with single spaces: numbers spelled out, no punctuation, no fillers."""
        words = self.spell(text[:_LONGEST_RUN])
        return " ".join(self._fillers.sub(" ", f" {words} ").split()) or words

    def spell(self, text: str) -> str:
        """Like `normalise`, but fillers stay."""
        text = self.plain(unicodedata.normalize("NFKC", text).casefold()).replace("%", f" {self.data['percent']} ")
        text = _NUMBER.sub(
            lambda found: f" {self.number(int(found[0]))} ", re.sub(r"(?<=\d),(?=\d{3})|['\u2019`]", "", text)
        )
        return tight(" ".join("".join(c if c.isalpha() or unicodedata.combining(c) else " " for c in text).split()))

    def plain(self, text: str) -> str:
        """Letters that are written in several ways in one way, and a percent sign where its word is said."""
        text = text.translate(self._letters)
        return _PERCENT.sub(r" %\1 ", text) if self.data.get("percent_first") else text

    @cached_property
    def _letters(self) -> Mapping[int, str]:
        pairs = self.data.get("letters", {})
        return {ord(old): new for new, olds in pairs.items() for old in olds}

    def number(self, value: int) -> str:
        """A number in words."""
        from hassil.numbers import get_rbnf_engine

        words = str(get_rbnf_engine(self.code).format_number(value).text).translate(self._letters)
        return "".join(c if c.isalpha() else " " for c in words)

    @property
    def _fillers(self) -> re.Pattern[str]:
        return _alternatives(tuple(self.data["fillers"]))


def tight(text: str) -> str:
    """Without spaces between characters of a script that has none.

    >>> tight("打开 客厅 的 tv")
    '打开客厅的 tv'
    """
    return _BETWEEN.sub("", text)


@cache
def _alternatives(phrases: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    return re.compile(rf"(?<= )(?:{'|'.join(map(re.escape, longest_first))})(?= )")


@cache
def language(code: str) -> Language:
    """The data of a language such as `en`. Raises ConfigError for one that has no file, or without hassil."""
    with needs("voice", "understanding what is said"):
        import hassil.numbers  # noqa: F401  told here, once, for everything that takes sentences apart
    return Language(code, data_of(code))


@cache
def data_of(code: str) -> Mapping[str, Any]:
    """What the file of a language holds; `answers` is what the device says. Raises ConfigError where there is none."""
    known = sorted(path.stem for path in _FOLDER.glob("*.yaml"))
    if code not in known:
        raise ConfigError(f"voice: no language '{code}' (known: {', '.join(known)})")
    data: Mapping[str, Any] = _plain_words((_FOLDER / f"{code}.yaml").read_text(encoding="utf-8"))
    return data


def _plain_words(text: str) -> Any:
    """YAML in which `on`, `off`, `yes` and `no` are words, as in YAML 1.2."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Knows true and false alone as truth."""

    truth = "tag:yaml.org,2002:bool"
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag != truth or first in "tTfF"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return yaml.load(text, Loader=Loader)  # noqa: S506  a safe loader
