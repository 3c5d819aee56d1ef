"""Names and units of what sensors measure, as messages spell them and as edgefuse does."""

import re
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["number", "switch", "text", "action", "any"]
"""`action` is text that comes only when something is done; `any` takes numbers and ON/OFF."""


class Quantity(NamedTuple):
    """What edgefuse calls it, the unit it has when a message names none, and what its values are."""

    name: str
    unit: str
    kind: Kind


def _table() -> dict[str, Quantity]:
    numbers = {
        "temperature": ("degC", "temp local_temperature device_temperature_sensor"),
        "humidity": ("%", "relative_humidity hum"),
        "dew_point": ("degC", "dewpoint"),
        "pressure": ("hPa", "atmospheric_pressure barometer"),
        "sea_pressure": ("hPa", "seapressure"),
        "co2": ("ppm", "carbondioxide carbon_dioxide"),
        "eco2": ("ppm", "e_co2"),
        "co": ("ppm", "carbon_monoxide_concentration"),
        "voc": ("ppb", "tvoc"),
        "voc_index": ("", ""),
        "formaldehyde": ("mg/m3", "formaldehyd hcho"),
        "pm1": ("ug/m3", "pm_1 pm1_0"),
        "pm25": ("ug/m3", "pm2_5 pm_2_5"),
        "pm10": ("ug/m3", "pm_10"),
        "aqi": ("", "air_quality_index"),
        "battery": ("%", "battery_level"),
        "linkquality": ("", "lqi"),
        "illuminance": ("lx", "illuminance_lux lux"),
        "noise": ("dB", "sound_level"),
        "power": ("W", "active_power apower"),
        "voltage": ("V", ""),
        "current": ("A", ""),
        "energy": ("kWh", ""),
        "distance": ("cm", ""),
        "soil_moisture": ("%", ""),
        "wind_speed": ("m/s", ""),
        "brightness": ("", ""),
        "position": ("%", ""),
        "setpoint": ("degC", "occupied_heating_setpoint current_heating_setpoint"),
        "heart_rate": ("bpm", "heartrate"),
        "spo2": ("%", ""),
    }
    switches = {
        "motion": "occupancy pir",
        "presence": "",
        "contact": "",
        "smoke": "",
        "water_leak": "leak moisture_alarm",
        "gas": "",
        "carbon_monoxide": "",
        "vibration": "",
        "tamper": "",
        "battery_low": "",
        "sos": "emergency",
        "fall": "",
    }
    table = {"state": Quantity("state", "", "text"), "lock_state": Quantity("lock_state", "", "text")}
    table["action"] = table["click"] = Quantity("action", "", "action")
    for name, (unit, others) in numbers.items():
        table.update(dict.fromkeys((name, *others.split()), Quantity(name, unit, "number")))
    for name, others in switches.items():
        table.update(dict.fromkeys((name, *others.split()), Quantity(name, "", "switch")))
    return table


QUANTITIES = _table()
"""How messages spell it, in snake case -> what it is. `contact` is true when closed, as in zigbee2mqtt."""


def _times(factor: float) -> Callable[[float], float]:
    return lambda value: value * factor


def _same(value: float) -> float:
    return value


UNITS: dict[str, tuple[str, Callable[[float], float]]] = {
    **dict.fromkeys(("C", "°C", "degC", "celsius"), ("degC", _same)),
    **dict.fromkeys(("F", "°F", "degF", "fahrenheit"), ("degC", lambda value: (value - 32) * 5 / 9)),
    **dict.fromkeys(("K", "kelvin"), ("degC", lambda value: value - 273.15)),
    **dict.fromkeys(("%", "%RH"), ("%", _same)),
    **dict.fromkeys(("hPa", "mbar"), ("hPa", _same)),
    "Pa": ("hPa", _times(0.01)),
    "kPa": ("hPa", _times(10)),
    "bar": ("hPa", _times(1000)),
    "mmHg": ("hPa", _times(1.33322387415)),
    "inHg": ("hPa", _times(33.8638866667)),
    "psi": ("hPa", _times(68.9475729318)),
    "mV": ("V", _times(0.001)),
    "mA": ("A", _times(0.001)),
    "kW": ("W", _times(1000)),
    "mW": ("W", _times(0.001)),
    "Wh": ("kWh", _times(0.001)),
    **dict.fromkeys(("lx", "lux"), ("lx", _same)),
    **dict.fromkeys(("µg/m³", "μg/m³", "ug/m³", "ug/m3"), ("ug/m3", _same)),
    "mg/m³": ("mg/m3", _same),
    "mm": ("cm", _times(0.1)),
    "m": ("cm", _times(100)),
    "km/h": ("m/s", lambda value: value / 3.6),
    "mph": ("m/s", _times(0.44704)),
    **{
        unit: (unit, _same)
        for unit in ("V", "A", "W", "kWh", "ppm", "ppb", "dB", "cm", "m/s", "mg/m3", "bpm", "Hz", "s")
    },
}
"""Spelling -> (the unit edgefuse uses, how to get there)."""


def to_si(value: float, unit: str) -> tuple[float, str]:
    """A value in the unit that edgefuse uses; one in an unknown unit stays as it is. Infinite on overflow."""
    name, convert = UNITS.get(unit, (unit, _same))
    if convert is _same:
        return value, name
    return round(convert(value), 6), name


def snake(name: str) -> str:
    """A name in snake case: `DewPoint` is dew_point, `PM2.5` pm2_5, `CO2` co2."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")
