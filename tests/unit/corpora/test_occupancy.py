"""Tables of room climate: every row with what was known at its time."""

from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import load

OFFICE = """"date","Temperature","Humidity","Light","CO2","HumidityRatio","Occupancy"
"1","2015-02-04 23:58:00",23.1,27,0,700,0.0047,0
"3","2015-02-05 00:00:00",23.3,29,426,720,0.0047,1
"2","2015-02-04 23:59:00",23.2,28,0,710,0.0047,0
"""
ROOM = """Date,Time,S1_Temp,S2_Temp,S3_Temp,S4_Temp,S1_Light,S2_Light,S3_Light,S4_Light,S1_Sound,S2_Sound,S3_Sound,\
S4_Sound,S5_CO2,S5_CO2_Slope,S6_PIR,S7_PIR,Room_Occupancy_Count
2017/12/22,10:49:41,24,25,26,27,121,34,53,40,0.08,0.19,0.06,0.05,390,0.77,0,1,1
2017/12/22,10:50:12,24,25,26,27,121,34,53,40,,0.19,0.06,0.05,395,0.77,0,0,3
2017/12/23,10:49:41,20,25,26,27,121,34,53,40,0.08,0.19,0.06,0.05,390,0.77,0,0,0
"""
NAN = float("nan")
OPTIONS = {"steps": 3, "step_s": 60, "hold_s": 90}


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """A file of another name in the folder of the data set."""
    (tmp_path / "occupancy").mkdir()
    (tmp_path / "occupancy" / "march.txt").write_text(OFFICE)
    return tmp_path


def test_rows_see_the_minutes_before_them(office: Path) -> None:
    """Rows are put in order of time; before the first one of a file nothing is known."""
    corpus = load("occupancy", office, OPTIONS)

    want = [[NAN, NAN, 700], [NAN, 700, 710], [700, 710, 720]]
    np.testing.assert_array_equal(corpus.raws["co2"].data[:, :, 0], want)
    assert corpus.labels.tolist() == [0, 0, 1]
    assert corpus.present.all()


def test_groups_are_days_whatever_the_file_is_called(office: Path) -> None:
    """A day never lies on both sides of a split, and a copy of a file under another name is of the same days."""
    corpus = load("occupancy", office, OPTIONS)
    copy = (office / "occupancy" / "march.txt").rename(office / "april.csv")
    assert corpus.groups.tolist() == ["2015-02-04", "2015-02-04", "2015-02-05"]
    assert load("occupancy", copy, OPTIONS).groups.tolist() == corpus.groups.tolist()
    assert list(corpus.files) == ["march.txt"]


def test_any_file_of_this_layout_is_read(office: Path) -> None:
    """The root, the folder and the file itself give the same samples."""
    every = [office, office / "occupancy", office / "occupancy" / "march.txt"]
    assert {len(load("occupancy", path, OPTIONS)) for path in every} == {3}


def test_the_rule_of_the_light(office: Path) -> None:
    """Whoever wrote a rule by hand would look at the light."""
    corpus = load("occupancy", office, OPTIONS)
    assert corpus.rule is not None
    assert corpus.rule.argmax(1).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (OFFICE.replace("CO2", "gas"), "march.txt:1.*CO2"),
        (OFFICE.replace("23.2", "warm"), "march.txt:4.*numbers"),
        (OFFICE.replace("23.2", "-inf"), "march.txt:4.*numbers"),
        (OFFICE.replace("23.2", "1e39"), "march.txt:4.*numbers"),
        (OFFICE.replace("0.0047,1", "0.0047,2"), "march.txt:3.*0 or 1"),
        (OFFICE.replace("2015-02-05 00", "noon"), "march.txt:3.*date"),
        (OFFICE + "1,2,3\n", "march.txt:5.*7 columns"),
        (OFFICE.splitlines()[0], "at least one row"),
    ],
)
def test_another_layout_is_told_with_its_line(office: Path, wrong: str, told: str) -> None:
    """The file and its line are named."""
    file = office / "occupancy" / "march.txt"
    file.write_text(wrong)
    with pytest.raises(ConfigError, match=told):
        load("occupancy", file, OPTIONS)


def test_a_folder_without_such_files(tmp_path: Path) -> None:
    """The columns that are looked for are named."""
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="Occupancy, found none"):
        load("occupancy", tmp_path, {})


def test_unknown_options(office: Path) -> None:
    """A mistake in the recipe is a ConfigError."""
    with pytest.raises(ConfigError, match=r"occupancy.*colour"):
        load("occupancy", office, {"colour": 1})


def test_rooms_by_day(tmp_path: Path) -> None:
    """A day is a group, and knows nothing of the day before."""
    (tmp_path / "rooms.csv").write_text(ROOM)
    corpus = load("room_occupancy", tmp_path, {"steps": 2, "step_s": 30})

    assert corpus.groups.tolist() == ["2017-12-22", "2017-12-22", "2017-12-23"]
    assert corpus.labels.tolist() == [1, 3, 0]
    assert corpus.raws["temperature"].data[:, -1, 0].tolist() == [24, 24, 20]
    np.testing.assert_array_equal(corpus.raws["pir"].data[:, :, 1], [[NAN, 1], [1, 0], [NAN, 0]])


def test_an_empty_cell_is_a_value_that_did_not_come(tmp_path: Path) -> None:
    """The value before it counts on."""
    (tmp_path / "rooms.csv").write_text(ROOM)
    corpus = load("room_occupancy", tmp_path, {"steps": 2, "step_s": 30})
    assert corpus.raws["sound"].data[1, -1, 0] == np.float32(0.08)
    assert corpus.present.all()
