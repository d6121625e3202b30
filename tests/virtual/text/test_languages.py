"""Every form in every language that has it: well formed, the same facts, varied; and a term for every concept."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from text_cases import REGIONS, a_patient, chest_patient, earlier

from vesalius.errors import ConfigError
from vesalius.virtual.exams.base import exam_names
from vesalius.virtual.preset import finding_names
from vesalius.virtual.text import arabic, chinese, hinglish
from vesalius.virtual.text.grammar import Fact, regions
from vesalius.virtual.text.languages import FORMS, say
from vesalius.virtual.text.narrative import write_report
from vesalius.virtual.text.sentences import Draws
from vesalius.virtual.text.terms import LANGUAGES, kinds, lay_view, term, terms, view_names
from vesalius.virtual.text.vocabulary import vocabulary
from vesalius.virtual.text.wellformed import faults
from vesalius.virtual.text.wording import unsided

NUMBERS = 25
OTHERS = [language for language in LANGUAGES if language != "en"]


def first() -> Draws:
    return Draws([0.0] * 64)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", list(FORMS))
def test_every_form_is_well_formed_in_every_language_that_has_it(form: str, language: str) -> None:
    if language not in FORMS[form]:
        return
    written = 0
    for region in REGIONS:
        for number in range(NUMBERS):
            patient = a_patient(region, number)
            if not patient.exams:
                continue
            previous = earlier(patient, number) if number % 2 else None
            made = say(form, patient, language, previous=previous, knows=number % 3 == 0, variant=number)
            text = ("" if language == "zh" else " ").join(sentence.text for sentence in made)
            assert not made or faults(text, language) == (), text
            written += bool(made)
    assert written > 50


@pytest.mark.parametrize("language", OTHERS)
def test_short_reports_state_the_facts_of_the_english_report(language: str) -> None:
    for region in REGIONS:
        for number in range(NUMBERS):
            patient = a_patient(region, number)
            if not patient.exams:
                continue
            english = {replace(fact, attributes=()) for sentence in write_report(patient, variant=number).findings
                       for fact in sentence.facts}  # fmt: skip
            stated = {
                fact for sentence in say("report", patient, language, variant=number) for fact in sentence.facts
            }
            assert stated - english <= {Fact("no_finding", "present")}
            assert {fact for fact in english if fact.status != "absent"} <= stated


@pytest.mark.parametrize("language", OTHERS)
def test_wording_varies_and_comes_again(language: str) -> None:
    patient = chest_patient(*a_patient("chest", 3).diseases)
    assert patient.diseases
    texts = [" ".join(part.text for part in say("report", patient, language, variant=i)) for i in range(60)]
    assert len(set(texts)) > 50
    assert texts == [" ".join(part.text for part in say("report", patient, language, variant=i)) for i in range(60)]


@pytest.mark.parametrize(
    ("fact", "zh", "ar", "hi"),
    [
        (Fact("pleural_effusion", "present", "left", "", "small"),
         "左侧见少量胸腔积液。", "يوجد انصباب جنبي صغير في الجانب الأيسر.",
         "Baayein taraf phephde mein paani dikh raha hai, chhota."),
        # A feminine noun: the verb and the adjective agree; the lobe is masculine, so the side is too.
        (Fact("lung_nodule", "present", "right", "right upper lobe", "small", change="increased"),
         "右肺上叶见一枚小肺结节，较前增大。",
         "توجد عقيدة رئوية صغيرة في الفص العلوي الأيمن، مع زيادة في الحجم مقارنة بالفحص السابق.",
         "Daayein upar wale lobe mein phephde mein chhoti gaanth dikh rahi hai, chhoti, pehle se bada hai."),
        # A feminine site: the side agrees with it.
        (Fact("renal_cyst", "present", "left", "left kidney", "small"),
         "左侧见一个小肾囊肿。", "توجد كيسة كلوية صغيرة في الكلية اليسرى.",
         "Baayein taraf gurde mein paani ki thaili dikh rahi hai, chhoti."),
        # The site is in the name already. The adjective of a definite finding takes the article.
        (Fact("hydronephrosis", "uncertain", "left", "left kidney", "mild", certainty="possible"),
         "可能为左侧轻度肾积水。", "يُحتمل وجود استسقاء الكلية الخفيف في الجانب الأيسر.",
         "Shayad baayein taraf gurde mein paani ho sakta hai, halka."),
        (Fact("lung_mass", "absent", "left", "left lower lobe", change="resolved"),
         "原左肺下叶肺肿块已消失。", "زالت كتلة رئوية في الفص السفلي الأيسر مقارنة بالفحص السابق.",
         "Baayein neeche wale lobe mein phephde mein badi gaanth ab nahi dikh rahi hai."),
        (Fact("lung_nodule", "absent", change="new"),
         "未见新发肺结节。", "لا توجد عقيدة رئوية جديدة.", "Koi nayi phephde mein chhoti gaanth nahi hai."),
    ],
)  # fmt: skip
def test_sentences_by_hand(fact: Fact, zh: str, ar: str, hi: str) -> None:
    assert chinese.statement(fact, first()) == zh
    assert arabic.statement(fact, first()) == ar
    assert hinglish.statement(fact, first()) == hi


def test_denials_by_hand() -> None:
    both = ["pneumothorax", "lung_nodule"]
    assert chinese.denial(both, first()) == "未见气胸及肺结节。"
    assert arabic.denial(both, first()) == "لا يوجد دليل على استرواح الصدر أو عقيدة رئوية."
    assert hinglish.denial(both, first()) == "Phephde ke bahar hawa ya phephde mein chhoti gaanth nahi dikh rahi."


def test_numerals_are_of_one_style_and_latin_runs_isolated() -> None:
    assert arabic.finished("بقياس 12 مم (25%).", eastern=True) == "بقياس ١٢ مم (٢٥٪)."
    assert arabic.finished("الشدفة VI.", eastern=False) == "الشدفة \u2066VI\u2069."


def test_spellings_stay_the_same_through_one_text() -> None:
    text = "mein nahi mein nahi"
    found = {hinglish.respelt(text, Draws([share] * 64)) for share in (0.0, 0.4, 0.9)}
    assert len(found) == 3
    assert all(re.fullmatch(r"(\w+) (\w+) \1 \2", each) for each in found)


def test_forms_and_languages_that_do_not_exist_are_refused() -> None:
    patient = chest_patient()
    with pytest.raises(ConfigError, match="unknown form 'captoin'; did you mean 'caption'"):
        say("captoin", patient)
    with pytest.raises(ConfigError, match="form 'caption' exists in en, not in 'zh'; zh has report, summary, query"):
        say("caption", patient, "zh")
    with pytest.raises(ConfigError, match="form 'report' exists in en, zh, ar, hi-Latn, not in 'fr'"):
        say("report", patient, "fr")
    with pytest.raises(ConfigError, match=r"no concepts 'pleural_efusion' in terms\.yaml; did you mean"):
        term("concepts", "pleural_efusion", "zh")
    with pytest.raises(ConfigError, match="no terms in the language 'de'"):
        term("concepts", "pleural_effusion", "de")
    with pytest.raises(ConfigError, match="unknown kind of term"):
        term("concept", "pleural_effusion", "zh")


def test_every_concept_has_a_term_and_every_term_a_concept() -> None:
    assert sorted(set(finding_names()) - set(terms().concepts)) == []
    assert sorted(set(terms().concepts) - set(finding_names())) == []


def test_every_site_grade_and_examination_has_a_term() -> None:
    lacking = set()
    for concept in finding_names():
        words = vocabulary(concept)
        lacking |= {f"site {unsided(site)!r} of {concept}" for site in words.get("site", ())
                    if unsided(site) and unsided(site) not in terms().sites}  # fmt: skip
        lacking |= {f"severity {grade!r} of {concept}" for grade in words.get("severity", ())
                    if grade not in terms().severities}  # fmt: skip
    lacking |= {f"examination {name!r}" for name in exam_names() if name not in terms().exams}
    assert sorted(lacking) == []
    assert set(regions()) >= set(REGIONS)


def test_terms_are_of_their_script() -> None:
    counted = 0
    for kind in kinds():
        for name in getattr(terms(), kind):
            assert re.search(r"[\u4e00-\u9fff]", term(kind, name, "zh"))
            assert re.search(r"[\u0600-\u06ff]", term(kind, name, "ar"))
            assert re.fullmatch(r"[A-Za-z0-9 ()&-]+", term(kind, name, "hi-Latn")), (kind, name)
            assert term(kind, name, "en")
            counted += 1
    for name in terms().exams:
        assert view_names(name)
        assert {lay_view(name, language) for language in LANGUAGES}
    assert counted > 250


WORDS = """
from hashlib import sha256
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.text.languages import FORMS, say
texts = [part.text for number in range(12) for form, languages in FORMS.items() for language in languages
         for part in say(form, draw_patient(3, number), language)]
print(sha256("|".join(texts).encode()).hexdigest())
"""


def test_another_process_writes_the_same_words() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", WORDS], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(next(iter(digests)).strip()) == 64
