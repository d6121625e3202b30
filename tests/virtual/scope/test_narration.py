"""What is said, what is heard, and captions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from vesalius.virtual.scope.caption import LEVELS, caption_events
from vesalius.virtual.scope.narration import Spoken, narrate, narration_words
from vesalius.virtual.scope.theatre import Window
from vesalius.virtual.scope.transcript import recognise, word_error_rate
from vesalius.virtual.scope.workflow import Operation, draw_operation, procedure, procedure_names
from vesalius.virtual.seeds import stream


@pytest.fixture(scope="module")
def told() -> list[tuple[Operation, tuple[Spoken, ...]]]:
    made = []
    for number in range(40):
        operation = draw_operation(stream(6, number), "cholecystectomy")
        made.append((operation, narrate(stream(7, number), operation)))
    return made


def test_every_verb_has_its_forms() -> None:
    verbs = {
        key.split(", ")[0]
        for name in procedure_names()
        for rows in procedure(name).deeds.values()
        for row in rows.values()
        for key in row
    }
    assert verbs - {"none"} == set(narration_words().verbs)


def test_sentences_are_whole_and_do_not_overlap(told: list[tuple[Operation, tuple[Spoken, ...]]]) -> None:
    count = 0
    for operation, said in told:
        for sentence in said:
            assert sentence.text[-1] in ".!?"
            assert "{" not in sentence.text
            assert 0 <= sentence.start_s < sentence.end_s <= operation.length_s
            count += 1
        for before, after in pairwise(said):
            assert before.end_s <= after.start_s
    assert count > 3000


def test_a_third_is_about_another_time(told: list[tuple[Operation, tuple[Spoken, ...]]]) -> None:
    shares = [np.mean([sentence.kind == "other" for sentence in said]) for _, said in told]
    # 20 to 40 %, drawn for every operation; its SD with some 150 sentences is 0.035.
    assert np.mean(shares) == pytest.approx(0.3, abs=0.04)
    assert min(shares) > 0.08
    assert max(shares) < 0.5


def test_words_run_ahead_and_lag_behind(told: list[tuple[Operation, tuple[Spoken, ...]]]) -> None:
    outside = []
    for _, said in told:
        for sentence in said:
            if sentence.kind == "act":
                outside.append(not sentence.about[0] <= sentence.start_s < sentence.about[1])
    # Acts of 9 s and lags of −3 ± 6 s: a good part of the words misses its act, but not all.
    assert 0.2 < np.mean(outside) < 0.7


def test_two_recognisers_err_differently(told: list[tuple[Operation, tuple[Spoken, ...]]]) -> None:
    rates: dict[str, list[float]] = {"asr-a": [], "asr-b": []}
    texts: dict[str, str] = {}
    for number, (_, said) in enumerate(told[:8]):
        truth = " ".join(sentence.text for sentence in said)[:6000]
        for name in ("asr-a", "asr-b"):
            heard = recognise(stream(8, number, name), said, name)  # type: ignore[arg-type]
            text = " ".join(piece.text for piece in heard)
            texts[name] = text
            shorter = " ".join(piece.text for piece in heard if piece.start_s < said[len(said) // 4].start_s)
            spoken = " ".join(sentence.text for sentence in said[: len(said) // 4])
            rates[name].append(word_error_rate(spoken, shorter))
        assert truth
    assert 0.05 < np.mean(rates["asr-a"]) < 0.2
    assert 0.10 < np.mean(rates["asr-b"]) < 0.3
    assert np.mean(rates["asr-b"]) > np.mean(rates["asr-a"])
    assert "." in texts["asr-a"]
    assert "." not in texts["asr-b"]
    assert texts["asr-a"] == texts["asr-a"].lower()
    misheard = [option for options in narration_words().misheard.values() for option in options if " " in option]
    assert any(option in texts["asr-b"] for option in misheard)
    assert not any(option in texts["asr-a"] for option in misheard)


def test_word_error_rate_by_hand() -> None:
    # "the hook cuts" → "the hoop cuts it": one substitution, one insertion, three true words.
    assert word_error_rate("The hook cuts.", "the hoop cuts it") == pytest.approx(2 / 3)
    assert word_error_rate("a b c d", "a d") == pytest.approx(0.5)
    assert word_error_rate("a b", "a b") == 0


def test_captions_of_three_levels() -> None:
    for name in procedure_names():
        operation = draw_operation(stream(9, name), name)
        window = Window.whole(operation, 16)
        events = caption_events(stream(10, name), operation, window, "clip")
        by_level = {level: [event for event in events if event.source == level] for level in LEVELS}
        assert len(by_level["video"]) == 1
        assert len(by_level["clip"]) == 4
        assert len(by_level["phase"]) == len(operation.visits)
        for visit, event in zip(operation.visits, by_level["phase"], strict=True):
            assert visit.phase in event.label.lower()
            assert procedure(name).phases[visit.phase].goal in event.label
        for event in events:
            assert "{" not in event.label
            assert 0 <= event.start_s < event.end_s <= window.length_s + 1e-6


def test_clip_captions_name_what_is_done_and_nothing_else() -> None:
    operation = draw_operation(stream(11), "cholecystectomy")
    window = Window.whole(operation, 20)
    instruments = set(procedure("cholecystectomy").deeds) - {"specimen bag"}
    events = [e for e in caption_events(stream(12), operation, window, "c", stretch=1) if e.source == "clip"]
    for event, time in zip(events, window.times_s.tolist(), strict=True):
        done = {deed.instrument for deed in operation.deeds_at(time) if deed.verb != "none"} & instruments
        assert {tool for tool in instruments if f"{tool} " in event.label + " " or f"{tool}." in event.label} == done
