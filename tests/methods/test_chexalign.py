"""CheXalign: the card's identities, pairs from a judge, its loop from a trained run, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from preference_batches import batch, method, pairs

from vesalius.curation.preferences.judging import FactJudge, LabelJudge, ranked
from vesalius.data.corpus import Corpus
from vesalius.data.records import Finding, Study
from vesalius.errors import CheckpointError, ConfigError, DataError
from vesalius.evaluation.aligned import Asked, aligned, start_of
from vesalius.evaluation.answering.adapted_from import known_base
from vesalius.methods.conversing import ConversationBatch
from vesalius.objectives.log_probs import SequenceLogProbs
from vesalius.objectives.preference import pair_loss, unpaired_loss
from vesalius.objectives.preference_settings import DPO, IPO, KTO, RDPO, PreferenceConfig
from vesalius.training.conversing.saving import load_converser
from vesalius.training.trainer import train
from vesalius.virtual.population import make
from vesalius.virtual.questions.ask import write_questions

QUIET = ("run.report_to=[]", "data.validation=null")


def loss_at(settings: PreferenceConfig, gap: float, tokens: tuple[int, int] = (10, 10)) -> tuple[float, float]:
    """Loss of one pair with this Δ, and its gradient by Δ."""
    policy = torch.tensor([-20.0 + gap], dtype=torch.float64, requires_grad=True)
    sides = [SequenceLogProbs(policy, torch.tensor(tokens[:1])),
             SequenceLogProbs(torch.tensor([-30.0]).double(), torch.tensor(tokens[1:]))]  # fmt: skip
    found = pair_loss(settings, chosen=sides[0], rejected=sides[1],
                      reference=(torch.tensor([-20.0]).double(), torch.tensor([-30.0]).double()))  # fmt: skip
    found.loss.backward()
    assert policy.grad is not None
    return found.loss.item(), float(policy.grad)


@pytest.mark.evidence("chexalign", "L2", "at the start DPO is ln 2, R-DPO -log σ(1) for 30 and 10 tokens, IPO 25")
def test_losses_at_the_start() -> None:
    assert loss_at(DPO(), 0.0)[0] == pytest.approx(math.log(2))
    assert loss_at(RDPO(), 0.0, (30, 10))[0] == pytest.approx(0.3133, abs=5e-5)
    assert loss_at(IPO(beta=0.1), 0.0)[0] == pytest.approx(25.0)


@pytest.mark.evidence("chexalign", "L2", "R-DPO is DPO where lengths are equal; a longer chosen report teaches less")
def test_length_takes_from_the_gradient() -> None:
    assert loss_at(RDPO(), 0.7) == pytest.approx(loss_at(DPO(), 0.7))
    assert loss_at(RDPO(length_weight=0.0), 0.7, (30, 10)) == pytest.approx(loss_at(DPO(), 0.7))
    slopes = [loss_at(RDPO(), 0.7, (longer, 10))[1] for longer in (5, 10, 20, 40)]
    assert slopes == sorted(slopes), "less and less is learnt from longer chosen reports"
    # -β σ(-(βΔ + α Δlen)) = -0.1 σ(-(0.07 + 0.5))
    assert loss_at(RDPO(), 0.7, (20, 10))[1] == pytest.approx(-0.1 / (1 + math.exp(0.57)))


@pytest.mark.evidence(
    "chexalign", "L2", "trained alike, R-DPO learns less than DPO from longer reports, more from shorter"
)
def test_length_control_learns_less_of_length(tmp_path: Path) -> None:
    margins: dict[str, list[float]] = {"dpo": [], "r-dpo": []}
    for algorithm, found in margins.items():
        for pair in pairs(tmp_path)[1:]:
            of, reader = method(algorithm)
            of.begin(pairs=True, adapters_alone=False)
            given = batch(reader, [pair])
            optimiser = torch.optim.SGD(of.parameters(), lr=0.02)
            for _ in range(4):
                optimiser.zero_grad()
                of.training_step(given)["loss"].backward()
                optimiser.step()
            found.append(of.training_step(given)["margin"].item())
    # The second pair's better answer is the shorter one, the third pair's the longer one.
    assert margins["r-dpo"][0] > margins["dpo"][0] > 0
    assert 0 < margins["r-dpo"][1] < margins["dpo"][1]


@pytest.mark.evidence(
    "chexalign", "L2", "IPO is least at Δ = 1/(2β), DPO never; averaged per token where that is asked"
)
def test_ipo_has_a_least_place() -> None:
    assert loss_at(IPO(beta=0.1), 5.0) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert all(loss_at(DPO(), gap)[1] < 0 for gap in (0.0, 5.0, 50.0, 200.0))
    # Δ of means: 40/10 - 0 = 4, (4 - 5)² = 1.
    assert loss_at(IPO(beta=0.1, lengths="mean"), 40.0)[0] == pytest.approx(1.0)


@pytest.mark.evidence("chexalign", "L2", "ORPO does not depend on any reference; KTO learns from unpaired reports")
def test_no_reference_and_no_pair(tmp_path: Path) -> None:
    of, reader = method("orpo")
    given = batch(reader, pairs(tmp_path))
    free = of.training_step(given)["loss"]
    of.begin(pairs=True, adapters_alone=False)
    torch.testing.assert_close(of.training_step(given)["loss"], free)
    single = SequenceLogProbs(torch.tensor([-9.0]), torch.tensor([4]))
    found = unpaired_loss(
        KTO(), policy=single, reference=torch.tensor([-9.0]), desirable=torch.tensor([True]), kl=torch.tensor(0.0)
    )
    assert found.loss.item() == pytest.approx(0.5)


@pytest.mark.evidence("chexalign", "L2", "the first best and the first worst of four reports; ties are dropped")
def test_pairs_by_a_judge() -> None:
    found = ranked([0.2, 0.5, 0.5, 0.1])
    assert found is not None
    assert (found.chosen, found.rejected) == (1, 3)
    assert ranked([0.4, 0.4 + 1e-9, 0.4, 0.4]) is None


@pytest.mark.evidence("chexalign", "L2", "three findings matched and one error score 0.75; none matched scores 0")
def test_the_judge() -> None:
    reference = "There is edema. There is fibrosis. There is emphysema."
    assert FactJudge()(reference + " There is pneumothorax.", reference, None) == 0.75
    assert FactJudge()("There is pneumothorax.", reference, None) == 0.0


def test_a_judge_by_labels_looks_for_names() -> None:
    study = Study(
        id="a", patient="b",
        findings=(Finding(concept="ring_sign", status="present"), Finding(concept="star_sign", status="absent")),
    )  # fmt: skip
    judge = LabelJudge()
    assert judge("there is a ring sign.", "", study) == 1.0
    assert judge("a ring sign and a star sign", "", study) == pytest.approx(2 / 3)
    assert judge("there is a picture.", "", study) == 0.0


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("aligned")
    return write_questions(make(folder / "patients", patients=16, preset="chest", image_size=32), folder / "corpus")


@pytest.fixture(scope="module")
def begun(asked: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny report model."""
    out = tmp_path_factory.mktemp("begun") / "run"
    settings = [*QUIET, f"data={asked.root}", "method.algorithm=orpo"]
    return train("chexalign/tiny", overrides=settings, out=out).folder


FROM_RUN = ("data.sources.pairs.pairs={most: 6, longest: 12, judge: words}", "optimisation.steps=2",
            "optimisation.batch=2", "data.length=512")  # fmt: skip


@pytest.mark.evidence(
    "chexalign", "L1", "from a trained run: it samples, a judge ranks, DPO follows; saved and answers"
)
def test_the_loop_from_a_run(asked: Corpus, begun: Path, tmp_path: Path) -> None:
    settings = [*QUIET, *FROM_RUN, f"data={asked.root}", f"model.start={begun}"]
    weights = []
    for reference in ("start", "stored"):
        out = tmp_path / reference
        run = train("chexalign/from_run", overrides=[*settings, f"method.reference={reference}"], out=out)
        loaded = load_converser(run.folder)
        weights.append(loaded.method.model.state_dict())
        assert known_base(str(run.folder)) == str((begun / "last").resolve())
        rows = (run.folder / "stages" / "1-alignment" / "pairs" / "pairs.jsonl").read_text().splitlines()
        tally = json.loads((run.folder / "stages" / "1-alignment" / "pairs" / "pairs.json").read_text())
        assert tally["made"] == len(rows) > 0
        first = json.loads((run.folder / "stages" / "1-alignment" / "metrics.jsonl").read_text().splitlines()[0])
        assert first["loss"] == pytest.approx(math.log(2), abs=1e-5)
        assert first["reward_accuracy"] == 0.5
    start = load_converser(begun)
    assert loaded.tokenizer.get_vocab() == start.tokenizer.get_vocab()
    moved = [
        name for name, weight in start.method.model.state_dict().items() if not torch.equal(weight, weights[0][name])
    ]
    assert moved
    assert not any(name.startswith("vision") for name in moved)
    for name, weight in weights[0].items():
        # The same numbers, once by a copy and once read from a file of float32.
        torch.testing.assert_close(weights[1][name], weight, rtol=1e-4, atol=1e-5)


def test_the_page_tells_judge_length_and_what_was_unlearnt(asked: Corpus, begun: Path, tmp_path: Path) -> None:
    assert start_of(str(begun)) == str(begun / "stages" / "1-supervised" / "last")
    wanted = Asked(judge="words", tax=("presence",), split="train", limit=3)
    done = aligned([str(begun)], on=asked.root, out=tmp_path / "page", asked=wanted, resamples=50)
    (progress,) = done.report.progress
    assert set(progress.held_out_gain) == {"facts"}
    assert [cell.case.part for cell in done.report.tax] == ["presence"]
    assert "Preference tuning" in done.page.read_text()
    with pytest.raises(DataError, match="name it by --base"):
        start_of(str(tmp_path))


def test_what_cannot_be_started_or_compared_is_named(asked: Corpus, begun: Path, tmp_path: Path) -> None:
    settings = [*QUIET, *FROM_RUN, f"data={asked.root}"]
    with pytest.raises(CheckpointError, match="is no model of ours"):
        train("chexalign/from_run", overrides=[*settings, f"model.start={tmp_path}"], out=tmp_path / "a")
    other = [*QUIET, f"data={asked.root}", "method.algorithm=orpo", "model.vocabulary=400"]
    theirs = train("chexalign/tiny", overrides=other, out=tmp_path / "other").folder
    with pytest.raises(CheckpointError, match=r"another tokenizer \(\d+ tokens, here \d+"):
        train(
            "chexalign/from_run",
            overrides=[*settings, f"model.start={begun}", f"method.reference={theirs}"],
            out=tmp_path / "b",
        )
    with pytest.raises(ConfigError, match="this family gives none"):
        train(
            "chexalign/from_run",
            overrides=[*settings, f"model.start={begun}", "data.sources.pairs.pairs=null"],
            out=tmp_path / "c",
        )
    with pytest.raises(ConfigError, match="unknown judge 'gren'"):
        train(
            "chexalign/from_run",
            overrides=[*settings, f"model.start={begun}", "data.sources.pairs.pairs.judge=gren"],
            out=tmp_path / "d",
        )


def test_the_log_probabilities_of_a_batch_are_those_of_its_sides(tmp_path: Path) -> None:
    of, reader = method()
    made = pairs(tmp_path)
    whole = of.log_probs(ConversationBatch.of(batch(reader, made)), of.model)
    alone = [of.log_probs(ConversationBatch.of(batch(reader, [pair])), of.model).total for pair in made]
    # Rows of other lengths: sums of about 100, measured 2e-5.
    torch.testing.assert_close(whole.total, torch.cat(alone), rtol=1e-5, atol=1e-4)
