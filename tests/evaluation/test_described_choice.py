"""Describe, then choose: what is asked in each step, what counts, and that a tiny model goes through both."""

from __future__ import annotations

from pathlib import Path

import pytest

from vesalius.data.corpus import Corpus
from vesalius.errors import ConfigError
from vesalius.evaluation.described_choice import Choice, DescribedChoice
from vesalius.inference.requests import Reply
from vesalius.tasks.answers.option_ngrams import INVALID
from vesalius.tasks.instructions.families.macular import STAGES, macular_stage
from vesalius.virtual.population import make

STAGING = Choice(
    describe="Describe the scan.",
    question="Which stage of age-related macular degeneration is most likely?",
    options=STAGES,
    preamble="The most likely AMD stage is",
    truth=macular_stage,
)


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Two dozen virtual tomograms."""
    return make(tmp_path_factory.mktemp("scans") / "corpus", patients=24, preset="oct", image_size=32, workers=1)


@pytest.mark.evidence("retinavlm", "L2", "closed questions are put in two steps, the description before the choice")
def test_two_steps(scans: Corpus) -> None:
    bench = DescribedChoice(scans, choices={"staging": STAGING})
    items = list(bench.items(scans.root, parts=["staging"], split="test"))
    assert {item.truth for item in items} <= set(STAGES)
    assert len(items) == sum(bool(macular_stage(study)) for study in scans.split("test"))
    first = bench.ask(items[0], [], arm="", shots=[])
    assert first is not None
    assert (first.decoding.max_tokens, first.messages[-1].text) == (1200, "\nDescribe the scan.")
    said = [Reply(id="0", text="Large drusen, no fluid.")]
    second = bench.ask(items[0], said, arm="", shots=[])
    assert second is not None
    assert [message.role for message in second.messages] == ["user", "assistant", "user"]
    assert second.messages[1].text == "Large drusen, no fluid."
    assert second.messages[2].text.endswith("late wet active. The most likely AMD stage is")
    assert second.decoding.max_tokens == 300
    assert bench.ask(items[0], [*said, Reply(id="1", text="early")], arm="", shots=[]) is None


def test_the_first_option_counts_and_none_is_kept_as_such(scans: Corpus) -> None:
    bench = DescribedChoice(scans, choices={"staging": STAGING}, described=False)
    item = next(iter(bench.items(scans.root, parts=["staging"], split="train")))
    alone = bench.ask(item, [], arm="", shots=[])
    assert alone is not None
    assert len(alone.messages) == 1
    right = bench.mark(item, [Reply(id="0", text=f"It is {item.truth}.")], convention="plain")
    wrong = bench.mark(item, [Reply(id="0", text="late wet")], convention="plain")
    assert (right.values["accuracy"], right.status) == (1.0, "answered")
    assert (wrong.values["accuracy"], wrong.status, wrong.said) == (0.0, "unparsed", INVALID)
    assert bench.right(item, []) == item.truth


def test_a_corpus_has_no_twin(scans: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no twin"):
        DescribedChoice(scans, choices={"staging": STAGING}).write_twin(tmp_path, patients=2, seed=0)
