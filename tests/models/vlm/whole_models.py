"""More tiny models of transformers that answer about pictures, beside those of `tests/inference/writers.py`."""

from __future__ import annotations

from pathlib import Path

import torch
from tests.inference.writers import SIZE, SMALL, TEMPLATE, TEXT, VOCABULARY, saved, tokenizer
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessorPil,
    Gemma3Processor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessorPil,
    LlavaNextProcessor,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    PaliGemmaProcessor,
    Qwen2VLImageProcessorPil,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    SiglipImageProcessorPil,
)

from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.models.vlm.whole import WholeModel
from vesalius.models.vlm.whole_reading import WholeReader
from vesalius.tasks.grammar import grammar

HEAD = {"head_dim": 8, "layer_types": ["full_attention"] * 2}
LONG = {"max_position_embeddings": 1024}


def llava_next(folder: Path) -> None:
    """LLaVA-NeXT: an overview and tiles of the best grid, of unlike numbers for pictures of unlike shape."""
    vision = {**SMALL, "model_type": "clip_vision_model", "image_size": 16, "patch_size": 8}
    pinpoints = [[16, 32], [32, 16], [32, 32]]
    config = LlavaNextConfig(
        vision_config=vision, text_config={**TEXT, **LONG, "model_type": "llama"}, image_grid_pinpoints=pinpoints,
        image_token_index=VOCABULARY["<image>"],
    )  # fmt: skip
    LlavaNextForConditionalGeneration(config).save_pretrained(folder)
    reads = LlavaNextImageProcessorPil(size={"shortest_edge": 16}, crop_size=SIZE, image_grid_pinpoints=pinpoints)
    LlavaNextProcessor(
        reads, tokenizer(image_token="<image>"), patch_size=8, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=TEMPLATE.replace("IMAGE", "<image>"),
    ).save_pretrained(folder)  # fmt: skip


def idefics3(folder: Path) -> None:
    """Idefics3: tiles with their rows and columns named in the text."""
    config = Idefics3Config(
        vision_config={**SMALL, "image_size": 16, "patch_size": 4}, scale_factor=2,
        text_config={**TEXT, **LONG, "model_type": "llama", "vocab_size": 64}, image_token_id=VOCABULARY["<image>"],
    )  # fmt: skip
    Idefics3ForConditionalGeneration(config).save_pretrained(folder)
    reads = Idefics3ImageProcessorPil(size={"longest_edge": 32}, max_image_size={"longest_edge": 16})
    Idefics3Processor(
        reads, tokenizer(), image_seq_len=4, chat_template=TEMPLATE.replace("IMAGE", "<image>")
    ).save_pretrained(folder)


def qwen3(folder: Path) -> None:
    """Qwen3-VL, whose first layers see the picture a second time."""
    vision = {
        "depth": 2, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "patch_size": 4,
        "out_hidden_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2, "deepstack_visual_indexes": [0],
        "num_position_embeddings": 16,
    }  # fmt: skip
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 1e4}
    text = {**TEXT, **LONG, "head_dim": 8, "rope_parameters": rope}
    config = Qwen3VLConfig(
        vision_config=vision, text_config=text, image_token_id=VOCABULARY["<|image_pad|>"],
        video_token_id=VOCABULARY["<|video_pad|>"], vision_start_token_id=VOCABULARY["<|vision_start|>"],
        vision_end_token_id=VOCABULARY["<|vision_end|>"],
    )  # fmt: skip
    Qwen3VLForConditionalGeneration(config).save_pretrained(folder)
    Qwen2VLImageProcessorPil(patch_size=4, merge_size=2, min_pixels=64, max_pixels=256).save_pretrained(folder)
    tokenizer(
        TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"), image_token="<|image_pad|>",
        video_token="<|video_pad|>", vision_bos_token="<|vision_start|>", vision_eos_token="<|vision_end|>",
    ).save_pretrained(folder)  # fmt: skip


def gemma3(folder: Path) -> None:
    """Gemma 3, whose tokens of one picture see each other both ways."""
    config = Gemma3Config(
        vision_config={**SMALL, "image_size": 16, "patch_size": 4, "model_type": "siglip_vision_model"},
        text_config={**TEXT, **LONG, **HEAD, "model_type": "gemma3_text", "sliding_window": 64},
        mm_tokens_per_image=4, image_token_index=VOCABULARY["<image>"], boi_token_index=VOCABULARY["<img>"],
        eoi_token_index=VOCABULARY["</img>"],
    )  # fmt: skip
    Gemma3ForConditionalGeneration(config).save_pretrained(folder)
    words = tokenizer(image_token="<image>", boi_token="<img>", eoi_token="</img>")
    Gemma3Processor(
        Gemma3ImageProcessorPil(size=SIZE),
        words,
        image_seq_length=4,
        chat_template=TEMPLATE.replace("IMAGE", "<img>"),
    ).save_pretrained(folder)


def paligemma(folder: Path) -> None:
    """PaliGemma, which reads all of a prompt both ways and has no template."""
    config = PaliGemmaConfig(
        vision_config={**SMALL, "image_size": 16, "patch_size": 8, "model_type": "siglip_vision_model"},
        text_config={**TEXT, **LONG, "head_dim": 8, "model_type": "gemma"}, image_token_index=VOCABULARY["<image>"],
        projection_dim=16,
    )  # fmt: skip
    PaliGemmaForConditionalGeneration(config).save_pretrained(folder)
    reads = SiglipImageProcessorPil(size=SIZE)
    reads.image_seq_length = 4
    words = tokenizer(image_token="<image>")
    words.chat_template = None
    PaliGemmaProcessor(reads, words).save_pretrained(folder)


MORE = {"llava_next": llava_next, "idefics3": idefics3, "qwen3": qwen3, "gemma3": gemma3, "paligemma": paligemma}


def whole(name: str, folder: Path, **changed: object) -> tuple[WholeModel, WholeReader]:
    """Build a tiny model, save it, and open it as a base with its reader."""
    if name in MORE:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            MORE[name](folder)
    else:
        saved(name, folder)
    return opened(folder, **changed)


def opened(folder: Path, **changed: object) -> tuple[WholeModel, WholeReader]:
    """Open a folder as a base with its reader."""
    settings = VisionLanguageConfig(**{"base": f"hf:{folder}", "context": 512, **changed})  # type: ignore[arg-type]
    words = WholeModel.new_words(settings, ())
    model = WholeModel.of(settings, words).eval()
    return model, model.reader(words, context=settings.context, grammar=grammar("medrega"))
