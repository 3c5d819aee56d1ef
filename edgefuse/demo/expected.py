"""What the demo's scene must bring; times are those of the story."""

from edgefuse.demo.expect import (
    Check,
    accounts,
    alerted,
    heard_sound,
    missing,
    needs_both,
    not_understood,
    ordered,
    promised,
    stays_below,
)

THRESHOLD = 0.75
"""Of the belief hall.intrusion."""
_BELIEF = "hall/intrusion"
LEARNED_THRESHOLD = 0.4
"""Of the belief hall.break_in, which a trained model decides."""
_LEARNED = "hall/break_in"
_SENSES = ("audio", "vision", "sensor")

EXPECTATIONS: dict[str, Check] = {
    "“turn on the hall light” is obeyed": ordered("turn_on", "hall_light", 4, 12),
    "“what a lovely evening” is heard and not obeyed": not_understood(13, 21),
    "somebody seen, door shut: no alarm": stays_below(_BELIEF, THRESHOLD, 21, 32),
    "door opens, nobody seen: no alarm": stays_below(_BELIEF, THRESHOLD, 32, 40),
    "people, talk and wind: no break-in": stays_below(_LEARNED, LEARNED_THRESHOLD, -5, 36),
    "a pane breaks: heard": heard_sound("glass", 36, 40),
    "somebody seen and door open: alarm": alerted("intrusion", 40, 50),
    "… which neither could have raised alone": needs_both(_BELIEF, THRESHOLD, 40, 50),
    "glass, open door, somebody seen: break-in": alerted("break_in", 40, 60),
    "… for which ears, eyes and door speak": accounts(_LEARNED, LEARNED_THRESHOLD, _SENSES, 40, 50),
    "the camera dies: told": alerted("camera_lost", 50, 60),
    "… and how often break-in is right without": promised(_LEARNED, "vision", 40, 60),
    "“turn off the hall light” is obeyed": ordered("turn_off", "hall_light", 57, 66),
    "it gets warm: the fan goes on": ordered("turn_on", "hall_fan", 55, 70),
    "door opens, no camera: unknown is not no": missing(_BELIEF, "vision", 76, 90),
    "… and still no alarm without it": stays_below(_BELIEF, THRESHOLD, 76, 90),
}
