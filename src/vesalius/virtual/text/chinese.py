"""Chinese sentences from facts: no blanks, measure words, full-width stops."""

from __future__ import annotations

from collections.abc import Sequence

from vesalius.virtual.text.grammar import Fact
from vesalius.virtual.text.sentences import Draws
from vesalius.virtual.text.terms import concept_term, known, terms
from vesalius.virtual.text.wording import unsided

__all__ = ["NOTHING", "denial", "normal", "noun_phrase", "statement", "summary"]

NOTHING = "未见急性改变。"
"""Where a report states no fact."""
_CHANGES = {
    "stable": "较前无明显变化", "increased": "较前增大", "slightly_increased": "较前略增大", "decreased": "较前缩小",
    "slightly_decreased": "较前略缩小", "worsened": "较前加重", "slightly_worsened": "较前略加重",
    "improved": "较前好转", "slightly_improved": "较前略好转",
}  # fmt: skip
_HEDGED = {
    "consistent": ("符合{x}表现", "{x}，表现典型"), "likely": ("考虑{x}", "{x}可能性大"),
    "suspicious": ("疑似{x}", "可疑{x}"), "possible": ("可能为{x}", "{x}可能"),
    "not_excluded": ("{x}不除外", "不能除外{x}"),
}  # fmt: skip
_PLAIN = ("{p}见{c}", "{p}可见{c}", "{p}示{c}", "{p}有{c}")
_BARE = ("可见{c}", "见{c}", "提示{c}")


def _place(fact: Fact) -> str:
    site = known(terms().sites, unsided(fact.anatomy), "sites").zh if unsided(fact.anatomy) else ""
    if site.removesuffix("脏") in concept_term(fact.concept).zh:
        site = ""
    side = {"left": "左", "right": "右", "bilateral": "双"}.get(fact.laterality, "")
    if side and not site.startswith("肺"):
        side += "侧"
    return side + site


def _noun(fact: Fact, *, counted: bool) -> str:
    term = concept_term(fact.concept)
    grade = known(terms().severities, fact.severity, "severities") if fact.severity else None
    amount = (grade.fluid or grade.zh if term.fluid else grade.zh) if grade else ""
    count = f"一{term.measure}" if counted and term.measure and fact.laterality != "bilateral" else ""
    return f"{count}{'新发' if fact.change == 'new' else ''}{amount}{term.zh}"


def noun_phrase(fact: Fact) -> str:
    """Return place and finding, such as 左侧少量胸腔积液."""
    return _place(fact) + _noun(fact, counted=False)


def statement(fact: Fact, draws: Draws) -> str:
    """Say a fact in one sentence."""
    place = _place(fact)
    if fact.change == "resolved":
        return draws.pick(
            (f"原{place}{_noun(fact, counted=False)}已消失。", f"原{noun_phrase(fact)}已吸收，现未见显示。")
        )
    if fact.status == "absent":
        return f"未见新发{concept_term(fact.concept).zh}。"
    if fact.certainty:
        text = draws.pick(_HEDGED[fact.certainty]).replace("{x}", noun_phrase(fact))
    elif place:
        text = draws.pick(_PLAIN).replace("{p}", place).replace("{c}", _noun(fact, counted=True))
    else:
        text = draws.pick(_BARE).replace("{c}", _noun(fact, counted=True))
    if fact.size_mm is not None:
        text += draws.pick(("，大小约{n}毫米", "，最大径约{n}毫米", "，约{n}毫米")).replace(
            "{n}", f"{fact.size_mm:.0f}"
        )
    return text + _change(fact) + "。"


def _change(fact: Fact) -> str:
    text = "，" + _CHANGES[fact.change] if fact.change in _CHANGES else ""
    if fact.change_mm is not None and fact.change_percent is not None:
        text += f"{abs(fact.change_mm):.0f}毫米（{abs(fact.change_percent):.0f}%）"
    return text + (f"（原{fact.previous_mm:.0f}毫米）" if fact.previous_mm is not None else "")


def denial(concepts: Sequence[str], draws: Draws) -> str:
    """Say in one sentence that findings are not there."""
    names = [concept_term(concept).zh for concept in concepts]
    if len(names) == 1:
        return draws.pick(("未见{a}。", "未见明显{a}。", "无{a}征象。", "{a}：无。")).replace("{a}", names[0])
    listed = draws.pick(("{a}及{b}", "{a}或{b}")).replace("{a}", "、".join(names[:-1])).replace("{b}", names[-1])
    return draws.pick(("未见{a}。", "未见明显{a}。", "无{a}征象。")).replace("{a}", listed)


def normal(draws: Draws) -> str:
    """Say that nothing abnormal is seen."""
    return draws.pick(("未见明显异常。", "检查未见异常。", "所见各部位未见明确异常。", "影像未见明确病变。"))


def summary(
    age: int, sex: str, symptoms: Sequence[str], duration: str, view: str, found: Sequence[str] | None
) -> str:
    """Say who, complaints, since when and what was found (None: not told), in one sentence."""
    person = "女" if sex == "F" else "男"
    result = "已完成" if found is None else "示" + "、".join(found) if found else "未见明显异常"
    return f"患者，{person}，{age}岁，{'、'.join(symptoms)}{duration}，{view}{result}。"
