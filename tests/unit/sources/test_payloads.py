import json

import pytest

from edgefuse.core.types import Value
from edgefuse.sources.payloads import Found, Pick, Wanted, availability, parse, pointer, pointer_tokens, quantity_of

CASES = [
    # zigbee2mqtt
    (
        "zigbee2mqtt/hall",
        {"temperature": 27.3, "humidity": 44.7, "battery": 97, "voltage": 3005, "linkquality": 120},
        [
            ("temperature", 27.3, "degC"),
            ("humidity", 44.7, "%"),
            ("battery", 97.0, "%"),
            ("voltage", 3.005, "V"),
            ("linkquality", 120.0, ""),
        ],
    ),
    (
        "zigbee2mqtt/pir",
        {"occupancy": True, "illuminance_lux": 12},
        [("motion", True, ""), ("illuminance", 12.0, "lx")],
    ),
    ("zigbee2mqtt/door", {"contact": False, "tamper": False}, [("contact", False, ""), ("tamper", False, "")]),
    (
        "zigbee2mqtt/plug",
        {"state": "ON", "power": 12.5, "voltage": 231},
        [
            ("state", True, ""),
            ("power", 12.5, "W"),
            ("voltage", 231.0, "V"),
        ],
    ),
    ("zigbee2mqtt/remote", {"action": "on", "battery": None}, [("action", "on", "")]),
    (
        "zigbee2mqtt/air",
        {"co2": 812, "voc": 120, "pm25": 3, "formaldehyd": 0.01},
        [
            ("co2", 812.0, "ppm"),
            ("voc", 120.0, "ppb"),
            ("pm25", 3.0, "ug/m3"),
            ("formaldehyde", 0.01, "mg/m3"),
        ],
    ),
    (
        "zigbee2mqtt/lamp",
        {"state": "OFF", "update": {"state": "idle"}, "update_available": False},
        [("state", False, "")],
    ),
    (
        "zigbee2mqtt/leak",
        {"water_leak": True, "smoke": 0, "gas": "false"},
        [
            ("water_leak", True, ""),
            ("smoke", False, ""),
            ("gas", False, ""),
        ],
    ),
    # Tasmota
    (
        "tele/kitchen/SENSOR",
        {"Time": "2025-01-01T00:00:00", "AM2301": {"Temperature": 24.6, "Humidity": 58.2}, "TempUnit": "C"},
        [("temperature", 24.6, "degC"), ("humidity", 58.2, "%")],
    ),
    (
        "tele/kitchen/SENSOR",
        {"BME280": {"Temperature": 75.2, "DewPoint": 50, "Pressure": 750}, "TempUnit": "F", "PressureUnit": "mmHg"},
        [("temperature", 24.0, "degC"), ("dew_point", 10.0, "degC"), ("pressure", 999.917906, "hPa")],
    ),
    (
        "tele/tank/SENSOR",
        {"DS18B20-1": {"Id": "01", "Temperature": 20.5}, "DS18B20-2": {"Id": "02", "Temperature": 60}, "TempUnit": "C"},
        [("temperature", 20.5, "degC"), ("temperature_ds18b20_2", 60.0, "degC")],
    ),
    (
        "tele/plug/SENSOR",
        {"ENERGY": {"Total": 3.1, "Power": 60, "Voltage": 230, "Current": 0.26}},
        [
            ("power", 60.0, "W"),
            ("voltage", 230.0, "V"),
            ("current", 0.26, "A"),
        ],
    ),
]


@pytest.mark.parametrize(("topic", "document", "expected"), CASES)
def test_device_json_is_recognised(topic: str, document: object, expected: list[tuple[str, Value, str]]) -> None:
    """The JSON of zigbee2mqtt and Tasmota gives SI values without configuration."""
    parsed = parse(topic, json.dumps(document).encode())

    assert [Found(*found) for found in expected] == parsed.found
    assert parsed.rejected == []


@pytest.mark.parametrize(
    ("topic", "payload", "expected"),
    [
        ("esp/sensor/living_room_temperature/state", b"21.5", ("temperature", 21.5, "degC")),
        ("esp/binary_sensor/front_door/state", b"ON", ("front_door", True, "")),
        ("esp/binary_sensor/hall_motion/state", b"OFF", ("motion", False, "")),
        ("plant/kitchen/CO2", b" 812 ppm\n", ("co2", 812.0, "ppm")),
        ("house/out/temperature", "70 °F".encode(), ("temperature", 21.111111, "degC")),
        ("house/door/contact", b"open", ("contact", False, "")),
        ("house/door/contact", b"closed", ("contact", True, "")),
        ("house/garage", b"open", ("garage", True, "")),
        ("house/smoke", b"true", ("smoke", True, "")),
        ("house/smoke", b"1", ("smoke", True, "")),
        ("house/level", b"-1.5e1", ("level", -15.0, "")),
        ("statestream/sensor/temperature/state", b'"19.0"', ("temperature", 19.0, "degC")),
    ],
)
def test_plain_values_are_recognised(topic: str, payload: bytes, expected: tuple[str, Value, str]) -> None:
    """Plain numbers and ON/OFF are named by their topic."""
    assert parse(topic, payload).found == [Found(*expected)]


def test_configured_quantity_and_unit_win() -> None:
    """`quantity` and `unit` say what a plain value is."""
    assert parse("a/b", b"86", Wanted("temperature", "F")).found == [Found("temperature", 30.0, "degC")]
    assert parse("a/b", b"heating", Wanted("mode")).found == [Found("mode", "heating", "")]


def test_pointers_reach_what_is_not_recognised() -> None:
    """A pointer takes a value, scales it and converts its unit; what is recognised comes besides, once."""
    document = b'{"aenergy": {"total": 1500}, "t": [{"tF": 212}, 3], "a/b": 5, "humidity": 40}'
    values = {
        "energy": Pick("/aenergy/total", unit="Wh"),
        "temperature": Pick("/t/0/tF", unit="F"),
        "depth": Pick("/a~1b", scale=2, offset=1),
    }

    parsed = parse("x/y", document, Wanted(values=values))

    assert parsed.found == [
        Found("energy", 1.5, "kWh"),
        Found("temperature", 100.0, "degC"),
        Found("depth", 11.0, ""),
        Found("humidity", 40.0, "%"),
    ]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\xff\xfe{", "not UTF-8"),
        (b'{"temperature": 2', "broken JSON"),
        (b"[" * 50_000, "nested too deep"),
        (b"9" * 70_000, "too long"),
        (b'{"temperature": NaN}', "not a finite number"),
        (b'{"temperature": -Infinity}', "not a finite number"),
        (b'{"temperature": 1e999}', "not a finite number"),
        (b'{"temperature": ' + b"9" * 400 + b"}", "not a finite number"),
        (b'{"temperature": "warm"}', "not a number"),
        (b'{"temperature": true}', "not a number"),
        (b'{"occupancy": 7}', "neither on nor off"),
        (b'{"occupancy": "maybe"}', "neither on nor off"),
        (b'{"colour": 7}', "nothing known in it"),
        (b"[1, 2]", "nothing known in it"),
        (b"null", "wrong type"),
        (b"nan", "says that it has no value"),
        (b"unavailable", "says that it has no value"),
        (b"", "says that it has no value"),
        (b'"\\ud800"', "no readable text"),
        (b"x" * 300, "no readable text"),
    ],
)
def test_malformed_payloads_have_a_reason(payload: bytes, reason: str) -> None:
    """What makes no sense gives no value and one short reason."""
    parsed = parse("house/temperature", payload)

    assert (parsed.found, parsed.rejected) == ([], [reason])


def test_one_bad_value_does_not_spoil_the_others() -> None:
    """Each value of a message stands for itself."""
    parsed = parse("z/h", b'{"temperature": "?", "humidity": 40}')

    assert parsed.found == [Found("humidity", 40.0, "%")]
    assert parsed.rejected == ["not a number"]


def test_a_pointer_to_nothing_is_counted() -> None:
    """A pointer that leads nowhere is a reason, not an error."""
    wanted = Wanted(values={"depth": Pick("/a/9")})

    assert parse("x", b'{"a": [1]}', wanted).rejected == ["nothing where the pointer points"]
    assert parse("x", b"5", wanted).rejected == ["nothing where the pointer points"]


def test_pointers_follow_rfc_6901() -> None:
    """The examples of RFC 6901, section 5."""
    document = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "m~n": 8, " ": 7}

    assert pointer(document, "") == document
    assert pointer(document, "/foo/0") == "bar"
    assert [pointer(document, path) for path in ("/", "/a~1b", "/c%d", "/m~0n", "/ ")] == [0, 1, 2, 8, 7]
    for bad in ("foo", "/~2", "/m~"):
        with pytest.raises(ValueError, match="RFC 6901"):
            pointer_tokens(bad)
    for nowhere in ("/foo/00", "/foo/-", "/foo/2", "/nope", "/foo/0/x"):
        with pytest.raises(LookupError):
            pointer(document, nowhere)


@pytest.mark.parametrize(
    ("payload", "there"),
    [
        (b"online", True),
        (b"Offline", False),
        (b'{"state":"online"}', True),
        (b'{"state": "offline"}', False),
        (b'{"state": 1}', None),
        (b"\xff", None),
        (b"21", None),
    ],
)
def test_availability_is_read_in_both_forms(payload: bytes, there: bool | None) -> None:  # noqa: FBT001
    """zigbee2mqtt's two forms and Tasmota's last will are understood."""
    assert availability(payload) is there


def test_a_topic_names_its_quantity() -> None:
    """The last part that means something counts, by its longest known ending."""
    assert quantity_of("esp/sensor/kitchen_carbon_dioxide/state") == "co2"
    assert quantity_of("a/Water Level") == "water_level"
    assert quantity_of("///") == "value"
