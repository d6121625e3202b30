"""Graphs of reports by rules, in the records of RadGraph."""

from __future__ import annotations

import pytest

from vesalius.knowledge.graph import pretokenised, report_graph
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.text.narrative import write_report

Told = dict[str, tuple[str, tuple[tuple[str, str], ...]]]


def told(text: str) -> Told:
    """Label and relations of every entity, by its words."""
    graph = report_graph("r", text)
    words = {entity.key: entity.tokens for entity in graph.entities}
    return {
        entity.tokens: (entity.label, tuple((kind, words[other]) for kind, other in entity.relations))
        for entity in graph.entities
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Small left pleural effusion. No pneumothorax.",
         {"Small": ("OBS-DP", (("modify", "pleural effusion"),)), "left": ("ANAT-DP", ()),
          "pleural effusion": ("OBS-DP", (("located_at", "left"),)), "pneumothorax": ("OBS-DA", ())}),
        ("Possible large nodule in the right upper lobe.",
         {"large": ("OBS-U", (("modify", "nodule"),)), "right upper lobe": ("ANAT-DP", ()),
          "nodule": ("OBS-U", (("located_at", "right upper lobe"),))}),
        ("Patchy opacity represents consolidation.",
         {"Patchy": ("OBS-DP", (("modify", "opacity"),)), "consolidation": ("OBS-DP", ()),
          "opacity": ("OBS-DP", (("suggestive_of", "consolidation"),))}),
        ("No effusion. Atelectasis at the left base.",
         {"effusion": ("OBS-DA", ()), "Atelectasis": ("OBS-DP", (("located_at", "left base"),)),
          "left base": ("ANAT-DP", ())}),
        ("Stable.", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_entities_and_relations(text: str, expected: Told) -> None:
    assert told(text) == expected


def test_places_count_words_between_spaces() -> None:
    graph = report_graph("r", "Edema, mild;  effusion (small).")
    assert graph.text == "Edema , mild ; effusion ( small ) ." == pretokenised("Edema, mild;  effusion (small).")
    for entity in graph.entities:
        assert " ".join(graph.text.split(" ")[entity.start : entity.end + 1]) == entity.tokens


def test_virtual_reports_give_whole_graphs() -> None:
    located = total = 0
    for index in range(100):
        report = write_report(draw_patient(3, index, preset="chest"), variant=1)
        for sentence in report.findings:
            graph = report_graph("r", sentence.text)
            keys = {entity.key for entity in graph.entities}
            assert all(other in keys for entity in graph.entities for _, other in entity.relations)
            sided = [
                fact for fact in sentence.facts if fact.status == "present" and fact.laterality in ("left", "right")
            ]
            total += bool(sided)
            places = {
                word
                for entity in graph.entities
                if entity.label == "ANAT-DP"
                for word in entity.tokens.lower().split()
            }
            located += bool(sided) and sided[0].laterality in places
    assert total > 40
    # The others say the side in an abbreviation, such as LUL.
    assert located / total > 0.6
