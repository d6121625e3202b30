"""What is well formed in each language, by hand."""

from __future__ import annotations

import pytest

from vesalius.errors import ConfigError
from vesalius.virtual.text.spans import span
from vesalius.virtual.text.wellformed import faults, isolated


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "A 12 mm nodule in the right upper lobe."),
        ("zh", "右肺上叶见一枚小结节，大小约12毫米。"),
        ("zh", "CT扫描未见明显异常。"),
        ("ar", "يوجد انصباب جنبي صغير في الجانب الأيسر، بقياس 12 مم."),
        ("ar", "يوجد انصباب جنبي، بقياس ١٢ مم (٢٥٪)."),
        ("ar", "في الشدفة الكبدية \u2066VI\u2069 كيسة صغيرة."),
        ("hi-Latn", "Baayein phephde mein paani hai, size 12 mm."),
    ],
)
def test_good_texts_have_no_faults(language: str, text: str) -> None:
    assert faults(text, language) == ()


@pytest.mark.parametrize(
    ("language", "text", "fault"),
    [
        ("en", "An nodule.", "wrong article"),
        ("en", "Nodule {size}.", "slot is left over"),
        ("en", "Nodule [size].", "slot is left over"),
        ("en", "Узел.", "another script"),
        ("en", "A nodule", "no stop"),
        ("en", "A nodule .", "blank before"),
        ("en", "A  nodule.", "blanks"),
        ("en", "", "empty"),
        ("zh", "右肺 上叶见结节。", "blank beside"),
        ("zh", "右肺上叶见结节.", "Western stop"),
        ("zh", "右肺上叶见结节，。", "two stops"),
        ("zh", "右肺上叶见结节", "no stop"),
        ("zh", "右肺上叶见结节１２毫米。", "numerals"),
        ("zh", "There is a 结节。", "too few"),
        ("ar", "يوجد انصباب, صغير.", "Western stop"),
        ("ar", "هل الأمر خطير?", "Western stop"),
        ("ar", "بقياس 12 مم أو ١٣ مم.", "two styles"),
        ("ar", "انصباب و استرواح.", "clitic"),
        ("ar", "في الشدفة VI كيسة.", "without isolates"),
        ("ar", "في الشدفة \u2066VI كيسة.", "not balanced"),
        ("ar", "في الشدفة \u202aVI\u202c كيسة.", "no isolate"),
        ("hi-Latn", "There was an effusion.", "no Hindi word"),
        ("hi-Latn", "फेफड़े mein paani hai.", "another script"),
    ],
)
def test_faults_are_found(language: str, text: str, fault: str) -> None:
    assert any(fault in found for found in faults(text, language)), faults(text, language)


def test_unknown_language_is_refused() -> None:
    with pytest.raises(ConfigError, match="no rules for the language 'fr'"):
        faults("Bonjour.", "fr")


def test_latin_runs_are_isolated_once() -> None:
    assert isolated("الشدفة VI و T1") == "الشدفة \u2066VI\u2069 و \u2066T1\u2069"
    assert isolated("بلا لاتينية 12") == "بلا لاتينية 12"


@pytest.mark.parametrize(
    ("count", "unit", "language", "text"),
    [
        (1, "day", "en", "1 day"), (3, "week", "en", "3 weeks"), (2, "month", "zh", "2个月"), (4, "day", "zh", "4天"),
        (1, "week", "hi-Latn", "1 hafta"), (3, "week", "hi-Latn", "3 hafte"),
        # Arabic: one and two are words, three to ten take the plural, from eleven the singular.
        (1, "day", "ar", "يوم"), (2, "day", "ar", "يومين"), (3, "day", "ar", "3 أيام"), (10, "day", "ar", "10 أيام"),
        (11, "day", "ar", "11 يومًا"), (14, "day", "ar", "14 يومًا"), (2, "month", "ar", "شهرين"),
    ],
)  # fmt: skip
def test_durations(count: int, unit: str, language: str, text: str) -> None:
    assert span(count, unit, language) == text
