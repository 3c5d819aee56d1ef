from datetime import datetime, timezone
from pathlib import Path

import pytest

from edgefuse.core.errors import SourceError
from edgefuse.core.types import SECOND
from edgefuse.sources.tables import Row, read_table


def _read(path: Path, text: str | bytes, **settings: object) -> tuple[list[Row], list[str]]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    rejected: list[str] = []
    start, quantity, unit = (settings.get(name) for name in ("start", "quantity", "unit"))
    rows = read_table(path, start, quantity, unit, rejected.append)  # type: ignore[arg-type]
    return list(rows), rejected


def test_long_form(tmp_path: Path) -> None:
    """time, quantity, value, unit, area: one value per row, converted to SI."""
    text = "t,quantity,value,unit,area\n0,temperature,68,F,attic\n1.5,motion,true,,\n2,mode,heat,,\n2,co2,800,,\n"

    assert _read(tmp_path / "a.csv", text) == (
        [
            Row(0, "temperature", 20.0, "degC", "attic"),
            Row(3 * SECOND // 2, "motion", value=True, unit="", area=None),
            Row(2 * SECOND, "mode", "heat", "", None),
            Row(2 * SECOND, "co2", 800.0, "ppm", None),
        ],
        [],
    )


def test_wide_form(tmp_path: Path) -> None:
    """One column per quantity; empty cells say nothing; ISO times count from the first row."""
    text = "Date;Temperature;CO2\n2025-01-01 10:00:00;20.5;\n2025-01-01T10:00:30Z;;700\n"

    assert _read(tmp_path / "a.csv", text) == (
        [Row(0, "temperature", 20.5, "degC", None), Row(30 * SECOND, "co2", 700.0, "ppm", None)],
        [],
    )


def test_json_lines(tmp_path: Path) -> None:
    """Objects of both forms, with native types."""
    text = '{"t": 1, "quantity": "motion", "value": true}\n\n{"time": 2, "temperature": 21, "humidity": null}\n'

    assert _read(tmp_path / "a.jsonl", text) == (
        [Row(SECOND, "motion", value=True, unit="", area=None), Row(2 * SECOND, "temperature", 21.0, "degC", None)],
        [],
    )


def test_times_count_from_the_start_of_the_scene(tmp_path: Path) -> None:
    """With `start`, ISO times and epoch seconds lie on the scene's time line; what was before is left out."""
    start = datetime(2025, 1, 1, tzinfo=timezone.utc)
    text = f"time,x\n2024-12-31T23:59:59Z,1\n2025-01-01T01:00:05+01:00,2\n{start.timestamp() + 6:.0f},3\n"

    assert _read(tmp_path / "a.csv", text, start=start) == (
        [Row(5 * SECOND, "x", 2.0, "", None), Row(6 * SECOND, "x", 3.0, "", None)],
        ["row before the start"],
    )


@pytest.mark.parametrize("fraction", [".5", ".500", ".500000000", ".5Z", ".5+00:00"])
def test_fractions_of_seconds_have_any_number_of_digits(tmp_path: Path, fraction: str) -> None:
    """ISO 8601 sets no limit."""
    rows, _ = _read(tmp_path / "a.csv", f"time,x\n2025-01-01T00:00:00Z,1\n2025-01-01T00:00:01{fraction},2\n")

    assert rows[1].t == 3 * SECOND // 2


def test_quantity_and_unit_can_be_given(tmp_path: Path) -> None:
    """A table with a bare value column gets its name and unit from the configuration."""
    rows, _ = _read(tmp_path / "a.csv", "t,value\n0,50\n", quantity="temperature", unit="F")

    assert rows == [Row(0, "temperature", 10.0, "degC", None)]


def test_date_and_time_may_be_two_columns_and_rows_numbered(tmp_path: Path) -> None:
    """The habits of spreadsheets and of R are understood."""
    assert (
        _read(tmp_path / "a.csv", "Date,Time,x\n2025-01-01,10:00:00,1\n2025-01-01,10:00:02,2\n")[0][1].t == 2 * SECOND
    )
    assert _read(tmp_path / "b.txt", '"t","x"\n"1",0,5\n')[0] == [Row(0, "x", 5.0, "", None)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("yesterday,1", "row without a time"),
        ("nan,1", "row without a time"),
        ("1e300,1", "row without a time"),
        ("-5,1", "row before the start"),
        ("1,2,3,4,5", "row with another number of columns"),
        ("1,nan", "value that is none"),
        ("1,1e999", "value that is none"),
        ("1," + "9" * 200_000, "value that is none"),
    ],
)
def test_bad_rows_are_counted_and_skipped(tmp_path: Path, row: str, reason: str) -> None:
    """The rows around a bad one count."""
    rows, rejected = _read(tmp_path / "a.csv", f"t,x\n0,1\n{row}\n2,3\n")

    assert [value.value for value in rows if value.value in {1.0, 3.0}] == [1.0, 3.0]
    assert reason in rejected


def test_rows_out_of_order_are_counted(tmp_path: Path) -> None:
    """Time does not run backwards."""
    assert _read(tmp_path / "a.csv", "t,x\n5,1\n4,2\n")[1] == ["row out of order"]


@pytest.mark.parametrize("line", ["{", "[1]", "7", "[" * 90_000, '{"value": 1}', '{"t": 1e999, "x": 1}', '{"t": NaN}'])
def test_bad_json_lines_are_counted(tmp_path: Path, line: str) -> None:
    """A line that is no object with a time is one rejected row."""
    rows, rejected = _read(tmp_path / "a.jsonl", line + '\n{"t": 1, "x": 2}\n')

    assert rows == [Row(SECOND, "x", 2.0, "", None)]
    assert len(rejected) == 1


def test_files_that_are_no_tables_are_source_errors(tmp_path: Path) -> None:
    """A missing file and one without a time column say what was expected."""
    with pytest.raises(SourceError, match="readable table"):
        list(read_table(tmp_path / "gone.csv", None, None, None, print))
    for text in (b"", b"a,b\n1,2\n", b"\x00\xff\x00\xff" * 1000):
        with pytest.raises(SourceError, match="expected a column t"):
            _read(tmp_path / "a.csv", text)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "quantities", "rows"),
    [("occupancy/datatest.txt", 6, 2665), ("room_occupancy/Occupancy_Estimation.csv", 17, 10_129)],
)
def test_real_tables_are_read(data_dir: Path, name: str, quantities: int, rows: int) -> None:
    """Two published data sets, as they are."""
    rejected: list[str] = []
    read = list(read_table(data_dir / name, None, None, None, rejected.append))

    assert len({row.quantity for row in read}) == quantities
    assert len({row.t for row in read}) == rows
    assert rejected == []
