"""Sections, cleaning, references to earlier studies, boilerplate, languages and figures, by worked examples."""

from __future__ import annotations

import pytest
from curation_studies import run, study

from vesalius.curation.languages import language_of
from vesalius.curation.recipe import step_kind
from vesalius.curation.steps.clean_text import clean
from vesalius.curation.steps.figure_captions import figure_number, mentions, panels
from vesalius.curation.steps.prior_references import refers_to_prior, without_prior
from vesalius.curation.steps.sections import cut
from vesalius.data.records import Dialogue, Image, Prior, Study, Text, Turn
from vesalius.metrics.proportions import wilson
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.text.languages import say


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("FINAL REPORT\nINDICATION: Cough.\n\nFINDINGS:\nLungs are clear.\n\nIMPRESSION:\nNormal.",
         [("indication", "Cough."), ("findings", "Lungs are clear."), ("impression", "Normal.")]),
        ("Findings: Clear. IMPRESSION: Normal.", [("findings", "Clear."), ("impression", "Normal.")]),
        ("TECHNIQUE: PA. CONCLUSION: Effusion.", [("impression", "Effusion.")]),
        ("The lungs are clear: no effusion.", [("report", "The lungs are clear: no effusion.")]),
        ("COMPARISON: None.", [("report", "COMPARISON: None.")]),
        ("   ", []),
    ],
)  # fmt: skip
def test_sections(report: str, expected: list[tuple[str, str]]) -> None:
    assert cut(report) == expected


@pytest.mark.parametrize(
    ("text", "how", "expected"),
    [
        ("Tube removed on ___. Lungs clear.", "sentence", "Lungs clear."),
        ("Tube removed on ___. Lungs clear.", "word", "Tube removed on. Lungs clear."),
        ("Seen by XXXX. Lungs clear .", "sentence", "Lungs clear."),
        ("Seen [**2101-3-4**] at XXXX. Clear.", "word", "Clear."),
        ("<p>Mass &amp; node</p> [3,4] see https://a.b/c", "sentence", "Mass & node see"),
        ("A ___ B", "keep", "A ___ B"),
    ],
)
def test_cleaning(text: str, how: str, expected: str) -> None:
    assert clean(text, placeholders=how) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Stable cardiomegaly compared to the prior study.", "Cardiomegaly."),
        ("The effusion has increased.", ""),
        ("Unchanged left pleural effusion.", "Left pleural effusion."),
        ("In comparison with the study of yesterday, there is a new nodule.", ""),
        ("The heart is unchanged.", ""),
        ("No relevant prior.", ""),
        ("Again seen is a small nodule.", ""),
    ],
)
def test_words_of_earlier_studies(sentence: str, expected: str) -> None:
    assert refers_to_prior(sentence)
    assert without_prior(sentence) == expected


def test_what_is_no_reference_stays() -> None:
    for sentence in ("The lungs are clear.", "A chest tube ends at the apex.", "No focal consolidation is seen."):
        assert not refers_to_prior(sentence)


def test_studies_with_a_prior_keep_their_words() -> None:
    step = step_kind("prior_references")()
    told = study("a", text="The effusion has increased. The heart is large.")
    follow_up = Study(id="b", patient="a", texts=told.texts, priors=(Prior(study="a", days_before=3),))
    kept, _ = run(step, [told, follow_up])
    assert [one.text() for one in kept] == ["The heart is large.", told.text()]
    marked, _ = run(step_kind("prior_references")(how="mark"), [told])
    assert marked[0].text() == "[prior] The effusion has increased. The heart is large."


def test_boilerplate_goes_by_document_frequency() -> None:
    often = "Please correlate clinically with exam 12."
    studies = [
        study(f"s{n}", text=f"Finding {'abc'[n % 3] * (n + 2)}. {often.replace('12', str(n))}") for n in range(30)
    ]
    kept, _ = run(step_kind("boilerplate")(share=0.5), studies)
    assert all("correlate" not in one.text() and "Finding" in one.text() for one in kept)
    few, _ = run(step_kind("boilerplate")(share=0.5), studies[:10])
    assert few == studies[:10], "of ten texts no share is told"
    only = [study(f"o{n}", text=often) for n in range(30)]
    assert set(run(step_kind("boilerplate")(drop_without_text=True), only)[1].values()) == {"only boilerplate"}


HELD_OUT = {
    "en": ["A calcified granuloma is projected over the left apex.", "Why does my knee hurt when I climb stairs?",
           "Arrow points to the thickened bowel wall."],
    "es": ["Se aprecia un granuloma calcificado en el vértice izquierdo.", "¿Por qué me duele la rodilla al subir?",
           "La flecha señala la pared intestinal engrosada."],
    "de": ["Ein verkalktes Granulom projiziert sich auf die linke Spitze.",
           "Warum tut mein Knie beim Treppensteigen weh?",
           "Der Pfeil zeigt auf die verdickte Darmwand."],
    "fr": ["Un granulome calcifié se projette sur le sommet gauche.",
           "Pourquoi ai-je mal au genou dans les escaliers ?",
           "La flèche montre la paroi intestinale épaissie."],
    "pt": ["Um granuloma calcificado projeta-se sobre o ápice esquerdo.", "Por que me dói o joelho ao subir escadas?",
           "A seta aponta para a parede intestinal espessada."],
    "hi-Latn": ["Ghutne mein dard hota hai jab main seedhi chadhta hoon.",
           "Kya mujhe operation karwana padega doctor?",
                "Aant ki deewar moti ho gayi hai, teer dekhiye."],
    "hi": ["बाएँ फेफड़े में एक छोटी गाँठ है।", "क्या यह कैंसर है?"],
    "zh": ["左肺尖可见钙化肉芽肿。", "胸部CT显示双肺多发结节。"],
    "ar": ["يوجد ورم حبيبي متكلس في قمة الرئة اليسرى.", "لماذا تؤلمني ركبتي؟"],
}  # fmt: skip


def test_languages_of_held_out_sentences() -> None:
    pairs = [(language, language_of(text).language) for language, texts in HELD_OUT.items() for text in texts]
    wrong = [pair for pair in pairs if pair[1] not in (pair[0], "")]
    right = sum(told == language for language, told in pairs)
    assert wrong == []
    assert wilson(right, len(pairs)).low > 0.75


@pytest.mark.parametrize("language", ["en", "zh", "ar", "hi-Latn"])
def test_languages_of_virtual_reports(language: str) -> None:
    told = []
    for index in range(40):
        text = " ".join(part.text for part in say("report", draw_patient(7, index), language))
        told.append(language_of(text).language)
    # 40 of 40 would have a lower end of 0.91; what is not decided ("") counts as wrong here.
    assert wilson(told.count(language), len(told)).low > 0.8
    assert set(told) <= {language, ""}


@pytest.mark.parametrize("text", ["", "12.5 x 3", "Привет, как дела", "これは肺です", "한국어 보고서"])
def test_what_is_no_known_language_is_not_named(text: str) -> None:
    assert language_of(text).language == ""


def test_language_step_writes_and_chooses() -> None:
    studies = [
        study("zh", text="左肺尖可见钙化肉芽肿。"),
        study("en", text="The lungs are clear and the heart is normal."),
    ]
    kept, dropped = run(step_kind("language")(keep=("zh",)), studies)
    assert [text.language for one in kept for text in one.texts] == ["zh"]
    assert dropped == {"en": "other language"}


def test_figures() -> None:
    assert figure_number("Fig. 2. CT of the head") == "2"
    assert figure_number("CT of the head") == ""
    assert panels("Figure 3. Chest films. (A) Before. (B) After drainage.") == {
        "A": "Chest films. Before.",
        "B": "Chest films. After drainage.",
    }
    assert panels("Hepatitis A and B. (B) only.") == {}
    text = ["The mass grew (Fig. 2). Nothing else. As Figures 1 and 2 show, it was firm. Figure 12 is of another."]
    assert mentions(text, "2") == ["The mass grew (Fig 2).", "As Figures 1 and 2 show, it was firm."]


def test_figure_step_cuts_captions_by_panel() -> None:
    images = tuple(Image(id=f"fig2{letter}", path=f"{letter}.png", modality="CT") for letter in "ab")
    texts = (
        Text(text="Figure 2. Axial CT. (A) Arterial phase. (B) Venous phase.", role="caption"),
        Text(text="A tumour was found. Figure 2 shows its rim.", role="note"),
    )
    kept, _ = run(step_kind("figure_captions")(), [Study(id="x", patient="x", images=images, texts=texts)])
    captions = [(text.images, text.text) for text in kept[0].texts if text.role == "caption"]
    assert captions == [(("fig2a",), "Axial CT. Arterial phase."), (("fig2b",), "Axial CT. Venous phase.")]
    assert kept[0].text("summary") == "Figure 2 shows its rim."


def test_questions_with_their_answers_become_texts() -> None:
    asked = Dialogue(
        id="1", turns=(Turn(role="user", text="Is there an effusion?", images=("i",)),), answer="no",
        answer_type="closed", options=("yes", "no"),
    )  # fmt: skip
    told = Dialogue(
        id="2", turns=(Turn(role="user", text="What is it?"), Turn(role="assistant", text="A film.")),
        answer_type="open",
    )  # fmt: skip
    silent = Dialogue(id="3", turns=(Turn(role="user", text="Why?"),))
    studies = [
        study("a", path="p.png", dialogues=(asked, told, silent)),
        study("b", path="p.png", dialogues=(silent,)),
        study("c", path="p.png", text="A report.", dialogues=(silent,)),
    ]
    kept, dropped = run(step_kind("dialogue_texts")(), studies)
    assert [(text.text, text.images) for text in kept[0].texts] == [
        ("Is there an effusion? no", ("i",)), ("What is it? A film.", ()),
    ]  # fmt: skip
    assert dropped == {"b": "no answered question"}
    assert kept[1].texts == studies[2].texts
    (kept, _) = run(step_kind("dialogue_texts")(kinds=("open",)), studies[:1])
    assert [text.text for text in kept[0].texts] == ["What is it? A film."]
    assert run(step_kind("dialogue_texts")(kinds=("open",)), kept)[0] == kept
    (without,), _ = run(step_kind("dialogue_texts")(), [study("d", dialogues=(asked,))])
    assert [text.images for text in without.texts] == [()], "the picture is not in the study"
