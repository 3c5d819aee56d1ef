"""What is asked for: how things stand, what was measured, who is there, why there was an alarm, the time."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from edgefuse.core.types import SECOND
from edgefuse.grounding.dialogue.people import people
from edgefuse.grounding.dialogue.seeing import fresh, works
from edgefuse.grounding.dialogue.timers import cancel_timer, query_timer, set_timer
from edgefuse.grounding.dialogue.turn import Turn
from edgefuse.grounding.history import Grounding
from edgefuse.grounding.order import Order
from edgefuse.grounding.scene import ThingState

Answer: TypeAlias = Callable[[Turn, Order, Grounding], str]
_WORDS = {
    "on": ("on", "off"),
    "open": ("open", "closed"),
    "locked": ("locked", "unlocked"),
}
"""Field of a state -> what it is called when it is so, and when not."""
_FIELD_OF = {word: field for field, words in _WORDS.items() for word in words}
_OF_KIND = {
    "lock": ("locked", "open"),
    "door": ("open", "locked"),
    "window": ("open",),
    "blind": ("open",),
    "curtain": ("open",),
}
_FIELDS = ("on", "open", "locked")
_MOST_NAMED = 5
_AGO_NOW = 5


def query_state(turn: Turn, order: Order, grounding: Grounding) -> str:
    """How things stand, by what they tell themselves."""
    asked = order.slots.get("state", "")
    if asked in {"armed", "disarmed"} and not grounding.targets:
        return _armed(turn, asked)
    field, known = _FIELD_OF.get(asked, ""), {}
    for key in grounding.targets:
        word = _word(turn, key, field)
        if word is not None:
            known[key] = word
    unknown = [key for key in grounding.targets if key not in known]
    sentences = _by_word(turn, known)
    if unknown:
        sentences.append(_unknown_state(turn, unknown))
    text = " ".join(sentences)
    if not asked or not known or unknown:
        return text
    agree = {word == asked for word in known.values()}
    return text if len(agree) > 1 else turn.world.wording.say("yes" if agree == {True} else "no", answer=_lower(text))


def _armed(turn: Turn, asked: str) -> str:
    wording, armed = turn.world.wording, turn.scene.armed
    if armed is None:
        return wording.say("unknown")
    told = wording.say("armed" if armed else "disarmed")
    return wording.say("yes" if armed == (asked == "armed") else "no", answer=_lower(told))


def _word(turn: Turn, key: str, field: str) -> str | None:
    state, thing = turn.scene.states.get(key, ThingState()), turn.world.site.things.get(key)
    fields = (field,) if field else (*_OF_KIND.get(thing.kind if thing else "", ()), *_FIELDS)
    values = ((name, getattr(state, name)) for name in fields)
    return next((_WORDS[name][0 if value else 1] for name, value in values if value is not None), None)


def _by_word(turn: Turn, known: Mapping[str, str]) -> list[str]:
    """One sentence for all that stand alike."""
    wording = turn.world.wording
    found = []
    for word in dict.fromkeys(known.values()):
        keys = [key for key, each in known.items() if each == word]
        sentence = "state" if len(keys) == 1 else "state_many"
        found.append(wording.say(sentence, things=wording.names(keys), state=wording.part(f"states.{word}")))
    return found


def _unknown_state(turn: Turn, keys: Sequence[str]) -> str:
    wording, things = turn.world.wording, turn.world.site.things
    tells = [key for key in keys if things[key].state is not None]
    why = "why.never" if tells else "why.nobody_tells"
    return wording.say("unknown") + " " + wording.say(why, what=wording.names(list(keys)))


def _lower(text: str) -> str:
    """A sentence that goes on after a comma."""
    return text[:1].lower() + text[1:]


def query_value(turn: Turn, order: Order, grounding: Grounding) -> str:
    """A measured value of the area that is asked for, else of here, else of the only place that has it."""
    quantity = order.slots.get("quantity", "temperature")
    if grounding.targets:
        return " ".join(_setting(turn, key, quantity) for key in grounding.targets)
    area, readings = grounding.area or turn.scene.here, turn.scene.readings
    said = any(phrase.area for phrase in order.things)
    places = [place for place, name in readings if name == quantity]
    if (area or "", quantity) not in readings and not said and len(places) == 1:
        area = places[0]
    value = readings.get((area or "", quantity))
    if value is None:
        return _unknown_value(turn, area, quantity)
    return _value(turn, quantity, value, area)


def _value(turn: Turn, quantity: str, value: object, area: str | None) -> str:
    wording = turn.world.wording
    told = turn.sight.readings.get((area or "", quantity))
    sentence = f"values.{quantity}" if wording.has(f"values.{quantity}") else "values.default"
    shown = wording.value(value if isinstance(value, bool | str) else float(str(value)))
    unit = told.unit if told else ""
    return wording.say(sentence, value=shown, unit=unit, where=wording.where(area), quantity=quantity.replace("_", " "))


def _setting(turn: Turn, key: str, quantity: str) -> str:
    """What a thing is set to."""
    wording, state = turn.world.wording, turn.scene.states.get(key, ThingState())
    name = wording.name(key)
    if quantity == "temperature" and state.temperature is not None:
        return wording.say("setpoint", things=name, value=wording.value(state.temperature))
    if quantity == "mode" and state.mode is not None:
        return wording.say("mode", things=name, value=state.mode)
    if quantity != "temperature" and state.level is not None:
        return wording.say("level", things=name, value=wording.value(state.level))
    return _unknown_state(turn, [key])


def _unknown_value(turn: Turn, area: str | None, quantity: str) -> str:
    wording, told = turn.world.wording, turn.sight.readings.get((area or "", quantity))
    if told is None:
        why = wording.say("why.nobody_tells")
    elif not works(turn.sight, told.part):
        why = wording.say("why.broken", what=wording.source(told.part))
    else:
        assert fresh(turn.sight, turn.world.home, (area or "", quantity), turn.scene.t) is None
        ago = wording.duration((turn.scene.t - told.t) / SECOND)
        why = wording.say("why.old", what=wording.source(told.part), duration=ago)
    return f"{wording.say('unknown')} {why}"


def query_why(turn: Turn, order: Order, _: Grounding) -> str:
    """The last alert, or the last one that is called what is asked for, and why it was raised."""
    wording, event = turn.world.wording, order.slots.get("event", "")
    named = [alert for alert in turn.alerts if event and event.replace(" ", "_") in alert.name]
    alert = next(reversed(named or list(turn.alerts)), None)
    if alert is None:
        return wording.say("no_alert")
    seconds = (turn.scene.t - alert.t) / SECOND
    headline = alert.headline or alert.name.replace("_", " ")
    headline = headline if headline.endswith((".", "!", "?", "。")) else f"{headline}."
    because = "; ".join(alert.because[:2]) or wording.say("unknown").rstrip(".")
    ago = wording.duration(max(seconds, _AGO_NOW))
    return wording.say("alert", headline=headline, ago=ago, because=because)


def query_time(turn: Turn, _: Order, __: Grounding) -> str:
    """Hours and minutes."""
    if turn.scene.wall is None:
        return turn.world.wording.say("unknown")
    return turn.world.wording.say("time", time=f"{turn.scene.wall:%H:%M}")


def help_(turn: Turn, _: Order, __: Grounding) -> str:
    """What can be said here: the things of this place first."""
    things, wording = turn.world.site.things, turn.world.wording
    here = [key for key, thing in things.items() if thing.area == turn.scene.here]
    named = [*here, *(key for key in things if key not in here)][:_MOST_NAMED]
    return wording.say("help", things=wording.names(named)) if named else wording.say("help_nothing")


def repeat(turn: Turn, _: Order, __: Grounding) -> str:
    """What was said last."""
    return turn.last or turn.world.wording.say("nothing_to_repeat")


def armed(turn: Turn, order: Order, _: Grounding) -> str:
    """Told, because nobody sees it."""
    return turn.world.wording.say("armed" if order.intent == "arm" else "disarmed")


ANSWERS: Mapping[str, Answer] = {
    "query_state": query_state,
    "query_value": query_value,
    "query_who": people,
    "query_why": query_why,
    "query_time": query_time,
    "query_timer": query_timer,
    "set_timer": set_timer,
    "set_reminder": set_timer,
    "cancel_timer": cancel_timer,
    "help": help_,
    "repeat": repeat,
    "arm": armed,
    "disarm": armed,
}
"""Intent -> its answer."""
