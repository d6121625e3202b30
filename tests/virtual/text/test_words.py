"""Words of every region: each finding has them, every slot can be filled, and every phrase can be read back.

A new finding that fails here says what its words lack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from vesalius.errors import ConfigError
from vesalius.virtual.preset import finding, finding_names
from vesalius.virtual.text.extraction import extract
from vesalius.virtual.text.grammar import Fact, Words, american, british, common, grammar, regions
from vesalius.virtual.text.parsing import named, noun_phrase, plain
from vesalius.virtual.text.sentences import Writer, phrases_for
from vesalius.virtual.text.style import draw_style
from vesalius.virtual.text.vocabulary import examples
from vesalius.virtual.text.wording import fill, framed, said, slots_of

SLOTS = {"severity", "side", "site", "lobe", "size"}


def all_words() -> Iterator[tuple[str, str, Words]]:
    for region in regions():
        for concept, words in grammar(region).findings.items():
            yield region, concept, words


def every_phrase(words: Words) -> list[str]:
    return [*words.phrases, *words.both, *words.one, *words.lobar]


def test_every_finding_has_words_and_every_word_a_finding() -> None:
    lacking = [
        f"{name}: no entry in phrases/{finding(name).region}.yaml"
        for name in finding_names()
        if finding(name).region not in regions() or name not in grammar(finding(name).region).findings
    ]
    idle = [f"{region}.yaml: no finding {concept!r}" for region, concept, _ in all_words()
            if concept not in finding_names() or finding(concept).region != region]  # fmt: skip
    assert not lacking + idle
    assert len(finding_names()) >= 12


def test_every_finding_has_enough_words() -> None:
    lacking = []
    for region, concept, words in all_words():
        for kind, count, least in (("names", len(words.names), 2), ("phrases", len(words.phrases), 4),
                                   ("absent", len(words.absent), 1)):  # fmt: skip
            if count < least:
                lacking.append(f"{region}.yaml, {concept}: {count} {kind}, expected at least {least}")
        if not 0 < words.mention <= 1:
            lacking.append(f"{region}.yaml, {concept}: mention {words.mention}, expected above 0 to 1")
        for sentence in words.absent:
            if not re.fullmatch(r"[A-Z][^.]*(?:\.\d[^.]*)*\.", sentence):
                lacking.append(f"{region}.yaml, {concept}: {sentence!r} is not one sentence")
    assert not lacking


@pytest.mark.parametrize("region", regions())
def test_names_are_of_one_finding(region: str) -> None:
    owners: dict[str, set[str]] = {}
    for concept, words in grammar(region).findings.items():
        for name in words.names:
            owners.setdefault(plain(name, region), set()).add(concept)
    assert {name: sorted(own) for name, own in owners.items() if len(own) > 1} == {}
    assert not [name for name in named(region) if re.search(r", | or | nor ", name)]


@pytest.mark.parametrize("region", regions())
def test_whole_sentences_are_of_one_meaning(region: str) -> None:
    words = grammar(region)
    meanings: dict[str, set[tuple[str, ...]]] = {}
    for concept, entry in words.findings.items():
        for text in entry.absent:
            meanings.setdefault(plain(text, region), set()).add((concept,))
    for part in words.general:
        meanings.setdefault(plain(part.text, region), set()).add(tuple(part.facts))
    for text in words.normal_impression:
        meanings.setdefault(plain(text, region), set()).add(("no_finding",))
    for text in words.boilerplate:
        meanings.setdefault(plain(text, region), set()).add(())
    assert {text: own for text, own in meanings.items() if len(own) > 1} == {}
    assert common().titles[region]


def test_slots_exist() -> None:
    lacking = []
    for region, concept, words in all_words():
        if concept not in finding_names():
            continue
        known = set(SLOTS)
        for disease in examples(concept):
            known |= {*disease.attributes, *disease.sizes_mm}
        lacking += [
            f"{region}.yaml, {concept}: {phrase!r} has the unknown slot {slot!r}; it has {sorted(known)}"
            for phrase in every_phrase(words) for slot in slots_of(phrase) if slot not in known
        ]  # fmt: skip
    assert not lacking


@pytest.mark.parametrize("concept", finding_names())
def test_every_case_can_be_told_and_read_back(concept: str) -> None:
    region = finding(concept).region
    writer = Writer(region, draw_style(0))
    faults = set()
    for disease in examples(concept)[:60]:
        slots = writer.slots([disease])
        usable = [text for text in phrases_for(writer.words[concept], [disease])
                  if all(slots.get(name) for name in slots_of(text))]  # fmt: skip
        if not usable:
            faults.add(f"no phrase can be filled with {dict(disease.attributes)}, site {disease.anatomy!r}, side "
                       f"{disease.laterality!r}, severity {disease.severity!r}")  # fmt: skip
        for phrase in usable:
            text = fill(phrase, slots)
            if re.search(r"\b(\w+) \1\b|[{}]", text):
                faults.add(f"{phrase!r} gives {text!r}")
            read = noun_phrase(plain(text, region), region)
            stated = said(phrase, slots, Fact(concept, "present"))
            if read is None or plain(str(read), region) != plain(str(stated), region):
                faults.add(f"{text!r} states {stated}, read as {read}")
    assert not sorted(faults)[:5]


def test_spelling_goes_there_and_back() -> None:
    assert (
        british("Esophageal tumor with hemorrhage, edematous.") == "Oesophageal tumour with haemorrhage, oedematous."
    )
    assert american(british("colorectal center of a nevus {color}")) == "colorectal center of a nevus {color}"
    assert american("Oedema") == "Edema"
    for region in regions():
        for words in grammar(region).findings.values():
            for phrase in every_phrase(words):
                assert american(british(phrase)) == phrase


def test_unknown_region_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="chest"):
        grammar("chst")


def test_every_frame_is_read_as_what_its_kind_says() -> None:
    read_back = 0
    for kind, texts in common().frames.items():
        if kind.startswith(("denied", "neither", "not_new")):
            continue
        change = "" if kind in {*common().certainty, "terse", "first"} else kind.removesuffix("_by")
        hedge = kind if kind in common().certainty and kind != "plain" else ""
        for text in texts:
            sentence = framed(text, "a small left pleural effusion", numbers={"d": "3 mm", "p": "25", "old": "12 mm"})
            (fact,) = extract(sentence)
            assert (fact.concept, fact.severity, fact.laterality) == ("pleural_effusion", "small", "left"), sentence
            assert (fact.certainty, fact.change) == (hedge, change.removesuffix("_from")), sentence
            status = "absent" if kind == "resolved" else "uncertain" if hedge not in ("", "consistent") else "present"
            assert fact.status == status, sentence
            read_back += 1
    assert read_back > 90


def test_every_denial_is_read_as_one() -> None:
    for kind in ("denied", "denied_one", "neither", "not_new"):
        for text in common().frames[kind]:
            sentence = text.format_map({"n": "nodule", "N": "Nodule", "m": "pneumothorax", "is": "is"})
            facts = extract(sentence)
            assert [fact.concept for fact in facts] == ["lung_nodule", "pneumothorax"][: len(facts)], sentence
            assert {fact.status for fact in facts} == {"absent"}
            assert {fact.change for fact in facts} == {"new" if kind == "not_new" else ""}


def test_advice_is_of_findings_and_ends_without_a_limit() -> None:
    assert set(common().advice) <= set(finding_names())
    for concept, parts in common().advice.items():
        limits = [part.below_mm for part in parts]
        assert limits == sorted(limits), concept
        assert limits[-1] == float("inf"), concept
        assert all(part.texts for part in parts)
