"""What things tell on a real mosquitto, and what an order comes to by it."""

from typing import Any

import anyio
import pytest

from edgefuse.app.build import with_areas
from edgefuse.config.models import Device, Mqtt, Site, Thing
from edgefuse.config.rules import Rule
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context
from edgefuse.core.types import Observation, Sample
from edgefuse.fusion.beliefs import Beliefs
from edgefuse.grounding.dialogue import Dialogue
from edgefuse.grounding.ground import ground
from edgefuse.grounding.order import Interpretation, Order, Phrase
from edgefuse.language import data_of
from edgefuse.mqtt import Connection
from edgefuse.pipeline.clock import SystemClock
from edgefuse.pipeline.decide import Decider
from edgefuse.pipeline.stages import Report, reading_report
from edgefuse.pipeline.talk import Talk
from edgefuse.rules.engine import Engine, RuleState
from edgefuse.sources.thing_states import ThingStates

pytestmark = [pytest.mark.e2e, pytest.mark.anyio]
CLOCK = SystemClock()
OBEY = {"name": "obey", "when": {"said": {"intent": ["turn_off"]}}, "then": [{"command": "{target}"}]}
SITE = with_areas(
    Site(
        device=Device(id="hall", area="hall"),
        things={
            "ceiling": Thing(area="hall", kind="light", set="z/ceiling/set", state="zigbee2mqtt/ceiling"),
            "lamp": Thing(area="hall", kind="light", set="z/lamp/set", state="stat/lamp/POWER"),
        },
        rules=[Rule.model_validate(OBEY)],
    )
)


def ordered(order: Order) -> Report:
    """Somebody says it in the hall."""
    t = CLOCK.now()
    data = {"text": order.text, "interpretations": [Interpretation((order,)).to_json()], "wake": 0.9}
    heard = Observation(f"voice/mic/{t}/0", "voice", "mic", "audio", "utterance", order.intent, 0.9, t, t, "hall", data)
    return Report("voice", t, [heard])


async def test_only_the_lamp_that_is_lit_is_turned_off(broker: Any) -> None:
    """A kept zigbee2mqtt state and a fresh one of Tasmota: `turn off the light` needs no question."""
    listener = broker.listener("none")
    listener.publish("zigbee2mqtt/ceiling", b'{"state": "OFF", "brightness": 120}', retain=True)
    talk = Talk(Dialogue(SITE, data_of("en")["answers"], ground))
    decider = Decider(Beliefs({}, {}), Engine(SITE), RuleState(), CLOCK, talk)
    bus = Connection(Mqtt(url=broker.url), "hall", CLOCK, PartHealth("broker", "broker"))
    nothing: Any = None
    context = Context("things", CLOCK, PartHealth("things", "source"), bus, nothing, SITE)
    samples: list[Sample] = []
    connected = anyio.Event()
    bus.on_connect.append(lambda _: connected.set())
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bus.run)
            tasks.start_soon(ThingStates(SITE.sources["things"], context).run, samples.append)
            await connected.wait()
            while len(samples) < 2:
                await anyio.sleep(0.01)
            listener.publish("stat/lamp/POWER", b"ON")
            while len(samples) < 3:
                await anyio.sleep(0.01)
            await bus.close()
            tasks.cancel_scope.cancel()
    decider.step([reading_report(sample) for sample in samples], CLOCK.now())  # type: ignore[arg-type]
    outcome = decider.step(
        [ordered(Order("turn_off", (Phrase(kind="light"),), text="turn off the light"))], CLOCK.now()
    )

    assert [(each.kind, each.name) for each in outcome.actions] == [("command", "lamp")]
