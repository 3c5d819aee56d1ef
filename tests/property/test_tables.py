import json
import math
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edgefuse.core.errors import SourceError
from edgefuse.sources.tables import Row, read_table

CELLS = st.sampled_from(["0", "1", "1.5", "-1", "nan", "1e999", "on", "", '"', "2025-01-01", "2025-13-01T99", "x,y"])
CELLS |= st.text(max_size=6)
LINES = st.lists(CELLS, min_size=1, max_size=5).map(",".join)
CSV = st.tuples(st.sampled_from(["t,x", "time,quantity,value,unit", "date;x", "a,b", ""]), st.lists(LINES, max_size=8))
KEYS = st.sampled_from(["t", "time", "date", "value", "quantity", "unit", "area", "x", ""]) | st.text(max_size=3)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.lists(st.none(), max_size=1)
)
JSON_LINES = st.lists(st.dictionaries(KEYS, SCALARS, max_size=5).map(json.dumps) | st.text(max_size=20), max_size=8)


def _rows(name: str, data: bytes) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            return list(read_table(path, None, None, None, lambda _: None))
        except SourceError:
            return []


def _check(rows: list[Row]) -> None:
    assert [row.t for row in rows] == sorted(row.t for row in rows)
    assert all(row.t >= 0 for row in rows)
    assert not any(isinstance(row.value, float) and not math.isfinite(row.value) for row in rows)


@settings(deadline=None)
@given(CSV)
def test_any_csv_gives_finite_rows_in_order_or_a_source_error(table: tuple[str, list[str]]) -> None:
    """Whatever stands in the file: times do not run backwards, values are finite, nothing else is raised."""
    _check(_rows("a.csv", "\n".join([table[0], *table[1]]).encode("utf-8", "surrogatepass")))


@settings(deadline=None)
@given(JSON_LINES)
def test_any_json_lines_give_finite_rows_in_order(lines: list[str]) -> None:
    """Whatever stands in the file: times do not run backwards, values are finite, nothing is raised."""
    _check(_rows("a.jsonl", "\n".join(lines).encode("utf-8", "surrogatepass")))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_survived(data: bytes) -> None:
    """Neither kind of table raises anything but SourceError."""
    _check(_rows("a.csv", b"t,x\n" + data))
    _check(_rows("a.jsonl", data))
