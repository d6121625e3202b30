"""Operations as studies: clip, workflow, words, captions, bleeding."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from virtual_patients import drawn, reference_patient

from vesalius.errors import ConfigError
from vesalius.virtual.exams import cataract_surgery, cholecystectomy, pituitary_surgery
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.scope.surgery import operation_of, picture_of_operation
from vesalius.virtual.scope.theatre import Window
from vesalius.virtual.study import make_study

EXAMS = (cholecystectomy, pituitary_surgery, cataract_surgery)


@pytest.mark.parametrize("exam", EXAMS)
def test_a_clip_with_workflow_words_and_captions(exam: ModuleType) -> None:
    (clip,) = exam.render(reference_patient(), 64)
    assert clip.pixels.shape == (32, 64, 64, 3)
    kinds = {event.kind for event in clip.events}
    assert {"phase", "action", "instrument", "speech", "caption"} <= kinds
    assert {event.source for event in clip.events if event.kind == "speech"} <= {"narrator", "asr-a", "asr-b"}
    assert {event.source for event in clip.events if event.kind == "caption"} == {"clip", "phase", "video"}
    roles = [text.role for text in clip.texts]
    assert roles.count("caption") == 3
    assert all(text.images == (clip.name,) for text in clip.texts)
    length = 32 / clip.frames_per_second  # type: ignore[operator]
    assert all(0 <= event.start_s < event.end_s <= length + 1e-6 for event in clip.events)
    assert all(event.image == clip.name for event in clip.events)


def test_whole_window_and_own_window_of_one_operation() -> None:
    patient = reference_patient()
    plan = replace(cholecystectomy.recording(patient, 64), frames=10)
    operation = operation_of(patient, "cholecystectomy")
    whole = picture_of_operation(patient, replace(plan, span="whole"))
    assert 10 / whole.frames_per_second == pytest.approx(operation.length_s)  # type: ignore[operator]
    own = Window(start_s=60.0, frames=5, frames_per_second=1.0)
    part = picture_of_operation(patient, replace(plan, span=own, spoken=False))
    assert part.pixels.shape[0] == 5
    assert not [event for event in part.events if event.kind == "speech"]
    assert not [text for text in part.texts if text.role == "transcript"]
    phases = [event.label for event in part.events if event.kind == "phase"]
    assert phases == list(dict.fromkeys(operation.visit_at(60.0 + second).phase for second in range(5)))


def test_phase_times_of_the_measurements_sum_to_the_operation() -> None:
    (clip,) = cataract_surgery.render(reference_patient(), 64)
    spent = [value.value for value in clip.measurements if value.name == "phase time"]
    total = next(value.value for value in clip.measurements if value.name == "operation time")
    assert sum(spent) == pytest.approx(total)


def test_bleeding_shows_and_changes_nothing_else() -> None:
    patient = reference_patient()
    bleeding = patient.having([replace(drawn("operative_bleeding", 0)[0], amount=1.0)])  # type: ignore[call-arg]
    for exam in (cholecystectomy, pituitary_surgery):
        plan = replace(exam.recording(patient, 64), frames=6, span="whole")
        red = replace(exam.recording(bleeding, 64), frames=6, span="whole")
        dry, wet = picture_of_operation(patient, plan), picture_of_operation(bleeding, red)
        assert dry.events == wet.events
        blood = [sum(mark.mask.sum() for mark in clip.marks if mark.anatomy == "blood" and mark.mask is not None)
                 for clip in (dry, wet)]  # fmt: skip
        assert blood[1] > 1.5 * blood[0]


@pytest.mark.parametrize("preset", ["surgery", "pituitary", "cataract"])
def test_studies_of_the_presets(preset: str) -> None:
    patient = draw_patient(41, 2, preset=preset)
    study = make_study(patient, 64).study
    assert study.status("operative_bleeding") == ("present" if patient.diseases else "absent")
    assert study.events
    assert study.text("caption")
    assert study.text("findings", "impression")


@pytest.mark.parametrize("exam", EXAMS)
def test_same_bytes_each_time(exam: ModuleType) -> None:
    patient = reference_patient()
    plan = replace(exam.recording(patient, 64), frames=3)
    one, other = picture_of_operation(patient, plan), picture_of_operation(patient, plan)
    assert np.array_equal(one.pixels, other.pixels)
    assert one.events == other.events


def test_bad_recordings_are_refused() -> None:
    plan = cholecystectomy.recording(reference_patient(), 64)
    with pytest.raises(ConfigError, match="half"):
        replace(plan, span="half")
    with pytest.raises(ConfigError, match="size 5"):
        replace(plan, size=5)
    late = Window(start_s=1e6, frames=3, frames_per_second=1.0)
    with pytest.raises(ConfigError, match="ends at"):
        picture_of_operation(reference_patient(), replace(plan, span=late))
