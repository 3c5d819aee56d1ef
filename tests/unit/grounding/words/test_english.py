"""English: what people say, and what they ask for by it.

Written as `intent thing & thing ! exception | slot=value ; next order`. A thing is `field:value` joined by commas, `_`
stands for a space, and `kitchen_light` alone for a name.
"""

from dataclasses import fields

import pytest

from edgefuse.grounding.order import Order, Phrase
from edgefuse.grounding.words import Words

ORDERS = """
turn on the lamp > turn_on kind:light
Turn off the light. > turn_off kind:light
switch the light off please > turn_off kind:light
could you turn off the kitchen light > turn_off kitchen_light
put the hall light on > turn_on hall_light
lights on > turn_on kind:light,count:some
lights off > turn_off kind:light,count:some
lights out in the hall > turn_off kind:light,count:some,area:hall
kill the lights > turn_off kind:light,count:some
kill that one over there please > turn_off deixis:that,place:there
in the kitchen turn off the lights > turn_off kind:light,count:some,area:kitchen
turn off the lights in the kitchen > turn_off kind:light,count:some,area:kitchen
turn the lights off in here > turn_off kind:light,count:some,place:here
turn on the light over there > turn_on kind:light,place:there
turn that off > turn_off deixis:that
turn this off > turn_off deixis:this
turn it off > turn_off deixis:it
turn them off > turn_off deixis:them,count:some
turn off those > turn_off deixis:that,count:some
switch off this lamp > turn_off kind:light,deixis:this
turn on that lamp over there > turn_on kind:light,deixis:that,place:there
turn the other one off > turn_off deixis:other
turn on the other lamp > turn_on kind:light,deixis:other
turn on the light by the window > turn_on kind:light,beside:window
turn off the lamp next to the sofa > turn_off kind:light,beside:sofa
turn on the one by the bookcase > turn_on beside:bookcase
turn on the left lamp > turn_on kind:light,side:left
turn off the light on the right > turn_off kind:light,side:right
turn on the second light > turn_on kind:light,side:second
turn off the lamp that is on > turn_off kind:light,state:on
close the open blind > close kind:blind,state:open
turn off both lamps > turn_off kind:light,count:some,number:2
turn on the two lamps > turn_on kind:light,count:some,number:2
turn all three lights on > turn_on kind:light,count:all,number:3
turn off all the lights > turn_off kind:light,count:all
every light off > turn_off kind:light,count:all
turn off every light in the house > turn_off kind:light,count:all,everywhere:true
all lights off everywhere > turn_off kind:light,count:all,everywhere:true
everything off > turn_off count:all
turn everything off in the bedroom > turn_off count:all,area:bedroom
everything off except the desk lamp > turn_off count:all ! desk_lamp
turn off all the lights but the hall light > turn_off kind:light,count:all ! hall_light
turn off all lights except the ones in the kitchen > turn_off kind:light,count:all ! kind:light,count:some,area:kitchen
turn off the lamp and the fan > turn_off kind:light & kind:fan
turn the lamp and the fan off > turn_off kind:light & kind:fan
turn off the lamp and close the blinds > turn_off kind:light ; close kind:blind,count:some
turn the lamp off and the fan on > turn_off kind:light ; turn_on kind:fan
turn on the lamp and dim it to thirty percent > turn_on kind:light ; set_level deixis:it | level=30
turn off the kitchen and hall lights > turn_off kind:light,count:some,area:kitchen & kind:light,count:some,area:hall
lights off in the kitchen and the hall > turn_off kind:light,count:some,area:kitchen & kind:light,count:some,area:hall
turn off the lamp and the fan in the bedroom > turn_off kind:light,area:bedroom & kind:fan,area:bedroom
turn off the big light > turn_off big_light
turn on the moon > turn_on moon
turn off the tv light > turn_off tv_light
turn off the tv > turn_off tv
turn off the television > turn_off kind:media
turn the printer on > turn_on laser_printer
toggle the desk lamp > toggle desk_lamp
flick the desk lamp on > turn_on desk_lamp
i want the light on > turn_on kind:light
can i have the big light on > turn_on big_light
i want the bedroom blind closed > close bedroom_blind
let there be light > turn_on kind:light
would you mind turning off the tv > turn_off tv
please could you switch the fan on for me > turn_on kind:fan
why don't you turn on the lamp > turn_on kind:light
dim the lights > lower kind:light,count:some | quantity=level
dim the bedroom lamp to 20 > set_level bedroom_lamp | level=20
dim the desk lamp to twenty percent > set_level desk_lamp | level=20
set the desk lamp to 45% > set_level desk_lamp | level=45
bedroom lamp at 50 percent > set_level bedroom_lamp | level=50
turn the lamp down to a quarter > set_level kind:light | level=25
set the lamp and the fan to 20 percent > set_level kind:light & kind:fan | level=20
full brightness > set_level kind:light,count:some | level=100
set the brightness to 60 percent > set_level kind:light,count:some | level=60
open the blinds halfway > set_level kind:blind,count:some | level=50
brighten the desk lamp by ten percent > raise desk_lamp | quantity=level step=10
turn up the light a bit > raise kind:light | quantity=level amount=little
a bit brighter > raise  | quantity=level amount=little
brighter > raise  | quantity=level
make it a lot darker in here > lower deixis:it,place:here | quantity=level amount=much
make it a bit warmer > raise deixis:it | quantity=temperature amount=little
make the bedroom warmer > raise area:bedroom | quantity=temperature
turn the heat down in here > lower place:here | quantity=temperature
turn up the heating by two degrees > raise kind:heater | quantity=temperature step=2
set the heater to 21 > set_temperature kind:heater | temperature=21
set the bedroom heater to twenty one and a half degrees > set_temperature bedroom_heater | temperature=21.5
set the temperature to 19 in the bedroom > set_temperature area:bedroom | temperature=19
make it 21 degrees in here > set_temperature deixis:it,place:here | temperature=21 quantity=temperature
volume down > lower  | quantity=volume
is the hall light on or off > query_state hall_light | state=on
is the front door locked or unlocked > query_state front_door | state=locked
start the music > start kind:music
two degrees more > raise  | quantity=temperature step=2
pull the living blind down > close living_blind
roll up the bedroom blind > open bedroom_blind
pull the bedroom blind shut > close bedroom_blind
pop the desk lamp on > turn_on desk_lamp
set the desk lamp to fourty percent > set_level desk_lamp | level=40
all three > pick count:all,number:3
20.5 degrees in the bedroom please > set_temperature area:bedroom | temperature=20.5
set the heater to 70 degrees fahrenheit > set_temperature kind:heater | temperature=21.1
put the heater on eco > set_mode kind:heater | mode=eco
switch the bedroom heater to comfort mode > set_mode bedroom_heater | mode=comfort
make the desk lamp red > set_colour desk_lamp | colour=red
turn the bedroom lamp blue > set_colour bedroom_lamp | colour=blue
set the colour of the desk lamp to warm white > set_colour desk_lamp | colour=warm_white
turn the volume up > raise  | quantity=volume
louder > raise  | quantity=volume
turn the tv down > lower tv | quantity=volume
open the blinds > open kind:blind,count:some
close the blind in the bedroom > close kind:blind,area:bedroom
pull up the blinds > open kind:blind,count:some
raise the living blind > raise living_blind | quantity=level
lock the front door > lock front_door
unlock the front door > unlock front_door
lock up the front door > lock front_door
lock the door > lock kind:lock
play the tv > start tv
pause it > stop deixis:it
stop the tv > stop tv
and the lamp > also kind:light
the fan too > also kind:fan
what about the bedroom > also area:bedroom
and in the kitchen > also area:kitchen
the desk lamp > pick desk_lamp
that one > pick deixis:that
the left one > pick side:left
both > pick count:some,number:2
the one in the kitchen > pick area:kitchen
no, the other one > correct deixis:other
i meant the desk lamp > correct desk_lamp
no the kitchen light > correct kitchen_light
wrong one > correct
undo that > correct
turn it off again > turn_off deixis:it
off again > turn_off deixis:it
is the front door locked > query_state front_door | state=locked
are the lights on in the kitchen > query_state kind:light,count:some,area:kitchen | state=on
is the fan still running > query_state kind:fan | state=on
is anything on in the bedroom > query_state count:all,area:bedroom | state=on
which lights are on > query_state kind:light,count:some | state=on
how warm is it in the hall > query_value area:hall | quantity=temperature
how warm is it > query_value  | quantity=temperature
what's the temperature in the bedroom > query_value area:bedroom | quantity=temperature
what is the humidity in here > query_value place:here | quantity=humidity
what is the bedroom heater set to > query_value bedroom_heater | quantity=temperature
who is in the kitchen > query_who area:kitchen | place=kitchen
who is at the door > query_who  | place=door
is anybody in the bedroom > query_who area:bedroom | place=bedroom
why did you sound the alarm > query_why  | event=alarm
why > query_why
what time is it > query_time
set a timer for ten minutes > set_timer  | duration_s=600
set a 5 minute pasta timer > set_timer  | duration_s=300 text=pasta
timer for one hour and a half > set_timer  | duration_s=5400
wake me at half past six > set_timer  | at=06:30
set an alarm for 7 a.m. > set_timer  | at=07:00
remind me in twenty minutes to take out the bread > set_reminder  | duration_s=1200 text=take_out_the_bread
remind me to call the plumber at 15:30 > set_reminder  | at=15:30 text=call_the_plumber
in half an hour remind me to feed the cat > set_reminder  | duration_s=1800 text=feed_the_cat
cancel the pasta timer > cancel_timer  | text=pasta
how long is left > query_timer
turn on the lamp and set a timer for five minutes > turn_on kind:light ; set_timer  | duration_s=300
yes please > yes
go ahead > yes
no thanks > no
never mind > cancel
help > help
say that again > repeat
arm the alarm > arm
disarm > disarm
make me a large coffee > coffee  | size=large
please brew a small coffee > coffee  | size=small
turn of the desk lamp > turn_off desk_lamp
turn on the desk lamb > turn_on desk_lamp
tern on the hall light > turn_on hall_light
lock the frond door > lock front_door
turn on the sealing light > turn_on ceiling_light
open the bed room blind > open bedroom_blind
turn on the desklamp > turn_on desk_lamp
turn off the kitchen lite > turn_off kitchen_light
"""

NO_ORDERS = """
turn on Tim's lamp
turn on the red lamp
turn on Tam's lamp
pull the desk lamp
turn off the tv or the desk lamp
set the tv to 98.5
volume off
switch on the blue desk lamp
dim the green lamp
I turned on the light
I have turned off the lamp
did you turn on the light
have you locked the door
the light is on
the front door was open
she turned the lamp off
tell John to turn off the light
do not turn on the light
don't turn off the lamp
never open the blinds
please don't lock the front door
turn on the lamp but not now
turn off the lamp not
if it rains close the blinds
when I come home turn on the lights
turn on the light when it gets dark
unless it is cold turn off the heater
turn off the lights after the film
turn on the lamp tomorrow
turn on the lamp at nine
turn on the lamp in ten minutes
turn off the heater at half past ten
turn on the light for five minutes
turn off the tv later
remember to turn off the lamp
don't forget to lock the front door
I will turn on the light
he wants the lamp on
should I turn on the lamp
can I turn off the heater
I like the kitchen light
the lamp and turn off the fan
turn
turn on
turn off
off
on
the
open
increase the
turn up
turn on the and
turn off the every
turn off the desk lamp unicorn
turn on the banana
turn on the radio
open the bedroom full
turn on the bathroom light
switch on the garage lamp
turn off the camp
turn off the meat
turn on the chandelier
unlock the frond door
close the kitchen error
turn off te light
turn on the lamp off
lower margaret's bed svg
spot on lamp of joy
power to the people
turn the fan lamp off
set the lamp to 150 percent
set the desk lamp to
make it
remind me tomorrow to call mum
what is the weather like
play some jazz by Miles Davis
who won the match
how are you
my sister bought a new lamp
there was a light in the window
let us talk about the heating bill
nobody turned off the light
I wonder if the door is locked
you could leave the lights on
he said turn on the light
just leave the lamp on
the kitchen
is
is the lamp
which
what if the lamp is on
turn off the light switch on the wall of the neighbour
"""


def _phrase(text: str) -> Phrase:
    """`kind:light,area:hall`, or a name."""
    if ":" not in text:
        return Phrase(name=text.replace("_", " "))
    pairs = dict(part.split(":") for part in text.split(","))
    kinds = {each.name: each.type for each in fields(Phrase)}
    values = {
        name: int(value) if name == "number" else value == "true" if kinds[name] in {bool, "bool"} else value
        for name, value in pairs.items()
    }
    return Phrase(**values)  # type: ignore[arg-type]


def _order(text: str) -> tuple[str, tuple[Phrase, ...], tuple[Phrase, ...], dict[str, str]]:
    said, _, slots = text.partition("|")
    said, _, but = said.partition("!")
    intent, _, things = said.strip().partition(" ")
    some, other = (tuple(_phrase(each.strip()) for each in part.split("&") if each.strip()) for part in (things, but))
    pairs = dict(pair.split("=") for pair in slots.split())
    return intent, some, other, {name: value.replace("_", " ") for name, value in pairs.items()}


def _plain(order: Order) -> tuple[str, tuple[Phrase, ...], tuple[Phrase, ...], dict[str, str]]:
    return order.intent, order.things, order.but, dict(order.slots)


@pytest.mark.parametrize(("said", "meant"), [line.split(" > ") for line in ORDERS.strip().splitlines()])
def test_what_people_say_is_understood(words: Words, said: str, meant: str) -> None:
    """The best interpretation holds the orders that were meant, with all they say and nothing more."""
    understood = words.understand(said)

    assert understood.interpretations, understood.why
    best = understood.interpretations[0]
    assert [_plain(order) for order in best.orders] == [_order(each) for each in meant.split(";")]
    assert 0 < best.score <= 1
    assert best.because


@pytest.mark.parametrize("said", NO_ORDERS.strip().splitlines())
def test_nothing_else_is_an_order(words: Words, said: str) -> None:
    """What is denied, conditional, told, of another time, unfinished or of other things commands nothing."""
    understood = words.understand(said)

    harmless = {"pick", "query_state", "query_who", "repeat", "no", "also"}
    for each in understood.interpretations:
        assert {order.intent for order in each.orders} <= harmless
    assert understood.interpretations or understood.why
