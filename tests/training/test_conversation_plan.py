"""What a run of stages will cost, said before it starts."""

from __future__ import annotations

import pytest

from vesalius.data.corpus import Corpus
from vesalius.training.conversing.plan import ConversationPlan
from vesalius.training.trainer import plan
from vesalius.virtual.population import make
from vesalius.virtual.questions.ask import write_questions


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("asked")
    return write_questions(make(folder / "patients", patients=8, preset="chest", image_size=32), folder / "corpus")


def test_stages_are_counted_and_probed(asked: Corpus) -> None:
    found = plan("gmai_vl/tiny", overrides=[f"data={asked.root}", "optimisation.workers=0"])
    assert isinstance(found, ConversationPlan)
    assert [stage.name for stage in found.stages] == ["shallow", "deep", "instruction"]
    shallow, deep, instruction = found.stages
    assert set(shallow.learning) == {"connector"}
    assert set(deep.learning) == {"vision", "connector"}
    assert instruction.learning == instruction.parameters
    for stage in found.stages:
        assert stage.steps == 2
        assert stage.tokens > 5 * stage.conversations
        assert stage.total_seconds
        assert stage.peak_bytes
        assert stage.total_seconds >= stage.steps * (stage.step_seconds or 0)
    # The third stage reads questions beside the reports of the first two.
    assert instruction.conversations > shallow.conversations == deep.conversations
    assert "learning: connector" in found.text()
    assert found.to_dict()["stages"][0]["name"] == "shallow"


def test_adapters_are_what_learns(asked: Corpus) -> None:
    lora = ["stages.instruction.learns=[]", "stages.instruction.lora.rank=2"]
    found = plan("gmai_vl/tiny", overrides=[f"data={asked.root}", "optimisation.workers=0", *lora])
    assert isinstance(found, ConversationPlan)
    last = found.stages[-1]
    # One layer of width 32: q, k, v, o of 32 × 32 and gate, up, down of 32 × 128, two ranks each.
    assert last.learning == {"language": 2 * (4 * (32 + 32) + 3 * (32 + 128))}
