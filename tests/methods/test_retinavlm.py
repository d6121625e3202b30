"""RetinaVLM: the connector alone learns, tokens are places, and a sentence's gradient tells where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, Message
from vesalius.errors import DataError
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.arms import BUDGETS, experiments, paper_of
from vesalius.evaluation.described_choice import Choice, DescribedChoice
from vesalius.evaluation.plants import plant
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Decoding, Request
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.connectors import build_connector
from vesalius.models.vlm.connectors.base import Seen
from vesalius.models.vlm.model import IGNORED, VisionLanguageModel
from vesalius.models.vlm.saliency import answer_saliency
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.models.vlm.tokenizer import image_token_of, train_chat_tokenizer
from vesalius.models.vlm.view_settings import ViewSettings
from vesalius.models.vlm.views import Layout
from vesalius.tasks.instructions.families.macular import STAGES, macular_stage
from vesalius.training.conversing.stages import stage_folders
from vesalius.training.recipe import ConversationRecipe, open_recipe
from vesalius.training.trainer import train
from vesalius.virtual.population import make

PICTURE = Layout(kind="image", views=1, size=(24, 24))


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Virtual tomograms, most of them with degeneration of the macula."""
    changes = ("prevalence.age_related_macular_degeneration=0.7",)
    folder = tmp_path_factory.mktemp("scans") / "corpus"
    return make(folder, patients=24, preset="oct", image_size=32, settings=changes, workers=1)


def model_and_ids() -> tuple[VisionLanguageModel, torch.Tensor]:
    settings = VisionLanguageConfig(
        vision="vit", vision_width=16, vision_depth=1, vision_heads=2, patch=4, language_width=32, language_depth=1,
        language_heads=1, vocabulary=300, context=128, connector=ConnectorConfig(kind="linear"),
        views=ViewSettings(size=24, channels=1),
    )  # fmt: skip
    words = train_chat_tokenizer(["There is fluid under the retina."], vocabulary=300)
    torch.manual_seed(0)
    model = VisionLanguageModel.build(settings, tokenizer=words, image_token=image_token_of(words)).eval()
    text = words("There is fluid under the retina.")["input_ids"]
    return model.double(), torch.tensor([[model.image_token] * 36 + text])


@pytest.mark.evidence(
    "retinavlm", "L2", "36 tokens of a map of 6 × 6, each a place; the release's mixing is an option"
)
def test_tokens_are_places_unless_the_release_is_asked_for() -> None:
    tokens = torch.arange(36.0 * 3, dtype=torch.float64).view(1, 36, 3)
    seen = [Seen(tokens, (6, 6), PICTURE)]
    for unpermuted in (False, True):
        settings = ConnectorConfig(kind="linear", unpermuted=unpermuted)
        connector = build_connector(settings, vision_width=3, language_width=3).double()
        with torch.no_grad():
            connector.layers.weight.copy_(torch.eye(3))
            connector.layers.bias.zero_()
        # The map (F, 6, 6) read as (36, F) by a plain reshape: token 0 holds places 0 to 2 of channel 0.
        expected = tokens[0].T.reshape(36, 3) if unpermuted else tokens[0]
        torch.testing.assert_close(connector(seen)[0], expected)
        if unpermuted:
            assert connector(seen)[0][0].tolist() == [0.0, 3.0, 6.0]


@pytest.mark.evidence("retinavlm", "L2", "the gradient of a sentence by the map says what a small change does")
def test_the_map_is_the_gradient_of_the_sentence() -> None:
    model, ids = model_and_ids()
    labels = torch.full_like(ids, IGNORED)
    labels[:, 38:41] = ids[:, 38:41]
    view = torch.randn(1, 1, 24, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = answer_saliency(model, ids, labels, view=view, layout=PICTURE)
    assert found.shape == (1, 6, 6)
    encoding = model.vision(view)

    def log_prob(tokens: torch.Tensor) -> float:
        media = model.connector([Seen(tokens, encoding.grid, PICTURE)])
        out = model.answer_logits(
            ids, labels, segments=torch.ones_like(ids), positions=torch.arange(ids.shape[1])[None], views=[view],
            layouts=[PICTURE], media=media,
        )  # fmt: skip
        return float(out.logits.float().log_softmax(-1).gather(1, out.targets[:, None]).sum())

    step = 1e-3
    with torch.no_grad():
        for place in (0, 7, 35):
            slopes = []
            for channel in range(16):
                moved = [encoding.tokens.clone() for _ in range(2)]
                moved[0][0, place, channel] += step
                moved[1][0, place, channel] -= step
                slopes.append((log_prob(moved[0]) - log_prob(moved[1])) / (2 * step))
            # Logits are compared in float32, whose steps over 2e-3 are below 1e-3.
            assert float(found.flatten()[place]) == pytest.approx(float(np.linalg.norm(slopes)), abs=3e-3, rel=0.02)


def test_a_map_needs_a_sentence_and_all_tokens() -> None:
    model, ids = model_and_ids()
    view = torch.zeros(1, 1, 24, 24, dtype=torch.float64)
    with pytest.raises(DataError, match="labels are all -100"):
        answer_saliency(model, ids, torch.full_like(ids, IGNORED), view=view, layout=PICTURE)
    fewer = Layout(kind="volume", views=1, size=(24, 24), kept=np.ones((1, 36), bool))
    with pytest.raises(DataError, match="were reduced"):
        answer_saliency(model, ids, ids, view=view, layout=fewer)


@pytest.mark.evidence(
    "retinavlm", "L1", "in both parts of the curriculum the connector alone learns, and the run answers"
)
def test_the_connector_alone_learns(scans: Corpus, tmp_path: Path) -> None:
    recipe = open_recipe("retinavlm/tiny", overrides=[f"data={scans.root}", "run.report_to=[]"])
    assert isinstance(recipe, ConversationRecipe)
    run = train(recipe, out=tmp_path / "run")
    folders = stage_folders(run.folder, list(recipe.stages))
    weights = {name: load_file(folder / "last" / "model.safetensors") for name, folder in folders.items()}
    for before, after in (("foundation", "introduction"), ("introduction", "advanced")):
        moved = json.loads((folders[after] / "stage.json").read_text())["weights"]
        assert {part for part, counts in moved.items() if counts["moved"]} == {"connector"}
        frozen = [name for name in weights[after] if not name.startswith("connector.")]
        assert all(torch.equal(weights[before][name], weights[after][name]) for name in frozen)
    model = open_predictor(run.folder, device="cpu")
    media = Media(path=str(scans.path(scans[0].images[0].path)))
    request = Request(
        id="one",
        messages=(Message(role="user", parts=(media, "Describe the scan.")),),
        decoding=Decoding(max_tokens=4),
    )
    reply = next(iter(model.generate([request])))
    assert reply.finish in ("stop", "length"), reply.error
    choice = Choice(
        describe="Describe it.", question="Which stage?", options=STAGES, preamble="It is", truth=macular_stage
    )
    bench = DescribedChoice(scans, choices={"staging": choice})
    found = answer_benchmark(
        model, on=bench, data=scans.root, out=tmp_path / "asked", controls=False, resamples=20, report=False, limit=2
    )
    assert {row["metric"] for row in found.scores} >= {"accuracy"}


def test_claims_have_arms_of_equal_length() -> None:
    found = experiments(paper_of("retinavlm"), budget=BUDGETS["small"])
    assert [one.name for one in found] == ["both-parts", "both-parts-control", "guidelines", "guidelines-control"]


def test_planted_stages_are_what_reports_and_findings_say(scans: Corpus, tmp_path: Path) -> None:
    staged = plant(scans, tmp_path / "staged", name="staged_signs")
    assert {macular_stage(study) for study in staged} <= set(STAGES)
    for study in staged:
        assert study.text("findings") == f"The macula is {macular_stage(study)}."
