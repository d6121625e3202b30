"""Packed instruction tuning beside TRL's SFTTrainer: useful tokens a second on one tiny LLaVA and one set of rows.

TRL refuses to pack rows with pictures, so that its batches are padded. The lengths of the answers are log-normal.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from measure import save, spread

ROUNDS = 3
STEPS, WARM = 12, 3
CONVERSATIONS = 600
PADDED_ROWS = 8
"""Conversations of TRL's batch."""
PACKED_ROWS = 2
"""Rows of 1024 tokens of our batch: about as many tokens as TRL's batch has places."""
WORDS = (
    "the", "heart", "is", "of", "normal", "size", "and", "there", "small", "effusion", "on", "left", "right", "no",
    "yes", "clear", "lungs", "with", "lines",
)  # fmt: skip


def main() -> None:
    """Measure and write the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder)
        write_model(folder / "model")
        rounds: dict[str, list[dict[str, float]]] = {"ours": [], "trl": []}
        for number in range(ROUNDS):
            for side in ("ours", "trl") if number % 2 == 0 else ("trl", "ours"):
                rounds[side].append(one_round(side, folder))
    figures: dict[str, Any] = {
        side: {key: spread([one[key] for one in found]) for key in found[0]} for side, found in rounds.items()
    }
    rates = [figures[side]["useful_tokens_per_second"]["median"] for side in ("ours", "trl")]
    figures |= {"times": rates[0] / rates[1], "target": 1.5, "conversations": CONVERSATIONS}
    print(json.dumps(figures, indent=2))
    print(save("instruction", figures))


def one_round(side: str, folder: Path) -> dict[str, float]:
    """Train some steps in a process of its own."""
    rows = PACKED_ROWS if side == "ours" else PADDED_ROWS
    command = [sys.executable, str(Path(__file__).with_name("_instruction_worker.py")), side, str(folder), str(STEPS)]
    done = subprocess.run([*command, str(WARM), str(rows)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{side}: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def write_rows(folder: Path) -> None:
    """Write conversations about pictures in both forms, lengths of answers log-normal with a median of 40 words."""
    rng = np.random.default_rng(0)
    with (folder / "rows.jsonl").open("w") as plain, (folder / "ours.jsonl").open("w") as own:
        for number in range(CONVERSATIONS):
            path = folder / f"{number}.png"
            Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
            words = int(np.clip(rng.lognormal(np.log(40), 0.9), 2, 700))
            answer = " ".join(rng.choice(WORDS, size=words))
            plain.write(json.dumps({"image": str(path), "question": "What is seen?", "answer": answer}) + "\n")
            user = {"role": "user", "content": [{"type": "image", "image": str(path)}, "What is seen?"]}
            user["content"] = [user["content"][0], {"type": "text", "text": "What is seen?"}]
            turns = [user, {"role": "assistant", "content": answer}]
            own.write(json.dumps({"id": str(number), "messages": turns}) + "\n")


def write_model(folder: Path) -> None:
    """Write a LLaVA of a few million random weights with its processor."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    known = [
        "<pad>",
        "<unk>",
        "<s>",
        "</s>",
        "<image>",
        "USER:",
        "ASSISTANT:",
        "What",
        "seen?",
        *dict.fromkeys(WORDS),
    ]
    numbers = {word: place for place, word in enumerate([*known, *(f"w{spare}" for spare in range(4000))])}
    words = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip
    template = (
        "{% for message in messages %}{% if message.role == 'user' %}USER: {% else %}ASSISTANT: {% endif %}"
        "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
        "{% if part.type == 'image' %}<image> {% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}"
        "{% if message.role == 'assistant' %} </s> {% else %} {% endif %}{% endfor %}"
        "{% if add_generation_prompt %}ASSISTANT: {% endif %}"
    )
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2, image_size=64,
            patch_size=8, projection_dim=64,
        ),
        text_config=LlamaConfig(
            hidden_size=256, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4,
            num_key_value_heads=4, vocab_size=len(numbers), max_position_embeddings=2048,
        ),
        image_token_index=numbers["<image>"],
        image_seq_length=64,
    )  # fmt: skip
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"height": 64, "width": 64}, do_center_crop=False),
        tokenizer=tokenizer, patch_size=8, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=template,
    )  # fmt: skip
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    processor.save_pretrained(folder)


if __name__ == "__main__":
    main()
