"""Follow-ups: bodies stay, exposures change, diseases follow their course, priors are named."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from vesalius.virtual.patient import draw_patient
from vesalius.virtual.population import make
from vesalius.virtual.preset import load_preset
from vesalius.virtual.visits import days_of, study_name, visits_of

OFTEN = load_preset("chest", ["follow_up.share=0.99", "follow_up.visits=4", "follow_up.arising=0.5"])


def test_days_rise_from_nothing_and_their_number_follows_the_share() -> None:
    several = 0
    for number in range(300):
        days = days_of(3, str(number), OFTEN)
        assert days[0] == 0
        assert all(b - a >= 0.5 for a, b in itertools.pairwise(days))
        assert len(days) <= 4
        several += len(days) > 1
    # 300 draws with chance 0.99: below 291 has a probability of about 0.001.
    assert several >= 291
    assert days_of(3, "5", load_preset("chest")) == (0.0,)


def test_a_patient_stays_the_same_and_is_exposed_anew() -> None:
    visits = visits_of(draw_patient(1, 4, preset=OFTEN), OFTEN)
    first, second = visits[:2]
    assert first == draw_patient(1, 4, preset=OFTEN)
    assert (first.id, first.site, first.seed) == (second.id, second.site, second.seed)
    kept = replace(second.body, age_years=first.body.age_years, inspiration=first.body.inspiration,
                   rotation=first.body.rotation)  # fmt: skip
    assert kept == first.body
    assert second.acquisition != first.acquisition
    assert second.body.age_years - first.body.age_years == pytest.approx(second.day / 365.25)
    assert len({study_name(visit) for visit in visits}) == len(visits)


def test_findings_arise_about_as_often_as_asked() -> None:
    new = visits = 0
    for number in range(400):
        made = visits_of(draw_patient(2, number, preset=OFTEN), OFTEN)
        for before, after in itertools.pairwise(made):
            visits += 1
            new += bool(after.concepts - before.concepts)
    # Chance 0.5 a visit, where any finding is left to come; 800 visits or so, three standard errors are 0.053.
    assert 0.44 < new / visits < 0.56


def test_priors_are_named_in_the_corpus(tmp_path: Path) -> None:
    settings = ["follow_up.share=0.99", "follow_up.visits=2"]
    corpus = make(tmp_path / "c", patients=4, image_size=32, workers=1, settings=settings)
    assert len(corpus) > len(set(corpus.patients))
    later = [study for study in corpus if study.priors]
    assert later
    for study in later:
        [prior] = study.priors
        earlier = corpus.study(prior.study)
        assert earlier.patient == study.patient
        assert not earlier.priors
        assert prior.days_before >= 0.5


def test_an_interrupted_series_is_completed(tmp_path: Path) -> None:
    settings = ["follow_up.share=0.9", "follow_up.visits=3"]
    make(tmp_path / "a", patients=2, image_size=32, workers=1, settings=settings)
    resumed = make(tmp_path / "a", patients=5, image_size=32, workers=1, settings=settings)
    whole = make(tmp_path / "b", patients=5, image_size=32, workers=2, settings=settings)
    assert resumed.content_hash == whole.content_hash


def test_nothing_arises_in_an_organ_that_is_not_there() -> None:
    preset = load_preset("abdomen-ct", ["follow_up.share=0.99", "follow_up.visits=6", "follow_up.arising=0.95"])
    sexes = {"prostate_enlargement": set(), "uterine_fibroid": set()}  # type: ignore[var-annotated]
    for number in range(150):
        for visit in visits_of(draw_patient(6, number, preset=preset), preset):
            for name in sexes.keys() & visit.concepts:
                sexes[name].add(visit.body.sex)
    assert sexes == {"prostate_enlargement": {"M"}, "uterine_fibroid": {"F"}}
