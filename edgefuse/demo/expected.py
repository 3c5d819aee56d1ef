"""What the demo's scene must bring; times are those of the story."""

from edgefuse.demo.expect import Check, alerted, missing, needs_both, not_understood, ordered, stays_below

THRESHOLD = 0.75
"""Of the belief hall.intrusion."""
_BELIEF = "hall/intrusion"

EXPECTATIONS: dict[str, Check] = {
    "“turn on the hall light” is obeyed": ordered("turn_on", "hall_light", 4, 12),
    "“what a lovely evening” is heard and not obeyed": not_understood(13, 21),
    "somebody seen, door shut: no alarm": stays_below(_BELIEF, THRESHOLD, 21, 32),
    "door opens, nobody seen: no alarm": stays_below(_BELIEF, THRESHOLD, 32, 40),
    "somebody seen and door open: alarm": alerted("intrusion", 40, 50),
    "… which neither could have raised alone": needs_both(_BELIEF, THRESHOLD, 40, 50),
    "the camera dies: told": alerted("camera_lost", 50, 60),
    "“turn off the hall light” is obeyed": ordered("turn_off", "hall_light", 57, 66),
    "it gets warm: the fan goes on": ordered("turn_on", "hall_fan", 55, 70),
    "door opens, no camera: unknown is not no": missing(_BELIEF, "vision", 76, 90),
    "… and still no alarm without it": stays_below(_BELIEF, THRESHOLD, 76, 90),
}
