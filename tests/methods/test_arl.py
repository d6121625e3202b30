"""ARL: identities of the card, numbers of the authors' code, leaks of knowledge, reports without an entity."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vesalius.config import validate
from vesalius.data.collator import Collator
from vesalius.data.loader import Sample
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import ConfigError, DataError
from vesalius.evaluation.named_signs import KIN
from vesalius.knowledge.numbered import numbered_graph
from vesalius.knowledge.ontology import Concept, Edge, Ontology
from vesalius.knowledge.vocabulary import names_of
from vesalius.methods.arl import ARL, ARLConfig, GraphConfig, build, graph_vectors
from vesalius.methods.base import Progress
from vesalius.models.dual import DualEncoder
from vesalius.models.graph.bank import NO_ENTITY, graph_edges
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import train_tokenizer
from vesalius.objectives.knowledge import translation_distance
from vesalius.objectives.masked import IGNORED, span_places, touched

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "arl.json").read_text(encoding="utf-8"))
SHAPE: dict[str, Any] = {"image_size": 32, "patch": 8, "width": 16, "depth": 1, "vocabulary": 90, "text_length": 24}
GRAPH = GraphConfig(width=8, epochs=1, heads=2, head_width=4)
SMALL: dict[str, Any] = {"layers": 2, "middle": 1, "decoder_depth": 1, "entity_heads": 2, "graph": GRAPH}
REPORTS = ("Large pleural effusion.", "No pneumothorax, heart and left lung normal.", "Nothing to say.", "Clear.")
TOKENIZER = train_tokenizer(REPORTS, vocabulary=90)


def method(*, seed: int = 0, **settings: Any) -> ARL:
    torch.manual_seed(seed)
    made = build(ARLConfig(**{**SMALL, **settings}), DualEncoder.build(DualEncoderConfig(**SHAPE)))
    return made.eval()


def batch(of: ARL, reports: tuple[str, ...] = REPORTS) -> dict[str, Tensor]:
    rng = np.random.default_rng(0)
    samples = [Sample(rng.random((1, 32, 32), dtype=np.float32), text, row) for row, text in enumerate(reports)]
    return Collator(TOKENIZER, 24, ImageProcessor(size=32), of.annotate)(samples)


def names(of: ARL, numbers: Tensor) -> list[list[str]]:
    return [[of.graph.entities[int(number)] for number in row if number != NO_ENTITY] for row in numbers]


def test_entities_of_texts_and_images() -> None:
    chosen = method()
    made = batch(chosen)
    named = [
        ["finding:pleural_effusion"],
        ["finding:pneumothorax", "anatomy:heart", "anatomy:left lung"],
        [],
        [],
    ]
    assert names(chosen, made["entity_numbers"]) == names(chosen, made["text_entities"]) == named
    # What is denied is named, and not shown.
    shown = names(chosen, made["image_entities"])
    assert shown[0] == named[0]
    assert "finding:pneumothorax" not in shown[1]
    first, last = made["entity_spans"][0, 0].tolist()
    assert TOKENIZER.decode(made["input_ids"][0, first:last]).strip() == "pleural effusion"
    few = batch(method(num_entities=2))
    assert few["entity_numbers"].shape == (4, 2)
    assert few["text_entities"].shape == (4, 3)
    many = batch(chosen, ("Pleural effusion. " * 900, "Clear."))
    assert many["text_entities"].shape == (2, 1)


@pytest.mark.evidence("arl", "L2", "places of entities, whole and less those that are hidden, are the authors'")
def test_golden_numbers_of_the_places() -> None:
    golden = GOLDEN["places"]
    labels = torch.tensor(golden["labels"])
    for row, spans in enumerate(golden["spans"]):
        places = span_places(torch.tensor([[span[:2] for span in spans]]).view(1, -1, 2), 10)
        numbers = [span[2] for span in spans]
        for hidden, expected in zip((False, True), golden["rows"][row], strict=True):
            left = torch.ones(len(spans), dtype=torch.bool)
            if hidden:
                left = ~touched(places, labels[row : row + 1])[0]
            kept = [number for number, there in zip(numbers, left, strict=True) if there]
            assert kept == [number for number in expected["ids"] if number != NO_ENTITY]
            assert places[0][left].int().tolist() == expected["matrix"][: len(kept)]


@pytest.mark.evidence("arl", "L2", "an entity whose words are hidden is gone from that pass, and there in the others")
def test_hidden_words_take_their_entities_along() -> None:
    chosen = method(word_share=0.5)
    whole = batch(chosen, REPORTS[:2] * 4)
    made = {**chosen.pair_tokens(whole), "entity_place": chosen._places(whole)}
    made["entity_keep"] = whole["entity_numbers"] != NO_ENTITY
    kept: list[Tensor] = []
    made["entity"] = torch.randn(*whole["entity_numbers"].shape, 8)
    assert chosen.stream is not None
    original = chosen.stream.over
    chosen.stream.over = lambda entities, places, keep: kept.append(keep) or original(entities, places, keep)  # type: ignore[method-assign,func-returns-value]
    _, labels = chosen.hidden_words(whole)
    hit = touched(made["entity_place"], labels)
    assert 0 < int(hit.sum()) < int(made["entity_keep"].sum())
    chosen.third(made, labels)
    chosen.third(made)
    assert torch.equal(kept[0], made["entity_keep"] & ~hit)
    assert torch.equal(kept[1], made["entity_keep"])


@pytest.mark.evidence("arl", "L2", "what is hidden cannot be read from the entities that are left")
def test_knowledge_does_not_leak() -> None:
    chosen = method(word_share=0.9)
    whole = batch(chosen, REPORTS[:1])
    _, labels = chosen.hidden_words(whole)
    assert touched(chosen._places(whole), labels).all()
    before = chosen.encode(whole)["word_error"]
    with torch.no_grad():
        chosen.bank.vectors.add_(torch.randn_like(chosen.bank.vectors))
    assert torch.equal(chosen.encode(whole)["word_error"], before)
    leaking = method(word_share=0.9, entity_masking=False)
    told = leaking.encode(whole)["word_error"]
    with torch.no_grad():
        leaking.bank.vectors.add_(torch.randn_like(leaking.bank.vectors))
    assert not torch.equal(leaking.encode(whole)["word_error"], told)


@pytest.mark.evidence("arl", "L2", "half of an entity is never hidden")
def test_entities_are_hidden_whole() -> None:
    chosen = method(word_share=0.4).train()
    whole = batch(chosen)
    places = chosen._places(whole)
    seen = set()
    for step in range(20):
        chosen.progress = Progress(step=step)
        _, labels = chosen.hidden_words(whole)
        hit = (places & (labels != IGNORED)[:, None]).sum(dim=2)
        assert bool(((hit == 0) | (hit == places.sum(dim=2))).all())
        seen.add(tuple(hit[0].tolist()))
    assert len(seen) == 2


@pytest.mark.evidence("arl", "L2", "the release hides by the padded length, which is most of a short text")
def test_share_of_hidden_words() -> None:
    whole = batch(method(), ("Large pleural effusion.",))
    real = int((whole["units"] >= 0).sum())
    hidden = {}
    for variant in ("paper", "release"):
        _, labels = method(variant=variant).hidden_words(whole)
        hidden[variant] = int((labels != IGNORED).sum())
    # 15 % of 24 places are 3.6 tokens; one unit of the text is the least of the paper's share.
    assert hidden["release"] >= 3.6
    assert hidden["paper"] < hidden["release"] <= real


@pytest.mark.evidence("arl", "L2", "without REASON, and without an entity, words read nothing of the graph")
def test_what_reads_the_graph() -> None:
    plain = method(reason=False, align_weight=0)
    assert not any(weight.requires_grad for weight in plain.bank.parameters())
    out = plain(**batch(plain))
    assert set(out) == {"loss", "word", "pixel", "match"}
    chosen = method(align_weight=0)
    silent = batch(chosen, ("Nothing to say.", "Clear."))
    before = chosen(**silent)["loss"]
    with torch.no_grad():
        chosen.bank.vectors.mul_(3).add_(1)
    assert torch.equal(chosen(**silent)["loss"], before)


@pytest.mark.evidence(
    "arl", "L2", "no entity, one word, one study and equal reports have finite losses and gradients"
)
@pytest.mark.parametrize(
    "reports", [("Clear.",), ("Nothing.", "Nothing."), REPORTS[:1] * 3, ("Effusion " * 9000, "?")]
)
def test_odd_reports(reports: tuple[str, ...]) -> None:
    chosen = method().train()
    out = chosen(**batch(chosen, reports))
    out["loss"].backward()
    assert torch.isfinite(out["loss"])
    assert all(torch.isfinite(weight.grad).all() for weight in chosen.parameters() if weight.grad is not None)


@pytest.mark.evidence("arl", "L2", "TransE over the graph sets true triples apart from corrupted ones")
def test_vectors_of_the_graph() -> None:
    graph = numbered_graph("", shuffled=False)
    triples = torch.from_numpy(graph.triples)
    step = torch.randint(1, len(graph.entities), (len(triples),), generator=torch.Generator().manual_seed(0))
    gaps = []
    for epochs in (0, 40):
        vectors = graph_vectors(GraphConfig(width=16, epochs=epochs))
        head, tail, false = (
            vectors[triples[:, 0]], vectors[triples[:, 2]], vectors[(triples[:, 2] + step) % len(vectors)]
        )  # fmt: skip
        # The step of each relation as the mean of its triples.
        moves = torch.stack(
            [(tail - head)[triples[:, 1] == kind].mean(dim=0) for kind in range(len(graph.relations))]
        )
        move = moves[triples[:, 1]]
        gaps.append(float((translation_distance(head, move, false) - translation_distance(head, move, tail)).mean()))
    # Seen: 0.02 at the start, which is what means give away, and 4.1 after 40 epochs.
    assert gaps[1] > gaps[0] + 1


def test_edges_go_both_ways_but_in_the_release() -> None:
    triples = np.array([[0, 0, 1], [1, 1, 0], [2, 0, 1]])
    assert graph_edges(triples, both_ways=True).T.tolist() == [[0, 1], [1, 0], [1, 2], [2, 1]]
    assert graph_edges(triples, both_ways=False).T.tolist() == [[0, 1], [1, 0], [2, 1]]


def test_a_graph_of_the_users(tmp_path: Path) -> None:
    concepts = [Concept(id=name, name=name) for name in ("clear", "large", "nothing")]
    Ontology.of(concepts, [Edge("clear", "near", "large")]).save(tmp_path)
    chosen = method(graph=GraphConfig(source=str(tmp_path), width=8, epochs=1, heads=2, head_width=4))
    made = batch(chosen)
    assert names(chosen, made["entity_numbers"]) == [["large"], [], ["nothing"], ["clear"]]
    assert torch.isfinite(chosen(**made)["loss"])
    with pytest.raises(DataError):
        method(graph=GraphConfig(source=str(tmp_path / "nowhere.obo"), width=8))


def test_shuffled_knowledge_names_other_entities() -> None:
    right, wrong = (method(knowledge=kind) for kind in ("graph", "shuffled"))
    assert torch.equal(right.bank.edges, wrong.bank.edges)
    ours, others = (batch(of)["entity_numbers"] for of in (right, wrong))
    assert torch.equal(ours == NO_ENTITY, others == NO_ENTITY)
    assert not bool((ours == others)[ours != NO_ENTITY].any())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"align_weight": -1.0}, "none below 0"),
        ({"word_weight": 0, "pixel_weight": 0, "match_weight": 0, "align_weight": 0}, "one above"),
        ({"num_entities": 0}, "num_entities must be at least 1"),
        ({"pixel_share": 0.0}, "pixel_share must be between 0 and 1"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(ARLConfig, settings, where="recipe")


def test_a_batch_without_entities_is_refused_with_the_cure() -> None:
    chosen = method()
    lacking = {name: value for name, value in batch(chosen).items() if not name.startswith("entity")}
    with pytest.raises(DataError, match="give its `annotate` to the collator"):
        chosen(**lacking)


def test_the_graph_alone_says_which_findings_are_kin() -> None:
    """The positive control of the graph: kin lie near each other, and not by the vectors of other names."""
    vectors = functional.normalize(graph_vectors(GraphConfig(width=64, epochs=60)), dim=1)

    def near(*, shuffled: bool) -> float:
        graph = numbered_graph("", shuffled=shuffled)
        pairs = [
            [graph.mentions(f"There is {names_of(finding)[0]}.")[0].entity for finding in pair]
            for pair in KIN.values()
        ]
        first, second = (vectors[[pair[side] for pair in pairs]] for side in (0, 1))
        every = second @ first.T
        return float(every.diagonal().mean() - every.mean())

    # measured 0.21 and 0.05; for unrelated vectors of 64 numbers a mean of four cosines deviates by 0.06 from 0
    assert near(shuffled=False) > 0.15
    assert near(shuffled=True) < 0.12
