from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image
from writers import KINDS, VOCABULARY, saved

from vesalius.data.messages import Media, Message
from vesalius.inference.generate import GeneratingPredictor
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Decoding, Reply, Request

FEW = Decoding(max_tokens=6)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("writers")
    return {name: saved(name, place / name) for name in KINDS}


def opened(folder: Path) -> GeneratingPredictor:
    model = open_predictor(folder, device="cpu")
    assert isinstance(model, GeneratingPredictor)
    return model


@pytest.fixture(scope="module")
def models(folders: dict[str, Path]) -> dict[str, GeneratingPredictor]:
    return {name: opened(folder) for name, folder in folders.items()}


def picture(folder: Path, seed: int = 0) -> Media:
    path = folder / f"{seed}.png"
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 28), dtype=np.uint8)).save(path)
    return Media(path=str(path))


def volume(folder: Path, slices: int) -> Media:
    path = folder / f"volume {slices}.nii"
    values = np.random.default_rng(slices).normal(size=(14, 12, slices)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    return Media(path=str(path), kind="volume")


def ask(*parts: Any, id: str = "a", decoding: Decoding = FEW, **more: Any) -> Request:
    return Request(id=id, messages=(Message(role="user", parts=parts),), decoding=decoding, **more)


def many(folder: Path, name: str) -> list[Request]:
    """Six requests of unlike length, with one picture or two, or with none where the model has no eyes."""
    return [
        ask(
            *(() if name == "llama" else (picture(folder, place % 3),) * (1 + place % 2)),
            "what is this ?" + " left" * place,
            id=str(place),
        )
        for place in range(6)
    ]


def replies(model: Any, *requests: Request) -> dict[str, Reply]:
    return {reply.id: reply for reply in model.generate(requests)}


@pytest.mark.parametrize("name", KINDS)
def test_the_answer_is_that_of_transformers(name: str, models: dict[str, Any], tmp_path: Path) -> None:
    model = models[name]
    shown = () if name == "llama" else (picture(tmp_path),)
    request = ask(*shown, "what is this ?", decoding=Decoding(max_tokens=5))
    reply = replies(model, request)["a"]
    inputs = model.inputs([model.prompt(request)])
    with torch.inference_mode():
        out = model.module.generate(**inputs, max_new_tokens=5, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert reply.text == model.tokenizer.decode(out, skip_special_tokens=True)
    assert (reply.finish, reply.tokens_in) == ("length", inputs["input_ids"].shape[1])


@pytest.mark.parametrize("name", KINDS)
def test_a_batch_and_its_order_change_no_answer(name: str, models: dict[str, Any], tmp_path: Path) -> None:
    requests = many(tmp_path, name)
    together, back = replies(models[name], *requests), replies(models[name], *reversed(requests))
    alone = {request.id: replies(models[name], request)[request.id] for request in requests}
    texts = [
        {name: (reply.text, reply.tokens_in) for name, reply in found.items()} for found in (together, back, alone)
    ]
    assert texts[0] == texts[1] == texts[2]
    assert len({text for text, _ in texts[0].values()}) > 1


@pytest.mark.parametrize("name", KINDS)
def test_weights_of_choices_are_exact(name: str, models: dict[str, Any], tmp_path: Path) -> None:
    model = models[name]
    choices = ("A", "B", "left right", "no effusion shown")
    shown = () if name == "llama" else (picture(tmp_path),)
    requests = [ask(*shown, "is it" + " left" * n, id=str(n), choices=choices, by_likelihood=True) for n in range(2)]
    found = replies(model, *requests)
    for request in requests:
        prompt = model.inputs([model.prompt(request)])
        for choice in choices:
            said = [VOCABULARY[word] for word in choice.split()]
            longer = dict(prompt)
            longer["input_ids"] = torch.cat([prompt["input_ids"], torch.tensor([said])], dim=1)
            longer["attention_mask"] = torch.ones_like(longer["input_ids"])
            if "mm_token_type_ids" in prompt:
                longer["mm_token_type_ids"] = torch.nn.functional.pad(prompt["mm_token_type_ids"], (0, len(said)))
            with torch.inference_mode():
                rows = torch.log_softmax(model.module(**longer).logits[0].double(), dim=-1)
            start = prompt["input_ids"].shape[1] - 1
            true = sum(float(rows[start + place, token]) for place, token in enumerate(said))
            # Float32 against float64 of the softmax, and padding of the batch: 2e-6 seen.
            assert found[request.id].log_probabilities[choice] == pytest.approx(true, abs=2e-5)
        weights = found[request.id].log_probabilities
        assert found[request.id].text == max(weights, key=lambda choice: weights[choice])
        assert found[request.id].tokens == {"A": 1, "B": 1, "left right": 2, "no effusion shown": 3}


def test_choices_hold_the_answer_to_them(models: dict[str, Any], tmp_path: Path) -> None:
    reply = replies(models["llava"], ask(picture(tmp_path), "is it ?", choices=("yes", "no")))["a"]
    assert reply.text in ("yes", "no")
    assert set(reply.log_probabilities) == {"yes", "no"}


@pytest.mark.parametrize("name", ["llava", "qwen", "internvl"])
def test_each_slice_and_frame_is_shown(name: str, models: dict[str, Any], tmp_path: Path) -> None:
    model = models[name]
    one = replies(model, ask(replace(volume(tmp_path, 5), frame=2), "what ?"))["a"].tokens_in
    three, five, spread = (
        replies(model, ask(volume(tmp_path, slices), "what ?"))["a"].tokens_in for slices in (3, 5, 40)
    )
    each = (five - one) / 4
    # Of 40 slices eight are shown.
    assert each > 1
    assert (three, five, spread) == (one + 2 * each, one + 4 * each, one + 7 * each)


def test_the_pixels_change_the_answer_and_stand_in_their_order(models: dict[str, Any], tmp_path: Path) -> None:
    first, second = picture(tmp_path, 1), picture(tmp_path, 2)
    weights = [
        replies(models["qwen"], ask(*shown, "is it", choices=("A",), by_likelihood=True))["a"].log_probabilities["A"]
        for shown in ((first, second), (second, first), (first, first), (first, second))
    ]
    assert weights[0] == weights[3]
    assert len(set(weights)) == 3


def test_chance_comes_from_the_seed_alone(models: dict[str, Any], tmp_path: Path) -> None:
    def drawn(seed: int, *others: Request) -> str:
        hot = Decoding(max_tokens=8, temperature=2.0, seed=seed)
        return replies(models["llava"], *others, ask(picture(tmp_path), "what ?", decoding=hot))["a"].text

    state = torch.random.get_rng_state()
    alone = [drawn(seed) for seed in range(3)]
    assert [drawn(seed, *many(tmp_path, "llava")[:2]) for seed in range(3)] == alone
    assert len(set(alone)) == 3
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_a_checkpoint_says_of_chance_is_left_out(folders: dict[str, Path], tmp_path: Path) -> None:
    other = saved("llama", tmp_path / "other")
    settings = json.loads((other / "generation_config.json").read_text())
    settings |= {"do_sample": True, "temperature": 5.0, "repetition_penalty": 3.0, "max_length": 4}
    (other / "generation_config.json").write_text(json.dumps(settings))
    texts = [replies(opened(folder), ask("what is this ?"))["a"].text for folder in (folders["llama"], other)]
    assert texts[0] == texts[1] != ""


def test_an_answer_ends_at_a_stop_and_at_the_end_token(models: dict[str, Any]) -> None:
    model = models["llama"]
    whole = replies(model, ask("what is this ?"))["a"].text.split()
    cut = replies(model, ask("what is this ?", decoding=replace(FEW, stop=("nowhere", whole[2]))))["a"]
    assert cut.text.split() == whole[: whole.index(whole[2])]
    assert cut.finish == "stop"
    inputs = model.inputs([model.prompt(ask("what is this ?"))])
    token = int(model.module.generate(**inputs, max_new_tokens=2)[0, -1])
    ends = model.module.generation_config
    ends.eos_token_id, before = [2, token], ends.eos_token_id
    try:
        ended = replies(model, ask("what is this ?"))["a"]
    finally:
        ends.eos_token_id = before
    assert (ended.text, ended.finish, ended.tokens_out) == (whole[0], "stop", 1)


def test_what_cannot_be_answered_is_said_and_leaves_the_others(models: dict[str, Any], tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    requests = [
        ask(picture(tmp_path), "what ?", id="good"),
        ask(picture(tmp_path), Media(path=str(broken)), id="broken"),
        ask(picture(tmp_path), "left " * 200, id="long"),
        ask(picture(tmp_path), "what ?", id="nothing", choices=("A", ""), by_likelihood=True),
    ]
    found = replies(models["llava"], *requests)
    assert {name: reply.error for name, reply in found.items()} == {
        "good": "",
        "broken": "image 2 of the request cannot be read",
        # 200 words, 4 patches, user, the full stop and assistant.
        "long": "the question takes 207 tokens and the model 96 with its answer; nothing is cut off",
        "nothing": "a choice has no token of this model",
    }
    blind = replies(models["llama"], ask(picture(tmp_path), "what ?"))["a"]
    assert blind.error == "this model reads words alone, and the request shows something"


def test_a_template_that_refuses_a_conversation_is_named(folders: dict[str, Path]) -> None:
    model = opened(folders["llama"])
    model.tokenizer.chat_template = "{{ raise_exception('no system message') }}"
    reply = replies(model, ask("what ?"))["a"]
    assert reply.error == "the model's chat template refuses this conversation: no system message"


def test_without_a_template_the_words_alone_are_read(folders: dict[str, Path]) -> None:
    model = opened(folders["llama"])
    model.tokenizer.chat_template = None
    assert replies(model, ask("what is this ?"))["a"].tokens_in == 4


def test_too_little_memory_makes_the_batches_smaller(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(folders["llama"])
    expected = replies(model, *many(tmp_path, "llama"))
    write, sizes = model.module.generate, []

    def scarce(**inputs: Any) -> Any:
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("made by the test")
        return write(**inputs)

    monkeypatch.setattr(model.module, "generate", scarce)
    found = replies(model, *many(tmp_path, "llama"))
    assert {name: reply.text for name, reply in found.items()} == {
        name: reply.text for name, reply in expected.items()
    }
    assert sizes == [6, 3, 1, 2, 3, 1, 2]
    assert model.batch == 1


def test_a_model_that_fails_on_one_item_fails_on_that_item(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(folders["llama"])
    write = model.module.generate

    def picky(**inputs: Any) -> Any:
        # The request with three more words has 10 tokens.
        if 10 in inputs["attention_mask"].sum(dim=1).tolist():
            raise RuntimeError("made by the test, with a piece of a record")
        return write(**inputs)

    monkeypatch.setattr(model.module, "generate", picky)
    found = replies(model, *many(tmp_path, "llama"))
    assert [reply.id for reply in found.values() if reply.finish == "error"] == ["3"]
    assert found["3"].error == "the model failed (RuntimeError)"
    assert len(found) == 6


def test_an_endless_series_is_taken_a_few_batches_at_a_time(models: dict[str, Any]) -> None:
    taken = 0

    def endless() -> Iterator[Request]:
        nonlocal taken
        for place in itertools.count():
            taken += 1
            yield ask("what ?", id=str(place))

    assert len(list(itertools.islice(models["llama"].generate(endless()), 10))) == 10
    assert taken <= 4 * models["llama"].batch


def test_the_passport_names_weights_template_and_preprocessing(models: dict[str, Any]) -> None:
    identity = models["qwen"].identity
    assert (identity["kind"], identity["architecture"]) == ("huggingface", "Qwen2_5_VLForConditionalGeneration")
    assert len(identity["weights_sha256"]) == len(identity["chat_template_sha256"]) == 64
    assert identity["preprocessing"]["planes"] == 8
    assert identity["preprocessing"]["image"]["patch_size"] == 4
    assert models["llama"].identity["weights_sha256"] != identity["weights_sha256"]
