"""Link prediction on the graph of virtual patients, beside the controls that could expose it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vesalius.data.records import Image, Study, Text
from vesalius.knowledge.medmkg import Numbered, build, naf, split_edges
from vesalius.knowledge.vocabulary import finding_linker
from vesalius.models.graph.families import graph_embedding
from vesalius.training.links import LinkSettings, evaluate_links, fit_links
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.text.narrative import write_report


def studies(number: int) -> list[Study]:
    found = []
    for index in range(number):
        report = write_report(draw_patient(21, index, preset="chest"), variant=0)
        text = " ".join(sentence.text for sentence in report.findings)
        image = Image(id="cxr", path=f"{index}.png", modality="DX", view="AP")
        found.append(
            Study(id=f"s{index}", patient=f"p{index}", images=(image,), texts=(Text(text=text, role="findings"),))
        )
    return found


@pytest.mark.evidence("medmkg", "L1", "graph of virtual patients: built, pruned, links predicted above shuffled ones")
def test_links_of_virtual_patients_are_predicted_above_shuffled_ones() -> None:
    graph = build(studies(250), finding_linker())
    kept = naf(graph.cross_modal)
    assert {edge.tail for edge in graph.only(kept).edges} == {edge.tail for edge in graph.edges}
    numbered = Numbered.of(graph.edges)
    parts = [numbered.triples[rows] for rows in split_edges(len(numbered.triples), seed=0)]

    def trained(train: np.ndarray) -> float:
        torch.manual_seed(0)
        model = graph_embedding(
            "TransE", num_entities=len(numbered.entities), num_relations=len(numbered.relations), width=24
        )
        settings = LinkSettings(batch=256, lr=0.01, epochs=40, validate_every=10, patience=5, negatives=4)
        fit_links(model, train, parts[1], settings)
        return evaluate_links(model, parts[2], known=parts)["mrr"]

    shuffled = parts[0].copy()
    shuffled[:, 2] = np.random.default_rng(0).permutation(shuffled[:, 2])
    # Shuffling keeps how often each concept is a tail, which is most of what can be told of an unseen image's links.
    assert trained(parts[0]) > 1.1 * trained(shuffled)
