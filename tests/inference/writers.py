"""Tiny models that write, built from config with random weights and saved as the hub's folders are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    CLIPImageProcessorPil,
    GotOcr2ImageProcessorPil,
    InternVLConfig,
    InternVLForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
)

SPECIAL = [
    "<pad>", "<s>", "</s>", "<unk>", "<image>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>",
    "<|vision_end|>", "<IMG_CONTEXT>", "<img>", "</img>", "<video>",
]  # fmt: skip
WORDS = [
    "yes",
    "no",
    "what",
    "is",
    "it",
    "this",
    "shown",
    "the",
    "left",
    "right",
    "effusion",
    "normal",
    "A",
    "B",
    "C",
]
WORDS += ["D", ".", "?", "user", "assistant", "system"]
VOCABULARY = {word: number for number, word in enumerate(SPECIAL + WORDS)}
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} {% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}"
    "{% endif %}{% endfor %}{% endif %} . {% endfor %}{% if add_generation_prompt %}assistant {% endif %}"
)
SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
TEXT = {
    **SMALL, "num_key_value_heads": 2, "vocab_size": len(VOCABULARY), "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": 0, "initializer_range": 0.5,
}  # fmt: skip
SIZE = {"height": 16, "width": 16}


def tokenizer(template: str = TEMPLATE, **special: str) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, models, pre_tokenizers

    backend = Tokenizer(models.WordLevel(VOCABULARY, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        extra_special_tokens=special,
    )  # fmt: skip
    made.chat_template = template
    return made


def llava(folder: Path) -> None:
    """LLaVA: 4 patches of CLIP a picture, in a processor that is saved whole."""
    vision = {**SMALL, "model_type": "clip_vision_model", "image_size": 16, "patch_size": 8}
    text = {**TEXT, "model_type": "llama", "max_position_embeddings": 96}
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=VOCABULARY["<image>"])
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    LlavaProcessor(
        CLIPImageProcessorPil(size=SIZE, crop_size=SIZE), tokenizer(image_token="<image>"), patch_size=8,
        vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=TEMPLATE.replace("IMAGE", "<image>"),
    ).save_pretrained(folder)  # fmt: skip


def qwen(folder: Path) -> None:
    """Qwen2.5-VL, whose processor has a part for videos that is not there."""
    vision: dict[str, Any] = {
        "depth": 2, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "patch_size": 4,
        "out_hidden_size": 16, "spatial_merge_size": 2, "window_size": 16, "fullatt_block_indexes": [1],
        "temporal_patch_size": 2,
    }  # fmt: skip
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
    config = Qwen2_5_VLConfig(
        vision_config=vision, text_config={**TEXT, "max_position_embeddings": 256, "rope_parameters": rope},
        image_token_id=VOCABULARY["<|image_pad|>"], video_token_id=VOCABULARY["<|video_pad|>"],
        vision_start_token_id=VOCABULARY["<|vision_start|>"], vision_end_token_id=VOCABULARY["<|vision_end|>"],
    )  # fmt: skip
    Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder)
    Qwen2VLImageProcessorPil(patch_size=4, merge_size=2, min_pixels=64, max_pixels=256).save_pretrained(folder)
    shown = TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    tokenizer(shown, image_token="<|image_pad|>", video_token="<|video_pad|>").save_pretrained(folder)


def internvl(folder: Path) -> None:
    """InternVL, whose processor has a part for videos and cuts a picture into tiles."""
    vision = {**SMALL, "image_size": [16, 16], "patch_size": [4, 4]}
    config = InternVLConfig(
        vision_config=vision, text_config={**TEXT, "model_type": "qwen2", "max_position_embeddings": 8192},
        image_token_id=VOCABULARY["<IMG_CONTEXT>"], image_seq_length=4,
    )  # fmt: skip
    InternVLForConditionalGeneration(config).save_pretrained(folder)
    GotOcr2ImageProcessorPil(size=SIZE, crop_to_patches=False).save_pretrained(folder)
    (folder / "processor_config.json").write_text(
        '{"processor_class": "InternVLProcessor", "image_seq_length": 4}', encoding="utf-8"
    )
    tokenizer(
        TEMPLATE.replace("IMAGE", "<IMG_CONTEXT>"), start_image_token="<img>", end_image_token="</img>",
        context_image_token="<IMG_CONTEXT>", video_token="<video>",
    ).save_pretrained(folder)  # fmt: skip


def llama(folder: Path) -> None:
    """A language model without eyes."""
    LlamaForCausalLM(LlamaConfig(**TEXT, max_position_embeddings=64)).save_pretrained(folder)
    tokenizer().save_pretrained(folder)


KINDS = {"llava": llava, "qwen": qwen, "internvl": internvl, "llama": llama}


def saved(name: str, folder: Path) -> Path:
    """Build a model with weights of a fixed seed, 25 times as wide as is usual so that answers differ, and save."""
    with torch.random.fork_rng(devices=[]):
        # With seed 0 LLaVA finds two words 5e-6 apart, which is how differently two sizes of a batch are rounded.
        torch.manual_seed(1)
        KINDS[name](folder)
    return folder
