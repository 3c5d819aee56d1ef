from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context, Detector
from edgefuse.core.types import SECOND, Frame, Observation, Reading, Value
from edgefuse.detectors.climate import Climate, ClimateConfig, dew_point, robust_slope

HOUR = 3600.0


def built(**config: Any) -> Climate:
    nothing: Any = None
    context = Context("air", nothing, PartHealth("air", "detector"), nothing, nothing, nothing)
    return Climate(ClimateConfig(**{"on": ["one", "two"], **config}), context)


def read(value: Value, at: float, quantity: str = "temperature", source: str = "one", **more: Any) -> Reading:
    unit = {"temperature": "degC", "humidity": "%"}.get(quantity, "")
    return Reading(source, more.pop("area", "hall"), round(at * SECOND), quantity, value, unit, **more)


def labels(observations: list[Observation]) -> dict[str, Any]:
    return {each.label: each.data["value"] for each in observations}


def reasons(climate: Climate) -> dict[str, int]:
    told: dict[str, int] = climate._health.snapshot(0)["rejected_why"]
    return told


def test_is_a_detector() -> None:
    """It offers what the pipeline asks of a detector."""
    climate = built()
    climate.warm_up()
    climate.close()

    assert isinstance(climate, Detector)


def test_value_is_passed_on() -> None:
    """With unit, area and event time; other quantities and other samples give nothing."""
    climate = built()
    (seen,) = climate.detect(read(21.5, 1))

    assert (seen.label, seen.kind, seen.score, seen.end, seen.area) == ("temperature", "climate", 1.0, SECOND, "hall")
    assert seen.data == {"value": 21.5, "unit": "degC", "retained": False}
    assert climate.detect(read(1.0, 2, "contact")) == []
    assert climate.detect(Frame("one", None, 3, np.zeros((2, 2, 3), np.uint8))) == []
    assert reasons(climate) == {}


@pytest.mark.parametrize(
    ("temperature", "humidity", "expected"),
    [(20, 50, 9.26), (25, 100, 25), (30, 30, 10.53), (0, 50, -9.2), (-20, 80, -22.5)],
)
def test_dew_point(temperature: float, humidity: float, expected: float) -> None:
    """Agrees with psychrometric tables to .2 degC."""
    assert dew_point(temperature, humidity) == pytest.approx(expected, abs=0.2)


def test_dry_air_has_no_dew_point() -> None:
    """The logarithm of nothing."""
    assert dew_point(20, 0) is None


def test_dew_point_needs_both_fresh() -> None:
    """Temperature and humidity of one sensor, neither older than `fresh_s`."""
    climate = built(fresh_s=600)
    assert "dew_point" not in labels(climate.detect(read(20, 1)))
    assert "dew_point" not in labels(climate.detect(read(50, 2, "humidity", "two")))
    assert labels(climate.detect(read(50, 2, "humidity")))["dew_point"] == pytest.approx(9.26, abs=0.05)
    assert "dew_point" not in labels(climate.detect(read(50, 700, "humidity")))


def test_readings_of_one_moment_have_different_ids() -> None:
    """One payload brings temperature and humidity at the same time."""
    climate = built()
    found = [each for q, x in (("temperature", 20), ("humidity", 50)) for each in climate.detect(read(x, 1, q))]

    assert [each.id for each in found] == [f"air/one/{SECOND}/{n}" for n in range(3)]


def test_slope_is_per_minute_and_robust() -> None:
    """A quarter of wild readings does not bend it; too few, or too short a time, give none."""
    climate = built(window_s=120)
    slopes = []
    for n in range(40):
        value = 20 + 0.5 * n * 5 / 60 + (15 if n % 4 == 3 else 0)
        slopes.append(labels(climate.detect(read(value, n * 5))).get("temperature_slope"))

    assert slopes[:6] == [None] * 6
    assert slopes[-1] == pytest.approx(0.5, abs=0.05)


def test_slope_of_many_points() -> None:
    """Hundreds of readings in the window are thinned out, not lost."""
    climate = built(window_s=120)
    found = [climate.detect(read(20 - n / 600, n / 5)) for n in range(500)]

    assert labels(found[-1])["temperature_slope"] == pytest.approx(-0.5, abs=1e-3)
    assert found[-1][1].data["unit"] == "degC/min"
    assert robust_slope(np.array([0.0, 1, 2]), np.array([0.0, 2, 4])) == 2


def test_out_of_range_is_told_until_it_ends() -> None:
    """True at every reading while it lasts, false once when all are back."""
    climate = built(limits={"temperature": [5, 35]})
    values = [(20, "one"), (36, "one"), (37, "one"), (4, "two"), (30, "one"), (10, "two"), (11, "two")]
    told = [
        [
            (each.score, each.data["value"])
            for each in climate.detect(read(x, n, source=source))
            if each.label == "out_of_range"
        ]
        for n, (x, source) in enumerate(values)
    ]

    assert told == [[], [(1, True)], [(1, True)], [(1, True)], [], [(0, False)], []]


def test_impossible_value_is_not_passed_on() -> None:
    """-127 degC is what a broken probe says: out of range, rejected, and no temperature."""
    climate = built()
    (seen,) = climate.detect(read(-127.0, 1))

    assert (seen.label, seen.data["physical"], seen.data["reading"]) == ("out_of_range", True, -127)
    assert labels(climate.detect(read(101.0, 2, "humidity"))) == {"out_of_range": True}
    assert reasons(climate) == {"physically impossible": 2}


@pytest.mark.parametrize("value", ["unavailable", True, float("nan"), float("inf")])
def test_what_is_no_number_is_rejected(value: Value) -> None:
    """Counted, not raised."""
    climate = built()

    assert climate.detect(read(value, 1)) == []
    assert reasons(climate) == {"not a number": 1}


def test_old_reading_is_rejected() -> None:
    """Time does not go back for one quantity of one sensor."""
    climate = built()
    climate.detect(read(20, 5))

    assert climate.detect(read(21, 4)) == []
    assert reasons(climate) == {"older than the last": 1}


def test_retained_value_teaches_nothing() -> None:
    """It is passed on and marked, but its age is unknown: no slope, no dew point, no verdict on the sensor."""
    climate = built()
    found = climate.detect(read(20.0, 1, retained=True))

    assert found[0].data["retained"]
    assert "dew_point" not in labels(climate.detect(read(50, 2, "humidity")))


def test_stuck_while_another_moves() -> None:
    """Exactly the same for two hours while the neighbour moved by a degree."""
    climate = built()
    told = []
    for n in range(31):
        climate.detect(read(20 + n / 10, n * 300, source="two"))
        told.append(labels(climate.detect(read(21.37, n * 300 + 1))).get("stuck"))

    assert told[:24] == [None] * 24
    assert told[24:] == [True] * 7
    assert labels(climate.detect(read(21.38, 10_000)))["stuck"] is False


@pytest.mark.parametrize("area", ["attic", None])
def test_still_air_is_not_stuck(area: str | None) -> None:
    """A constant value is fine while no neighbour moves; what moves elsewhere, or who knows where, does not count."""
    climate = built()
    for n in range(31):
        climate.detect(read(20 + n / 10, n * 300, source="two", area=area))
        assert "stuck" not in labels(climate.detect(read(21.37, n * 300 + 1, area="hall" if area else None)))


def test_stuck_alone_after_a_day() -> None:
    """Nothing at all for a day is no weather; a sensor that is merely silent is not stuck."""
    climate = built()
    told = [labels(climate.detect(read(21.37, n * HOUR))).get("stuck") for n in range(26)]
    silent = built()
    silent.detect(read(21.37, 0))

    assert told.index(True) == 24
    assert "stuck" not in labels(silent.detect(read(21.37, 30 * HOUR)))


def test_contradicting_sensors() -> None:
    """Two sensors of one area, more than 5 degrees apart for ten minutes."""
    climate = built()
    told = []
    for n in range(16):
        climate.detect(read(20 + n / 100, n * 60, source="two"))
        found = climate.detect(read(27 + n / 100, n * 60 + 1))
        verdict = next((each for each in found if each.label == "contradicts"), None)
        told.append(verdict)

    assert told[:10] == [None] * 10
    assert told[10] is not None
    assert told[10].data["sources"] == ["one", "two"]
    assert told[10].data["difference"] == 7
    assert "contradicts" not in labels(climate.detect(read(21, 1000)))
    assert labels(climate.detect(read(20, 1001, source="two")))["contradicts"] is False


def test_agreement_ends_the_wait() -> None:
    """A minute of agreement starts the ten minutes anew; a neighbour that fell silent contradicts nobody."""
    climate = built()
    climate.detect(read(20, 0, source="two"))
    climate.detect(read(27, 1))
    climate.detect(read(21, 300))
    climate.detect(read(27, 301))

    assert "contradicts" not in labels(climate.detect(read(27.1, 700)))
    assert "contradicts" in labels(climate.detect(read(27.2, 902)))
    assert labels(climate.detect(read(27.3, 2500)))["contradicts"] is False


def test_one_area_for_all_its_sources() -> None:
    """`area` of the detector wins over that of the sensors."""
    (seen,) = built(area="house").detect(read(20, 1))

    assert seen.area == "house"


def test_reset_forgets() -> None:
    """After a gap nothing is compared with what was before."""
    climate = built()
    climate.detect(read(20, 5))
    climate.reset()

    assert len(climate.detect(read(20, 4))) == 1


def test_limits_must_be_ordered() -> None:
    """Lowest first."""
    with pytest.raises(ValidationError, match=r"expected \[lowest, highest\] for temperature, got \[35, 5\]"):
        built(limits={"temperature": [35, 5]})
