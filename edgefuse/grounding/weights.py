"""How much each piece of evidence counts: the one table of the resolver.

Each is a likelihood ratio: how often these words and gestures come when this thing is meant, against the thing that
fits them best. Evidence is multiplied (log-odds are added); a softmax with a share for something else
tells what is meant.
"""

from typing import Final

ELSE: Final = 0.03
"""Something is meant that is not among the candidates, or nothing at all: one order in 33."""
NAMED: Final = 1.0
"""A name that one thing bears: only ELSE stands against it."""
MICROPHONE: Final = 0.97
"""The speaker is in the microphone's area when somebody is seen there, or when nobody is seen anywhere."""
UNWATCHED: Final = 0.97
"""The same where no camera looks at that area and people are seen in others: they may be other people."""
EMPTY: Final = 0.5
"""The same where a camera sees nobody in that area and the only person is seen in another: heard through a door."""
LIKELY: Final = 0.3
"""Below this an area is not taken for the speaker's, though nothing of the kind is in the likelier one."""
SEEN: Final = 0.9
"""A microphone without an area: the speaker is where the only person is seen."""
OUTSIDE: Final = 0.004
"""A kind alone, and the thing is in another area than the speaker: said one time in 250."""
OUTSIDE_DESCRIBED: Final = 0.02
"""The same with words that describe it further: by the window, the left one, the one that is on."""
OUTSIDE_HOUSE: Final = 0.1
"""The same with a kind that serves the whole house: a lock, a gate. Enough for one, a question for two."""
OUTSIDE_ASKED: Final = 0.1
"""The same in a question about its state: people ask for what they do not see."""
HOMELESS: Final = 0.3
"""A thing without an area, said in an area: it may stand there."""
IN_VIEW: Final = 0.6
"""`that` or a gesture, and the thing of another area is in the picture the speaker is in."""
STATE_WRONG: Final = 0.02
"""To turn off what is known to be off, while another is known to be on; likewise open, locked."""
STATE_UNKNOWN: Final = 0.3
"""The same for a thing that does not tell its state."""
DIM_WHILE_OFF: Final = 0.1
"""To make brighter or darker what is off, while another is on."""
NEAR_SCALE: Final = 0.15
"""`this` is said e times more rarely with each of these fractions of the picture between speaker and thing."""
THAT_NEAR: Final = 0.35
"""`that` for what is right beside the speaker, against what is some way off."""
POINTER_SPEAKS: Final = 10.0
"""Of several people the one who points says `that` so many times as often as another."""
UNPLACED: Final = 0.1
"""`this` or `that` for a thing whose place in the picture is not known, while another's is."""
RAY_DEGREES: Final = 7.0
"""Standard deviation of the angle between an arm that points and the thing meant."""
RAY_LOOSE: Final = 0.03
"""Share of people who point only roughly: their angles fall off with RAY_LOOSE_DEGREES."""
RAY_LOOSE_DEGREES: Final = 20.0
"""Angle by which rough pointing gets e times rarer."""
RAY_UNPLACED: Final = 0.02
"""The arm points, and this thing has no place in that picture."""
RAY_IDLE: Final = 0.12
"""An arm is stretched out for another reason, where no word speaks of pointing."""
RAY_IDLE_SAID: Final = 0.02
"""The same with `this`, `that` or `there`."""
SPOKEN_OF: Final = 1.0
"""`that` or `it` for what was spoken of last."""
NOT_SPOKEN_OF: Final = 0.3
"""`that` for something else, while there is something that was spoken of last."""
CONTINUED: Final = 0.1
"""No thing is said (`a bit brighter`), and it is another than the one of the last order."""
PAST: Final = 0.9
"""`it` goes back over one order about a thing that cannot do this."""
PAST_SEVERAL: Final = 0.5
"""`it` goes back over an order about several things."""
OTHER: Final = 0.9
"""`the other one` is the one of two that was not meant last."""
SUDDEN: Final = 0.35
"""`that` for a thing that has been as it is for long, while another has just changed by itself."""
SUDDEN_S: Final = 20.0
"""For how long a change is what people speak of, seconds."""
THERE_LEFT: Final = 0.01
"""`over there` is an area that nothing was said or done in lately."""
THERE_CHANGED: Final = 0.5
"""`over there` is where something has just changed."""
THERE_OWN: Final = 0.15
"""`over there` is in the speaker's own area, and nothing tells how far off the thing is."""
THERE_OWN_ALONE: Final = 0.02
"""The same, and it is the only one of its kind there, though seen some way off: worth a question."""
OWN_REACH: Final = 0.2
"""Nearer than this fraction of the picture a thing is the speaker's own, never `over there`."""
GENERIC: Final = 0.05
"""`the light` for a thing that is not called just that, where another of the area is."""
NOUN: Final = 0.1
"""`the lamp` for what has no such word in its names, where another of the area has."""
LANDMARK_REACH: Final = 0.3
"""Farther than this fraction of the picture is not `by` a landmark; from half of it on it fades."""
LANDMARK_SCALE: Final = 0.08
"""`by the window` is said e times more rarely with each of these fractions of the picture beyond the nearest."""
SIDE_GAP: Final = 0.04
"""Things whose places differ by less are not told apart by left and right."""
SIDE_WRONG: Final = 0.03
"""Not the leftmost, though `the left one` was said."""
HINT_NEAR: Final = 0.93
"""No word points: farther off than the nearest. Orders a question, decides nothing."""
HINT_RECENT: Final = 0.93
"""No word points: not what was spoken of last. Likewise."""
ASKED_SHARE: Final = 0.15
"""A question leaves out what is this much less likely than the best."""
MOST_ASKED: Final = 4
"""More things cannot be asked between in one sentence."""
