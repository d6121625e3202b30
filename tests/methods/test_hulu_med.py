"""Hulu-Med: slices apart, maps merged, tokens that repeat left out, pictures first; one model for every medium."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media, Message
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.corpus_questions import CorpusQuestions
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Decoding, Request
from vesalius.methods.hulu_med import HuluMed, HuluMedConfig, build
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.models.vlm.reading import IGNORED, ConversationReader
from vesalius.models.vlm.reduction import ReductionConfig
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.models.vlm.tokenizer import image_token_of, train_chat_tokenizer
from vesalius.models.vlm.view_settings import ClipViews, PictureViews, ViewSettings, VolumeViews
from vesalius.tasks.grammar import grammar
from vesalius.training.conversing.stages import stage_folders
from vesalius.training.recipe import ConversationRecipe, open_recipe
from vesalius.training.trainer import train
from vesalius.virtual.files import encode_nifti
from vesalius.virtual.population import make
from vesalius.virtual.questions.ask import write_questions

# Views of 16 × 16 pixels are 4 × 4 patches of 4, merged to 2 × 2 tokens.
WORDS = ("Is there a lesion?", "Yes, a lesion of the liver.", "No, there is none.")
VIEWS = ViewSettings(
    channels=1, factor=8, min_pixels=256, max_pixels=256, picture=PictureViews(policy="native"),
    volume=VolumeViews(plane="native", slices=None, every_mm=1.0, windows=((0.0, 1000.0),)),
    clip=ClipViews(plane="native", frames=4),
)  # fmt: skip
CONNECTOR = ConnectorConfig(kind="mlp", merge=2, merge_by="mean", whole_pictures=True)


def made(**changed: object) -> tuple[VisionLanguageModel, ConversationReader]:
    values: dict[str, Any] = {
        "vision": "vit", "vision_width": 16, "vision_depth": 2, "vision_heads": 2, "patch": 4, "language_width": 32,
        "language_depth": 2, "language_heads": 2, "vocabulary": 300, "context": 400, "connector": CONNECTOR,
        "views": VIEWS, "reduction": ReductionConfig(),
    }  # fmt: skip
    settings = VisionLanguageConfig(**{**values, **changed})
    tokenizer = train_chat_tokenizer(WORDS, vocabulary=300)
    torch.manual_seed(0)
    model = VisionLanguageModel.build(settings, tokenizer=tokenizer, image_token=image_token_of(tokenizer)).eval()
    return model, model.reader(tokenizer, context=400, grammar=grammar("medrega"))


def volume(folder: Path, values: NDArray[Any], *, name: str = "volume") -> Media:
    path = folder / f"{name}.nii.gz"
    path.write_bytes(encode_nifti(values.astype(np.int16), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)))
    return Media(path=str(path), kind="volume")


def picture(folder: Path) -> Media:
    path = folder / "picture.png"
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (16, 16), dtype=np.uint8)).save(path)
    return Media(path=str(path))


def clip(folder: Path) -> Media:
    path = folder / "clip.tiff"
    pages = [Image.fromarray(one) for one in np.random.default_rng(4).integers(0, 256, (6, 16, 16), dtype=np.uint8)]
    pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:])
    return Media(path=str(path), kind="video")


def asked(*media: Media, answer: str = WORDS[1], name: str = "one") -> Conversation:
    messages = (Message(role="user", parts=(*media, WORDS[0])), Message(role="assistant", parts=(answer,)))
    return Conversation(id=name, messages=messages)


def noise(slices: int, *, seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(0, 1000, (slices, 16, 16)).astype(np.int16)


@pytest.mark.evidence("hulu-med", "L2", "a volume is encoded as each of its slices alone, in their order")
def test_slices_do_not_see_each_other(tmp_path: Path) -> None:
    model, reader = made(reduction=None)
    whole = reader.row(asked(volume(tmp_path, noise(5))))
    views, layout = torch.from_numpy(whole.views[0]), whole.layouts[0]
    with torch.no_grad():
        together = model.media_tokens([views], [layout])[0]
        alone = [replace(layout, views=1, positions=()) for _ in views]
        apart = torch.cat(model.media_tokens([view[None] for view in views], alone))
        order = torch.tensor([3, 0, 4, 2, 1])
        permuted = model.media_tokens([views[order]], [layout])[0]
    # The batch is cut otherwise: sums of float32 in another order, worst seen 3e-7.
    torch.testing.assert_close(together, apart, rtol=0, atol=2e-6)
    torch.testing.assert_close(permuted, together.view(5, 4, -1)[order].flatten(0, 1), rtol=0, atol=2e-6)


@pytest.mark.evidence(
    "hulu-med", "L2", "half the size by bilinear resizing is the mean of four patches; pictures stay"
)
def test_maps_of_volumes_are_halved_and_pictures_are_not(tmp_path: Path) -> None:
    model, reader = made(reduction=None)
    row = reader.row(asked(volume(tmp_path, noise(3)), picture(tmp_path)))
    views = [torch.from_numpy(one) for one in row.views]
    with torch.no_grad():
        found = model.media_tokens(views, row.layouts)
        maps = model.vision(views[0]).tokens.transpose(1, 2).unflatten(2, (4, 4))
        halved = functional.interpolate(maps, scale_factor=0.5, mode="bilinear").flatten(2).transpose(1, 2)
        plain = model.vision(views[1]).tokens
    torch.testing.assert_close(found[0], model.connector.layers(halved).flatten(0, 1), rtol=0, atol=2e-6)
    torch.testing.assert_close(found[1], model.connector.layers(plain[0]), rtol=0, atol=2e-6)
    assert [len(one) for one in found] == [3 * 4, 16]


def kept(folder: Path, values: NDArray[Any], reduction: ReductionConfig) -> int:
    """Image tokens that a volume takes in a prompt."""
    _, reader = made(reduction=reduction)
    row = reader.row(asked(volume(folder, values)))
    return int((row.input_ids == image_token_of(reader.tokenizer)).sum())


@pytest.mark.evidence(
    "hulu-med", "L2", "equal slices leave one token each, and thresholds at the ends all or the least"
)
def test_tokens_of_volumes_by_hand(tmp_path: Path) -> None:
    still = np.repeat(noise(1), 6, axis=0)
    assert kept(tmp_path, still, ReductionConfig()) == 4 + 5
    assert kept(tmp_path, still[:1], ReductionConfig()) == 4  # one slice is not reduced
    assert kept(tmp_path, noise(6), ReductionConfig(threshold=-1.0)) == 24
    assert kept(tmp_path, noise(6), ReductionConfig(threshold=1e6)) == 4 + 5
    changed = np.repeat(noise(1), 2, axis=0).astype(np.float64) * 0.5
    changed[1, 8:, 8:] += 150  # of a window of 1000, and divided by .5: .3
    assert kept(tmp_path, changed, ReductionConfig()) == 4 + 1
    assert kept(tmp_path, changed, ReductionConfig(unprotected=True)) == 1 + 1  # as released


@pytest.mark.evidence("hulu-med", "L2", "positions are 0 to n - 1 after tokens left, and labels are the answer's")
def test_what_is_left_is_numbered_anew_and_labels_stay_with_the_text(tmp_path: Path) -> None:
    model, reader = made()
    media = volume(tmp_path, np.repeat(noise(1), 6, axis=0))
    row = reader.row(asked(media))
    learnt = row.labels != IGNORED
    assert reader.tokenizer.decode(row.labels[learnt], skip_special_tokens=True).strip() == WORDS[1]
    views = [torch.from_numpy(one) for one in row.views]
    ids, labels = torch.from_numpy(row.input_ids)[None], torch.from_numpy(row.labels)[None]
    with torch.no_grad():
        found = model.answer_logits(
            ids, labels, segments=torch.ones_like(ids), positions=torch.arange(ids.shape[1])[None], views=views,
            layouts=row.layouts,
        ).logits  # fmt: skip
        plain = model(ids, views=views, layouts=row.layouts).logits[0, :-1][learnt[1:]]
    torch.testing.assert_close(found, plain, rtol=0, atol=2e-6)
    assert len(found) == learnt.sum()


@pytest.mark.evidence("hulu-med", "L1", "the same weights read text, pictures, volumes and clips")
def test_one_model_for_every_medium(tmp_path: Path) -> None:
    model, reader = made()
    shown = (picture(tmp_path), volume(tmp_path, noise(5)), clip(tmp_path))
    for media in ((), *((one,) for one in shown), shown):
        row = reader.row(asked(*media))
        with torch.no_grad():
            logits = model(
                torch.from_numpy(row.input_ids)[None],
                views=[torch.from_numpy(one) for one in row.views],
                layouts=row.layouts,
            ).logits
        assert logits.shape[:2] == (1, len(row.input_ids))
        assert torch.isfinite(logits).all()


@pytest.mark.evidence("hulu-med", "L2", "where a finding spans few slices, more than half of the tokens leave")
def test_toy_volumes_need_less_than_half_of_their_tokens(tmp_path: Path) -> None:
    values = np.repeat(noise(1), 16, axis=0).astype(np.float64) * 0.5
    values += np.random.default_rng(1).normal(0, 20, values.shape)  # noise of a CT: .04 of the threshold's .1
    values[6:9, 4:12, 4:12] += 400
    full, fewer = (kept(tmp_path, values, ReductionConfig(threshold=one)) for one in (-1.0, 0.1))
    assert full == 64
    # Slice 0, one of each other, and what changes in slices 6 and 9: a quarter of all four tokens.
    assert fewer == 4 + 15 + 2 * 3


@pytest.mark.parametrize("stage", ["align", "instruct"])
def test_stages_named_flat_show_single_slices(tmp_path: Path, stage: str) -> None:
    model, _ = made()
    method: HuluMed = build(HuluMedConfig(flat=("align",)), model)
    method.enter(stage)
    media = (picture(tmp_path), volume(tmp_path, noise(5)), clip(tmp_path), volume(tmp_path, noise(5)))
    frames = {
        tuple(one.frame for one in method.rewrite(asked(*media), np.random.default_rng(seed)).media)
        for seed in range(40)
    }
    if stage == "instruct":
        assert frames == {(None,) * 4}
        return
    assert {found[0] for found in frames} == {None}
    assert [{found[place] for found in frames} for place in (1, 2)] == [set(range(5)), set(range(6))]


@pytest.mark.evidence("hulu-med", "L1", "a run learns from pictures, volumes and clips in three stages and answers")
def test_a_run_on_all_media_from_rows_to_answers(tmp_path: Path) -> None:
    media = {"image": picture(tmp_path), "volume": volume(tmp_path, noise(5)), "video": clip(tmp_path)}
    keys = {"image": "images", "volume": "volumes", "video": "videos"}
    with (tmp_path / "rows.jsonl").open("w") as file:
        for number in range(12):
            kind = list(media)[number % 3]
            turns = [
                {"role": "user", "content": f"<{kind}>{WORDS[0]}"},
                {"role": "assistant", "content": WORDS[1 + number % 2]},
            ]
            file.write(json.dumps({"messages": turns, keys[kind]: [Path(media[kind].path).name]}) + "\n")
    rows = f"{{family: '', path: {tmp_path / 'rows.jsonl'}}}"
    settings = [f"data.sources.{name}={rows}" for name in ("short", "long", "vqa")]
    recipe = open_recipe("hulu_med/tiny", overrides=[*settings, "data.validation=null", "run.report_to=[]"])
    assert isinstance(recipe, ConversationRecipe)
    run = train(recipe, out=tmp_path / "run")
    moved = {
        stage: {part for part, counts in json.loads((folder / "stage.json").read_text())["weights"].items()
                if counts["moved"]}
        for stage, folder in stage_folders(run.folder, list(recipe.stages)).items()
    }  # fmt: skip
    assert moved == {
        "align": {"vision", "connector"}, "pretrain": {"vision", "connector", "language"},
        "instruct": {"vision", "connector", "language"},
    }  # fmt: skip
    model = open_predictor(run.folder, device="cpu")
    for kind, one in media.items():
        question = Message(role="user", parts=(one, WORDS[0]))
        reply = next(iter(model.generate([Request(id=kind, messages=(question,), decoding=Decoding(max_tokens=4))])))
        assert reply.finish in ("stop", "length"), reply.error


@pytest.mark.evidence(
    "hulu-med", "L1", "real CT and MR volumes and frames of endoscopy are read, reduced and answered"
)
@pytest.mark.real
def test_real_volumes_and_frames(real_data: Path, tmp_path: Path) -> None:
    shown = [
        Media(path=str(real_data / "volumes" / "ct-body" / "example_ct_sm.nii.gz"), kind="volume"),
        Media(path=str(real_data / "volumes" / "mr-tumour" / "brain1_image.nii.gz"), kind="volume"),
        Media(path=str(next(iter(sorted((real_data / "endoscopy-polyps" / "images").iterdir()))))),
    ]
    with (tmp_path / "rows.jsonl").open("w") as file:
        for number, media in enumerate(shown * 2):
            turns = [
                {"role": "user", "content": f"<{media.kind}>What is shown?"},
                {"role": "assistant", "content": ("A CT.", "An MR.", "An endoscopy.")[number % 3]},
            ]
            file.write(json.dumps({"messages": turns, f"{media.kind}s": [media.path]}) + "\n")
    rows = f"{{family: '', path: {tmp_path / 'rows.jsonl'}}}"
    settings = [f"data.sources.{name}={rows}" for name in ("short", "long", "vqa")]
    run = train(
        "hulu_med/tiny", overrides=[*settings, "data.validation=null", "run.report_to=[]"], out=tmp_path / "run"
    )
    model = open_predictor(run.folder, device="cpu")
    for media in shown:
        question = Message(role="user", parts=(media, "What is shown?"))
        reply = next(iter(model.generate([Request(id="r", messages=(question,), decoding=Decoding(max_tokens=4))])))
        assert reply.finish in ("stop", "length"), reply.error


@pytest.mark.slow
@pytest.mark.evidence("hulu-med", "L1", "virtual CT volumes and surgical clips are trained on and asked about")
@pytest.mark.parametrize(("preset", "size"), [("abdomen-ct", 32), ("surgery", 64)])
def test_presets_of_volumes_and_clips_from_corpus_to_scores(preset: str, size: int, tmp_path: Path) -> None:
    made = make(tmp_path / "patients", patients=12, preset=preset, image_size=size, workers=1)
    corpus = write_questions(made, tmp_path / "corpus")
    settings = [f"data={corpus.root}", "data.sources.vqa.family=vqa", "data.validation=null", "run.report_to=[]"]
    run = train("hulu_med/tiny", overrides=settings, out=tmp_path / "run")
    found = answer_benchmark(
        run.folder / "last", on=CorpusQuestions(corpus, asked={"vqa": ("vqa", "en")}), data=corpus.root,
        out=tmp_path / "asked", controls=False, resamples=20, report=False, limit=4,
    )  # fmt: skip
    assert {row["metric"] for row in found.scores} >= {"accuracy"}
