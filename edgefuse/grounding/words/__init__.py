"""Words to orders, in any order people say them, with nothing of what was said left over.

`Words(language, home).interpret(text)` gives the best interpretations first, or nothing; `understand` tells why. Every
word must be in the language's lexicon or be what this home calls something. No template is behind it: the words of one
order may come in any order that makes sense, and `and` and `except` join groups of them (`parse`, `group`); what a
group asks for is in `asking`, and what comes out in `build`. Timers, reminders and questions why hold free text
(`timers`); the user's own intents are templates (`templates`). What makes no sense so may have been misheard: by
letters (`misheard`) or by pinyin (`homophones`).

A language is a file `edgefuse/language/<code>.yaml`. What this package reads of it: `lexicon` (its head says what each
entry may be), `kinds`, `plural`, `stands_for`, `quantities`, `verb_first`, the words for signs (`percent` ...), and for
what is misheard `sounds`, `silent`, `spelling`. Scripts without spaces are taken apart into characters, and entries are
matched over characters, the longest first: nothing in the engine cuts words.
"""

from edgefuse.grounding.words.home import Home, of_site
from edgefuse.grounding.words.reader import Understood, Words

__all__ = ["Home", "Understood", "Words", "of_site"]
