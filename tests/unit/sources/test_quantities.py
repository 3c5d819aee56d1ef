import pytest

from edgefuse.sources.quantities import QUANTITIES, UNITS, snake, to_si


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (32, "°F", (0.0, "degC")),
        (300.15, "K", (27.0, "degC")),
        (101325, "Pa", (1013.25, "hPa")),
        (36, "km/h", (10.0, "m/s")),
        (5, "furlong", (5, "furlong")),
    ],
)
def test_units_become_si(value: float, unit: str, expected: tuple[float, str]) -> None:
    """Known units are converted, unknown ones stay."""
    assert to_si(value, unit) == expected


def test_every_default_unit_is_one_that_values_are_converted_to() -> None:
    """A quantity's unit is its own SI form, so converting twice changes nothing."""
    for quantity in QUANTITIES.values():
        assert not quantity.unit or to_si(1.5, quantity.unit) == (1.5, quantity.unit)
    assert {name for name, _ in UNITS.values()} <= UNITS.keys()


def test_names_become_snake_case() -> None:
    """Spellings of devices meet in one form."""
    assert [snake(name) for name in ("DewPoint", "PM2.5", "CO2", "pm25", "CarbonDioxide", "Température")] == [
        "dew_point",
        "pm2_5",
        "co2",
        "pm25",
        "carbon_dioxide",
        "temp_rature",
    ]
