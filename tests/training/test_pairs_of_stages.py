"""Pairs that a stage makes: kept in files, equal every time, weighed and turned; answers that are drawn for them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.methods.preference_batches import batch, method, pairs, visual
from tests.models.vlm.talking import conversation, picture

from vesalius.config import validate
from vesalius.data.conversations.jsonl import JsonLines
from vesalius.data.conversations.records import Conversation, Located
from vesalius.data.conversations.writing import row_of
from vesalius.data.messages import Media, Message
from vesalius.data.mixture import Draw
from vesalius.data.records import Box
from vesalius.errors import ConfigError, DataError
from vesalius.training.conversing.batches import Chosen, ConversationSet
from vesalius.training.conversing.pairs import _weighed
from vesalius.training.conversing.sampling import sampled_answers
from vesalius.training.conversing.settings import PairSettings, SourceSettings


class Listed(JsonLines):
    """Conversations that are given."""

    def __init__(self, rows: list[Conversation]) -> None:
        self.rows, self.name = rows, "listed"

    def __len__(self) -> int:
        return len(self.rows)

    def conversation(self, row: int, *, epoch: int = 0) -> Conversation:
        return self.rows[row]


def test_pairs_come_back_from_their_file(tmp_path: Path) -> None:
    frame = Media(path=picture(tmp_path, "deep").path, frame=2)
    made = [
        *(replace(pair, weight=0.3, patient="p", task="report", source="s") for pair in pairs(tmp_path, 2)),
        *visual(tmp_path),
        replace(conversation(frame, id="framed"), rejected="No."),
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row_of(pair), ensure_ascii=False) + "\n" for pair in made), encoding="utf-8")
    read = list(JsonLines(path))
    for found, pair in zip(read, made, strict=True):
        assert replace(found, source=pair.source) == pair


def test_what_a_row_cannot_hold_is_refused(tmp_path: Path) -> None:
    plain = pairs(tmp_path, 1)[0]
    with pytest.raises(DataError, match="'pair-0' holds regions"):
        row_of(replace(plain, objects=(Located(name="nodule", boxes=(Box(0.0, 0.0, 2.0, 2.0),)),)))


def test_draws_are_equal_for_equal_seeds_and_leave_the_model_as_it_was(tmp_path: Path) -> None:
    of, reader = method()
    of.train()
    asked = [conversation(picture(tmp_path, str(seed), seed=seed), id=str(seed)) for seed in range(3)]
    state = torch.get_rng_state()
    settings = PairSettings(maker="sampled", candidates=4, longest=6)
    first, again, other = (
        list(sampled_answers(of, reader, asked, settings=settings, seed=seed)) for seed in (1, 1, 2)
    )
    assert [len(texts) for texts in first] == [4, 4, 4]
    assert first == again
    assert first != other
    assert len(set(first[0])) > 1, "several answers to one question differ"
    assert of.training
    assert torch.equal(torch.get_rng_state(), state)


def test_a_question_without_room_is_named(tmp_path: Path) -> None:
    of, reader = method()
    reader.context = 8
    with pytest.raises(DataError, match="context"):
        list(sampled_answers(of, reader, [conversation()], settings=PairSettings(maker="sampled"), seed=0))


def test_turned_pairs_have_their_sides_exchanged_and_no_weight(tmp_path: Path) -> None:
    settings = PairSettings(maker="hallucinated", turned=0.5, weights="urgency")
    question = pairs(tmp_path, 1)[0].messages[0]
    told = (question, Message(role="assistant", parts=("There is edema.",)))
    made = [Conversation(id=str(number), messages=told, rejected="There is fibrosis.") for number in range(20)]
    found = _weighed(made, settings, seed=0)
    turned = [pair for pair in found if pair.answers[-1] == "There is fibrosis."]
    assert 4 < len(turned) < 16
    assert all(pair.rejected == "There is edema." and pair.weight == 0 for pair in turned)
    # Edema is of urgency 8 of 9, in tenths.
    assert {pair.weight for pair in found if pair not in turned} == {0.9}
    assert _weighed(made, settings, seed=0) == found
    plain = _weighed(visual(tmp_path), replace(settings, turned=0.9, weights="none"), seed=3)
    worse, better = plain[0].media, plain[0].rejected_media
    assert {worse[0].path, better[0].path} == {str(tmp_path / "v0.png"), str(tmp_path / "w0.png")}
    rescaled = _weighed(made, replace(settings, normalised=True), seed=0)
    # Of two values with shares u and 1 - u the upper lies √(u / (1 - u)) SDs above the mean.
    upper = 1 + (0.1 * len(turned) / (20 - len(turned))) ** 0.5
    assert sorted({pair.weight for pair in rescaled}) == pytest.approx([0.75, min(upper, 1.25)])


def test_sides_stand_behind_each_other_with_the_next_answer_of_the_source(tmp_path: Path) -> None:
    _, reader = method()
    made = pairs(tmp_path)
    options = {"rewrite": lambda one, rng: one, "seed": 0, "unreadable_share": 0.5}
    triple = ConversationSet({"a": Listed(made)}, reader, sides=3, **options)  # type: ignore[arg-type]
    sides = triple.sides(Chosen(Draw("a", 2), 0))
    assert [side.answers[-1] for side in sides] == [made[2].answers[-1], made[2].rejected, made[0].answers[-1]]
    double = ConversationSet(
        {"a": Listed(made)},
        reader,
        sides=2,
        references={Draw("a", 0): (-3.0, -4.0)},
        **options,  # type: ignore[arg-type]
    )
    known, lacking = (double[(double.read(Chosen(Draw("a", row), 0)),)] for row in (0, 1))  # type: ignore[arg-type]
    assert [row.reference for row in known] == [-3.0, -4.0]
    assert all(row.reference != row.reference for row in lacking), "NaN where nothing was written down"
    assert batch(reader, made)["sides"] == 2


def test_a_pair_without_a_rejected_side_is_named(tmp_path: Path) -> None:
    _, reader = method()
    plain = [conversation(picture(tmp_path, str(seed), seed=seed), id=f"plain-{seed}") for seed in range(6)]
    single = ConversationSet(
        {"a": Listed(plain)}, reader, sides=2, rewrite=lambda one, rng: one, seed=0, unreadable_share=0.02
    )
    with pytest.raises(DataError, match=r"'plain-\d' is no preference pair: it has no rejected side; give its row"):
        _ = [single.length(Chosen(Draw("a", row), 0)) for row in range(6)]


def test_settings_name_what_is_wrong() -> None:
    for values, told in (
        ({"maker": "sampled", "candidates": 1}, "candidates 1"),
        ({"maker": "noised", "turned": 1.0}, "turned 1.0"),
        ({"maker": "guessed"}, "maker"),
    ):
        with pytest.raises(ConfigError, match=told):
            validate(PairSettings, values, where="recipe")
    with pytest.raises(ConfigError, match=r"those of pairs\.jsonl stand in the file"):
        validate(SourceSettings, {"path": "pairs.jsonl", "pairs": {"maker": "noised"}}, where="recipe")
