"""What methods of preference pairs share: log-probabilities, three kinds of reference, KTO's mismatched answers."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch
from preference_batches import batch, method, pairs, visual

from vesalius.config import validate
from vesalius.errors import ConfigError, DataError
from vesalius.methods._preferring import PreferringConfig, PreferringMethod
from vesalius.methods.conversing import ConversationBatch, ConversingMethod
from vesalius.objectives.preference import kl_estimate, unpaired_loss
from vesalius.objectives.preference_settings import KTO
from vesalius.training.conversing.parts import open_stage
from vesalius.training.conversing.settings import LoraSettings, StageSettings

LORA = StageSettings(learns=(), lora=LoraSettings(rank=2, alpha=4.0))


def moved(of: PreferringMethod, given: dict, *, steps: int = 3) -> list[float]:
    """Do a few steps; return the losses."""
    learning = [weight for weight in of.parameters() if weight.requires_grad]
    optimiser = torch.optim.SGD(learning, lr=0.5)
    losses = []
    for _ in range(steps):
        loss = of.training_step(given)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def test_answers_in_packs_have_the_log_probability_that_they_have_alone(tmp_path: Path) -> None:
    of, reader = method()
    made = pairs(tmp_path)
    packed = ConversationBatch.of(batch(reader, made))
    found = of.log_probs(packed, of.model)
    for place, pair in enumerate(made):
        for side, name in enumerate(("chosen", "rejected")):
            row = reader.row(pair.side(name))  # type: ignore[arg-type]
            ids = torch.from_numpy(row.input_ids)[None]
            views = [torch.from_numpy(view) for view in row.views]
            logits = of.model(ids, views=views, layouts=row.layouts).logits[0].log_softmax(-1)
            labels = torch.from_numpy(row.labels)
            places = (labels != -100).nonzero()[:, 0]
            expected = logits[places - 1, labels[places]].sum()
            # Two forwards of other shapes: measured 4e-6 of values of about 100.
            torch.testing.assert_close(found.total[2 * place + side], expected, rtol=1e-5, atol=1e-4)
            assert found.tokens[2 * place + side] == row.learnt
    apart = of.log_probs(ConversationBatch.of(batch(reader, made, apart=True)), of.model)
    torch.testing.assert_close(apart.total, found.total, rtol=1e-5, atol=1e-4)


def test_at_the_start_rewards_are_nothing(tmp_path: Path) -> None:
    of, reader = method()
    of.begin(pairs=True, adapters_alone=False)
    for made in (pairs(tmp_path), visual(tmp_path)):
        found = of.training_step(batch(reader, made))
        assert found["loss"].item() == pytest.approx(math.log(2))
        assert found["reward_accuracy"].item() == 0.5
        assert found["margin"].item() == 0.0
        assert found["loss_sum"].item() == pytest.approx(2 * len(made) * math.log(2))
        assert found["pairs"].item() == len(made)


@pytest.mark.parametrize("algorithm", ["dpo", "ipo", "kto", "orpo", "r-dpo", "simpo"])
def test_every_algorithm_moves_the_better_answer_above_the_worse_one(algorithm: str, tmp_path: Path) -> None:
    of, reader = method(algorithm)
    of.begin(pairs=True, adapters_alone=False)
    given = batch(reader, pairs(tmp_path, 4), mismatched=algorithm == "kto")
    before = of.training_step(given)
    optimiser = torch.optim.Adam(of.parameters(), lr=3e-3)
    for _ in range(8):
        optimiser.zero_grad()
        of.training_step(given)["loss"].backward()
        optimiser.step()
    after = of.training_step(given)
    assert after["loss"] < before["loss"]
    assert after["margin"] > before["margin"]
    assert all(torch.isfinite(value) for value in after.values())


def test_a_copy_the_adapters_off_and_numbers_written_down_are_one_reference(tmp_path: Path) -> None:
    made = pairs(tmp_path)
    losses = {}
    for kind in ("copy", "adapters", "stored"):
        torch.manual_seed(3)
        of, reader = method()
        given = batch(reader, made)
        of.begin(pairs=True, adapters_alone=kind == "adapters")
        if kind == "stored":
            given["reference"] = of.reference_log_probs(ConversationBatch.of(given))
            of._frozen = ()
        open_stage(of.model, LORA)
        of.train()
        losses[kind] = moved(of, given)
    assert losses["copy"][0] == pytest.approx(math.log(2))
    assert losses["copy"][-1] < losses["copy"][0]
    assert losses["copy"] == pytest.approx(losses["adapters"], rel=1e-6)
    assert losses["copy"] == pytest.approx(losses["stored"], rel=1e-6)


def test_the_reference_stays_and_is_no_part_of_what_is_saved(tmp_path: Path) -> None:
    of, reader = method()
    names = set(of.state_dict())
    of.begin(pairs=True, adapters_alone=False)
    given = batch(reader, pairs(tmp_path))
    before = of.reference_log_probs(ConversationBatch.of(given))
    moved(of, given)
    torch.testing.assert_close(of.reference_log_probs(ConversationBatch.of(given)), before, rtol=0, atol=0)
    assert set(of.state_dict()) == names


def test_a_reference_that_is_lacking_is_an_error(tmp_path: Path) -> None:
    of, reader = method()
    given = batch(reader, pairs(tmp_path))
    with pytest.raises(ConfigError, match="dpo has no reference"):
        of.training_step(given)
    given["reference"] = torch.tensor([0.0, float("nan"), 0.0, 0.0, 0.0, 0.0])
    with pytest.raises(DataError, match="of some conversations, not of all"):
        of.training_step(given)
    free, reader = method("orpo")
    assert torch.isfinite(free.training_step(batch(reader, pairs(tmp_path)))["loss"])


def test_kto_measures_by_answers_to_other_questions(tmp_path: Path) -> None:
    """Loss by hand: both sides as single answers, z from the third conversation of each pair."""
    of, reader = method("kto", desirable_weight=1.5)
    of.begin(pairs=True, adapters_alone=False)
    given = batch(reader, pairs(tmp_path), mismatched=True)
    moved(of, given)
    packed = ConversationBatch.of(given)
    policy, reference = of.log_probs(packed, of.model), of.reference_log_probs(packed)
    kl = kl_estimate(policy.total[2::3], reference[2::3])
    single = [torch.cat([values[0::3], values[1::3]]) for values in (policy.total, policy.tokens, reference)]
    expected = unpaired_loss(
        KTO(desirable_weight=1.5), policy=type(policy)(single[0], single[1]), reference=single[2],
        desirable=torch.tensor([True] * 3 + [False] * 3), kl=kl,
    )  # fmt: skip
    found = of.training_step(given)
    torch.testing.assert_close(found["loss"], expected.loss)
    torch.testing.assert_close(found["chosen_reward"], expected.reward[:3].mean())


def test_a_stage_without_pairs_is_learnt_as_answers_are(tmp_path: Path) -> None:
    of, reader = method()
    plain = ConversingMethod(of.settings, of.model)
    given = batch(reader, pairs(tmp_path)) | {"sides": 1}
    assert of.training_step(given).keys() == plain.training_step(given).keys()
    torch.testing.assert_close(of.training_step(given)["loss"], plain.training_step(given)["loss"])


def test_dropout_is_off_where_the_adapters_are_off(tmp_path: Path) -> None:
    of, reader = method()
    of.begin(pairs=True, adapters_alone=True)
    open_stage(of.model, StageSettings(learns=(), lora=LoraSettings(rank=2, alpha=4.0, dropout=0.5)))
    of.train()
    packed = ConversationBatch.of(batch(reader, pairs(tmp_path)))
    plain = of.log_probs(packed, copy.deepcopy(of.model).eval()).total.detach()
    torch.testing.assert_close(of.reference_log_probs(packed), plain, rtol=1e-6, atol=1e-5)
    assert of.training


def test_settings_name_what_is_wrong() -> None:
    for values, told in (
        ({"algorithm": "dop"}, "did you mean 'dpo'"),
        ({"options": {"beta": 0}}, "beta must be above 0"),
        ({"algorithm": "ipo", "options": {"alpha": 1}}, "unknown key 'alpha'"),
    ):
        with pytest.raises(ConfigError, match=told):
            validate(PreferringConfig, values, where="recipe")
    assert PreferringConfig(algorithm="orpo", reference="stored").stores_reference is False
    assert PreferringConfig(reference="runs/one").reference_run == "runs/one"
