import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from edgefuse.sources.payloads import Pick, Wanted, availability, parse
from edgefuse.sources.quantities import QUANTITIES

KEYS = st.sampled_from([*QUANTITIES, "TempUnit", "AM2301", "Temperature", "update", ""]) | st.text(max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**400)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["ON", "open", "21.5 °F", "nan", "1e999", "F", "\ud800", "-", "0x10", "1_000"])
)
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6))
PAYLOADS = st.binary(max_size=200) | DOCUMENTS.map(lambda document: json.dumps(document).encode())
POINTERS = st.sampled_from(["", "/", "/0", "/temperature", "/a/b/c", "/~0~1"]) | st.text(max_size=8)
FACTORS = st.floats(allow_nan=False, allow_infinity=False)
PICKS = st.builds(Pick, POINTERS, st.sampled_from(["", "F", "kPa", "x"]), FACTORS, FACTORS)
WANTED = st.builds(
    Wanted,
    st.none() | st.sampled_from(["temperature", "motion", "level"]),
    st.sampled_from(["", "F", "K", "bar"]),
    st.dictionaries(st.sampled_from(["temperature", "depth"]), PICKS, max_size=2),
)


@settings(deadline=None)
@given(st.text(max_size=40), PAYLOADS, WANTED)
def test_parsing_never_raises_and_gives_only_finite_values(topic: str, payload: bytes, wanted: Wanted) -> None:
    """No exception, no NaN, only values that JSON and UTF-8 can carry, and a reason where there is none."""
    parsed = parse(topic, payload, wanted)

    for quantity, value, unit in parsed.found:
        assert not isinstance(value, float) or math.isfinite(value)
        assert isinstance(value, bool | float | str)
        assert json.dumps([quantity, value, unit], allow_nan=False, ensure_ascii=False).encode()
    assert parsed.found or parsed.rejected
    assert parse(topic, payload, wanted) == parsed


@settings(deadline=None)
@given(PAYLOADS)
def test_availability_never_raises(payload: bytes) -> None:
    """Whatever arrives is True, False or unknown."""
    assert availability(payload) in {True, False, None}
