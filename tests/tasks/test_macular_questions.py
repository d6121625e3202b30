"""Questions about the macula: stages and referrals by hand, rules of the prompts, one side of a split."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from vesalius.curation.question_blocks import Block, check_blocks
from vesalius.data.conversations.corpus import CorpusSource
from vesalius.data.corpus import Corpus
from vesalius.data.records import Finding, Measurement, Study
from vesalius.errors import ConfigError
from vesalius.tasks.instructions.families import families
from vesalius.tasks.instructions.families.macular import MODULES, STAGES, macular_stage, referral
from vesalius.virtual.population import make


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Three dozen virtual tomograms."""
    folder = tmp_path_factory.mktemp("scans") / "corpus"
    changes = ("prevalence.age_related_macular_degeneration=0.7",)
    return make(folder, patients=36, preset="oct", image_size=32, settings=changes, workers=1)


def study(stage: str = "", *, fluid: str = "absent", concept: str = "", height: float = 0.0) -> Study:
    attributes = (("fluid", fluid), ("stage", stage))
    findings = [Finding(concept=concept, status="present")] if concept else []
    if stage:
        findings.append(Finding(concept="age_related_macular_degeneration", status="present", attributes=attributes))
    measured = (Measurement(name="subretinal_fluid_height", value=height, unit="um"),)
    return Study(id="s", patient="p", findings=tuple(findings), measurements=measured)


@pytest.mark.parametrize(
    ("made", "stage", "referred"),
    [
        (study(concept="no_finding"), "healthy", "none"),
        (study("early"), "early", "routine"),
        (study("late dry"), "late dry", "routine"),
        (study("late wet"), "late wet inactive", "routine"),
        (study("late wet", fluid="present"), "late wet active", "urgent"),
        (study("intermediate", height=40.0), "intermediate", "urgent"),  # any fluid
        (study(concept="macular_oedema"), "", "urgent"),
        (study(concept="glaucoma"), "", ""),  # neither is known, and neither is asked
    ],
)
def test_stage_and_referral_by_the_guidelines(made: Study, stage: str, referred: str) -> None:
    assert (macular_stage(made), referral(made)) == (stage, referred)


def test_ten_modules_find_their_questions(scans: Corpus) -> None:
    (family,) = families(["macular_reports"])
    found = {spot.place // 100 for study in scans for spot in family.spots(study)}
    assert found == set(range(10))
    assert len(MODULES) == 10


@pytest.mark.evidence("retinavlm", "L2", "as many yes as no, no question names its answer, no report is said silent")
@pytest.mark.parametrize("name", ["macular_tables", "macular_reports"])
def test_the_rules_of_the_prompts_hold(scans: Corpus, name: str) -> None:
    source = CorpusSource(scans, families([name]), seed=1)
    said = Counter()
    for row in range(len(source)):
        conversation = source.conversation(row)
        question, answer = conversation.messages[0].text, conversation.messages[1].text
        assert question.strip()
        assert answer.strip()
        said[answer] += 1
        listed = "Choose one of" in question
        block = Block(1, question, answer)
        checked = check_blocks([block], labels=() if listed else STAGES)
        assert not checked.leaking, block
        assert not checked.silent, block
    assert said["yes"] == said["no"] > 0


def test_staging_names_all_options_and_guidelines_where_asked(scans: Corpus) -> None:
    for name, guided in (("macular_staging", False), ("macular_staging_guided", True)):
        source = CorpusSource(scans, families([name]))
        question = source.conversation(0).messages[0].text
        assert all(stage in question for stage in STAGES)
        assert ("most advanced that is seen counts" in question) is guided
        assert {source.conversation(row).messages[1].text for row in range(len(source))} <= set(STAGES)


@pytest.mark.evidence("retinavlm", "L2", "all questions about one image stay on one side of the split")
def test_questions_of_an_image_stay_together(scans: Corpus) -> None:
    shown = {
        part: {
            media.path
            for family in ("macular_tables", "macular_reports")
            for conversation in CorpusSource(scans.split(part), families([family]))
            for media in conversation.media
        }
        for part in ("train", "test")
    }
    assert shown["train"]
    assert shown["test"]
    assert not shown["train"] & shown["test"]


def test_what_is_unknown_is_not_asked() -> None:
    (tables,) = families(["macular_tables"])
    assert list(tables.spots(study("early"))) == []  # no image
    with pytest.raises(ConfigError, match="English alone"):
        families(["macular_tables"], language="zh")


def test_words_vary_by_row_and_epoch(scans: Corpus) -> None:
    source = CorpusSource(scans, families(["macular_tables"]))
    asked = {source.conversation(0, epoch=epoch).messages[0].text for epoch in range(12)}
    assert len(asked) > 1


def test_presence_reads_the_largest_of_several_scans() -> None:
    made = study(height=0.0)
    twice = replace(made, measurements=(*made.measurements, replace(made.measurements[0], value=12.0)))
    assert referral(twice) == "urgent"
    assert np.isclose(twice.measurements[1].value, 12.0)
