"""Home Assistant's MQTT discovery: the whole device in one retained payload. Pure.

Publish it after every connect and whenever `homeassistant/status` says `online`.
"""

import json
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

from edgefuse.config.models import Site
from edgefuse.core.types import Json, Message
from edgefuse.publishers.topics import Topics, level

STATUS_TOPIC = "homeassistant/status"
_HEALTH_TEMPLATE = (
    "{{ 'ON' if value_json.parts.values() | selectattr('state', 'in', ['failed', 'stale']) | list else 'OFF' }}"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def discovery(site: Site, wall: datetime) -> Message:
    """`homeassistant/device/<id>/config`: beliefs, the last intent, and health."""
    base, device = Topics(site).base, level(site.device.id)
    payload = {
        "device": {
            "identifiers": [f"edgefuse_{device}"],
            "name": site.device.id,
            "manufacturer": "edgefuse",
            "sw_version": version("edgefuse"),
            **({"suggested_area": site.device.area} if site.device.area else {}),
        },
        "origin": {"name": "edgefuse", "sw_version": version("edgefuse")},
        "availability_topic": f"{base}/status",
        "payload_available": "online",
        "payload_not_available": "offline",
        "qos": 1,
        "components": _components(site, base, f"edgefuse_{device}"),
    }
    created = (wall - _EPOCH) // timedelta(microseconds=1) * 1000
    topic = f"homeassistant/device/{device}/config"
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    return Message(f"{topic}@{created}", "state", topic, body, created, retain=True)


def _components(site: Site, base: str, prefix: str) -> dict[str, Json]:
    topics = Topics(site)
    components: dict[str, Json] = {}
    for name, config in site.beliefs.items():
        area = config.area or (name.split(".", 1)[0] if "." in name else None)
        topic = topics.belief_topic(name, area)
        components[f"belief_{name.replace('.', '_')}"] = {
            "platform": "binary_sensor",
            "unique_id": f"{prefix}_belief_{name.replace('.', '_')}",
            "name": name.replace(".", " ").replace("_", " "),
            "state_topic": topic,
            "value_template": "{{ 'ON' if value_json.state else 'OFF' }}",
            "json_attributes_topic": topic,
        }
        components.update(_buttons(name, base, prefix))
    components["intent"] = {
        "platform": "sensor",
        "unique_id": f"{prefix}_intent",
        "name": "last intent",
        "icon": "mdi:microphone-message",
        "state_topic": f"{base}/intent",
        "value_template": "{{ value_json.intent }}",
        "json_attributes_topic": f"{base}/intent",
    }
    components["health"] = {
        "platform": "binary_sensor",
        "unique_id": f"{prefix}_health",
        "name": "health",
        "device_class": "problem",
        "entity_category": "diagnostic",
        "state_topic": f"{base}/health",
        "value_template": _HEALTH_TEMPLATE,
        "json_attributes_topic": f"{base}/health",
    }
    return components


def _buttons(belief: str, base: str, prefix: str) -> dict[str, Json]:
    """Two buttons by which the user says whether a belief was right."""
    key, spoken = belief.replace(".", "_"), belief.replace(".", " ").replace("_", " ")
    return {
        f"{word}_{key}": {
            "platform": "button",
            "unique_id": f"{prefix}_{word}_{key}",
            "name": f"{spoken} was {word}",
            "icon": icon,
            "entity_category": "config",
            "command_topic": f"{base}/set/confirm",
            "payload_press": json.dumps({"belief": belief, "was": truth}),
        }
        for word, icon, truth in (("right", "mdi:thumb-up", True), ("wrong", "mdi:thumb-down", False))
    }
