# ruff: noqa: RUF001  Chinese has its own comma
import string

import pytest

from edgefuse.config.models import Area, Device, Site, Thing
from edgefuse.core.types import Json
from edgefuse.grounding.words import Words
from edgefuse.grounding.words.variants import variants

pytest.importorskip("hassil")
pytest.importorskip("pypinyin")
from edgefuse.language import data_of, language, tight

LIGHT = {"set": "a/set", "level": {"b": "{value}"}, "colour": {"c": "{value}"}}
THINGS = {
    "ceiling": Thing(area="living", kind="light", names=["吊灯"], **LIGHT),
    "floor": Thing(area="living", kind="light", names=["落地灯"], near=["沙发"], **LIGHT),
    "tv": Thing(area="living", kind="media", names=["电视"], set="b/set", level={"v": "{value}"}),
    "ac": Thing(
        area="living",
        kind="climate",
        names=["空调"],
        set="c/set",
        temperature={"t": "{value}"},
        mode={"m": "{value}"},
        modes=["制冷", "除湿"],
    ),
    "curtain": Thing(area="living", kind="curtain", names=["窗帘"], set="d/set", open="OPEN", close="CLOSE"),
    "left": Thing(area="bedroom", kind="light", names=["左边床头灯"], **LIGHT),
    "right": Thing(area="bedroom", kind="light", names=["右边床头灯"], **LIGHT),
    "door": Thing(area="hall", kind="lock", names=["大门"], set="e/set", lock="LOCK", unlock="UNLOCK"),
    "robot": Thing(area="living", kind="vacuum", names=["扫地机"], set="f/set", start="START", stop="STOP"),
}
AREAS = {"living": Area(names=["客厅"]), "bedroom": Area(names=["卧室"]), "hall": Area(names=["门厅"])}
SITE = Site(device=Device(id="jia", area="living", language="zh"), areas=AREAS, things=THINGS)
WORDS = Words.of_site(SITE, language("zh"))

ORDERS = [
    ("打开吊灯", "turn_on", {"name": "吊灯"}, {}),
    ("把吊灯打开", "turn_on", {"name": "吊灯"}, {}),
    ("开吊灯", "turn_on", {"name": "吊灯"}, {}),
    ("吊灯开一下", "turn_on", {"name": "吊灯"}, {}),
    ("麻烦你帮我把吊灯打开", "turn_on", {"name": "吊灯"}, {}),
    ("能不能把吊灯打开", "turn_on", {"name": "吊灯"}, {}),
    ("可以帮我打开吊灯吗", "turn_on", {"name": "吊灯"}, {}),
    ("關電視", "turn_off", {"name": "电视"}, {}),
    ("關掉電視機", "turn_off", {"name": "电视"}, {}),
    ("把电视关了", "turn_off", {"name": "电视"}, {}),
    ("电视关上", "turn_off", {"name": "电视"}, {}),
    ("打开窗帘", "open", {"name": "窗帘"}, {}),
    ("把窗帘拉开", "open", {"name": "窗帘"}, {}),
    ("窗帘拉上", "close", {"name": "窗帘"}, {}),
    ("关窗帘", "close", {"name": "窗帘"}, {}),
    ("锁上大门", "lock", {"name": "大门"}, {}),
    ("把大门解锁", "unlock", {"name": "大门"}, {}),
    ("让扫地机开始工作", "start", {"name": "扫地机"}, {}),
    ("扫地机停下来", "stop", {"name": "扫地机"}, {}),
    ("开卧室的灯", "turn_on", {"kind": "light", "area": "bedroom"}, {}),
    ("卧室的灯都打开", "turn_on", {"kind": "light", "area": "bedroom", "count": "all"}, {}),
    ("关掉卧室所有的灯", "turn_off", {"kind": "light", "area": "bedroom", "count": "all"}, {}),
    ("把所有的灯都关了", "turn_off", {"kind": "light", "count": "all", "everywhere": True}, {}),
    ("全家的灯都关掉", "turn_off", {"kind": "light", "count": "all", "everywhere": True}, {}),
    ("把这里的灯都关了", "turn_off", {"kind": "light", "count": "all", "place": "here"}, {}),
    ("关那边的灯", "turn_off", {"kind": "light", "place": "there"}, {}),
    ("打开那个", "turn_on", {"deixis": "that"}, {}),
    ("把这盏灯关了", "turn_off", {"kind": "light", "deixis": "this"}, {}),
    ("关掉它", "turn_off", {"deixis": "it"}, {}),
    ("把它们关掉", "turn_off", {"deixis": "them", "count": "some"}, {}),
    ("打开另一个", "turn_on", {"deixis": "other"}, {}),
    ("打开两盏灯", "turn_on", {"kind": "light", "count": "some", "number": 2}, {}),
    ("打开左边的灯", "turn_on", {"kind": "light", "side": "left"}, {}),
    ("打开沙发旁边的灯", "turn_on", {"kind": "light", "beside": "沙发"}, {}),
    ("关掉亮着的灯", "turn_off", {"kind": "light", "state": "on"}, {}),
    ("打开床头灯", "turn_on", {"name": "床头灯"}, {}),
    ("打开左边的床头灯", "turn_on", {"name": "左边床头灯"}, {}),
    ("落地灯调到0", "set_level", {"name": "落地灯"}, {"level": "0"}),
    ("晚上7:05提醒我吃药", "set_reminder", None, {"at": "19:05", "text": "吃药"}),
    ("七点零五分提醒我", "set_reminder", None, {"at": "07:05"}),
    ("落地灯调到50%", "set_level", {"name": "落地灯"}, {"level": "50"}),
    ("把落地灯调到百分之二十", "set_level", {"name": "落地灯"}, {"level": "20"}),
    ("落地灯调到一半", "set_level", {"name": "落地灯"}, {"level": "50"}),
    ("落地灯亮度调到最高", "set_level", {"name": "落地灯"}, {"level": "100"}),
    ("空调调到二十三度", "set_temperature", {"name": "空调"}, {"temperature": "23"}),
    ("空调开26度", "set_temperature", {"name": "空调"}, {"temperature": "26"}),
    ("空调二十六度半", "set_temperature", {"name": "空调"}, {"temperature": "26.5"}),
    ("把落地灯变成红色", "set_colour", {"name": "落地灯"}, {"colour": "red"}),
    ("空调切换到除湿模式", "set_mode", {"name": "空调"}, {"mode": "除湿"}),
    ("把落地灯调亮一点", "raise", {"name": "落地灯"}, {"quantity": "level"}),
    ("落地灯暗一点", "lower", {"name": "落地灯"}, {"quantity": "level"}),
    ("空调调低两度", "lower", {"name": "空调"}, {"step": "2"}),
    ("电视小声一点", "lower", {"name": "电视"}, {"quantity": "volume"}),
    ("电视音量调大", "raise", {"name": "电视"}, {"quantity": "volume"}),
    ("大门锁了吗", "query_state", {"name": "大门"}, {"state": "locked"}),
    ("电视是不是开着", "query_state", {"name": "电视"}, {"state": "on"}),
    ("窗帘关了没有", "query_state", {"name": "窗帘"}, {"state": "closed"}),
    ("客厅现在多少度", "query_value", {"area": "living"}, {"quantity": "temperature"}),
    ("门厅有人吗", "query_who", {"area": "hall"}, {"place": "hall"}),
    ("现在几点了", "query_time", None, {}),
    ("五分钟倒计时", "set_timer", None, {"duration_s": "300"}),
    ("计时一个半小时", "set_timer", None, {"duration_s": "5400"}),
    ("十分钟后提醒我关火", "set_reminder", None, {"duration_s": "600", "text": "关火"}),
    ("下午三点二十提醒我吃药", "set_reminder", None, {"at": "15:20", "text": "吃药"}),
    ("为什么报警", "query_why", None, {"event": "报警"}),
    ("算了", "cancel", None, {}),
    ("没错", "yes", None, {}),
    ("再说一遍", "repeat", None, {}),
]


@pytest.mark.parametrize(("text", "intent", "phrase", "slots"), ORDERS, ids=[each[0] for each in ORDERS])
def test_mandarin_says_one_order(text: str, intent: str, phrase: Json, slots: Json) -> None:
    """What is said in any of the orders of words that Mandarin has comes out as intent, one phrase and slots."""
    order = WORDS.interpret(text)[0].to_json()["orders"]

    assert len(order) == 1
    assert (order[0]["intent"], order[0].get("things", [None])[0]) == (intent, phrase)
    assert slots.items() <= order[0]["slots"].items()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("不要关灯", "not to be done"),
        ("打开关掉吊灯", ""),
        ("别把吊灯打开", "not to be done"),
        ("不是关电视", "not to be done"),
        ("要是我睡着了就把灯关掉", ""),
        ("等一下再开灯", "a condition"),
        ("半小时后关灯", "another time"),
        ("我刚才把吊灯关了", ""),
        ("谁把灯关了", "somebody"),
        ("让他把灯关了", "somebody"),
        ("打开微波炉", "does not know"),
        ("关于电视剧你怎么看", ""),
        ("打开红色的灯", ""),
        ("打开吊灯还是落地灯", "does not know"),
        ("落地灯调到三百", ""),
    ],
)
def test_what_is_no_order_is_not_understood(text: str, why: str) -> None:
    """Negations, conditions, other times, other persons, and whatever this home does not have."""
    found = WORDS.understand(text)

    assert found.interpretations == ()
    assert why in found.why


@pytest.mark.parametrize(
    ("text", "things", "but"),
    [
        ("把吊灯和落地灯都打开", ["吊灯", "落地灯"], []),
        ("打开吊灯落地灯", ["吊灯", "落地灯"], []),
        ("除了落地灯，客厅的灯全打开", ["light"], ["落地灯"]),
        ("除了落地灯以外的灯都打开", ["light"], ["落地灯"]),
        ("除了落地灯都打开", ["light"], ["落地灯"]),
        ("客厅的灯全打开，落地灯除外", ["light"], ["落地灯"]),
        ("把客厅的灯都打开，除了落地灯", ["light"], ["落地灯"]),
    ],
)
def test_several_things_and_exceptions_are_one_order(text: str, things: list[str], but: list[str]) -> None:
    """Exceptions may be said first or last; what they are of may go unsaid and is then of their kind."""
    (order,) = WORDS.interpret(text)[0].orders

    assert [phrase.name or phrase.kind for phrase in order.things] == things
    assert [phrase.name for phrase in order.but] == but


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("关掉电视，然后打开吊灯", ["turn_off", "turn_on"]),
        ("关电视开吊灯", ["turn_off", "turn_on"]),
        ("电视关掉吊灯打开", ["turn_off", "turn_on"]),
        ("好的，打开吊灯", ["yes", "turn_on"]),
    ],
)
def test_two_orders_may_follow_one_another_without_a_word_between(text: str, intents: list[str]) -> None:
    """A second verb begins a second order."""
    assert [order.intent for order in WORDS.interpret(text)[0].orders] == intents


@pytest.mark.parametrize(
    ("text", "intent", "phrase"),
    [
        ("吊灯也要", "also", {"name": "吊灯"}),
        ("还有落地灯", "also", {"name": "落地灯"}),
        ("左边的", "pick", {"side": "left"}),
        ("两个都要", "pick", {"count": "some", "number": 2}),
        ("不是这个，另一个", "correct", {"deixis": "other"}),
        ("不是吊灯，是落地灯", "correct", {"name": "落地灯"}),
        ("关掉", "turn_off", {"deixis": "it"}),
        ("都关了", "turn_off", {"deixis": "them", "count": "all"}),
    ],
)
def test_what_follows_on_may_leave_things_unsaid(text: str, intent: str, phrase: Json) -> None:
    """A verb alone is about what was spoken of last; what was wrong may be named before what is right."""
    order = WORDS.interpret(text)[0].to_json()["orders"][0]

    assert (order["intent"], order["things"]) == (intent, [phrase])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("打开吊登", "吊灯"),
        ("打开掉灯", "吊灯"),
        ("关掉络地灯", "落地灯"),
        ("打开空条", "空调"),
        ("把窗廉打开", "窗帘"),
    ],
)
def test_words_that_sound_alike_are_what_this_home_has(text: str, name: str) -> None:
    """A recogniser writes other characters of the same sound; the score is less, and the reason says so."""
    best = WORDS.interpret(text)[0]

    assert best.orders[0].things[0].name == name
    assert best.score < 1
    assert "sounds like" in best.because[0]


@pytest.mark.parametrize("text", ["打开床头柜", "打开电饭锅", "关掉音响"])
def test_what_only_shares_characters_is_not_taken_for_a_name(text: str) -> None:
    """Another noun is not a mistake of the recogniser."""
    assert WORDS.interpret(text) == ()


def test_misheard_words_are_left_alone_without_repair() -> None:
    """`repair=False` is for who compares with the sound."""
    assert WORDS.understand("打开吊登", repair=False).interpretations == ()


def test_traditional_script_percent_signs_and_digits_are_one_with_how_they_are_said() -> None:
    """Normalised text is simplified, with numerals, without spaces between characters."""
    assert language("zh").normalise("把落地燈調到 50%！") == "把落地灯调到百分之五十"
    assert language("zh").normalise("空调26度") == language("zh").normalise("空調二十六度")
    assert language("zh").number(0) == "零"
    assert language("zh").number(105) == "一百零五"
    assert tight("打开 tv 和 吊灯") == "打开 tv 和吊灯"


def test_an_entry_with_brackets_stands_for_every_way_to_read_it() -> None:
    """Brackets may hold brackets and nothing; one that is left open is an error."""
    assert list(variants("开(一下|)")) == ["开一下", "开"]
    assert list(variants("(a|b(c|d))e")) == ["ae", "bce", "bde"]
    with pytest.raises(ValueError, match="expected"):
        list(variants("开(一下"))


def test_every_answer_of_english_has_one_in_mandarin_with_the_same_fields() -> None:
    """A sentence may leave out a field, and name none that is not given."""
    english, mandarin = (dict(_sentences(data_of(code)["answers"])) for code in ("en", "zh"))

    assert mandarin.keys() == english.keys()
    assert {key for key, text in mandarin.items() if _fields(text) - _fields(english[key])} == set()


def _sentences(section: Json, before: str = "") -> list[tuple[str, str]]:
    if isinstance(section, dict):
        return [pair for name, part in section.items() for pair in _sentences(part, f"{before}.{name}")]
    if isinstance(section, list):
        return [(f"{before}.{at}", text) for at, text in enumerate(section)]
    return [(before, section)]


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
