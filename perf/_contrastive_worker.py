"""One side of the contrastive measurement, in a process of its own: `ours` or `open_clip`, told what to do by line.

Commands on stdin, one JSON answer a line on stdout: ``step N`` (seconds of N training steps), ``peak`` (bytes),
``weights PATH`` (write weights, inputs and outputs), ``compare PATH`` (largest differences from such a file).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
import types
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

EMBED, TOKENS, WORDS = 256, 77, 49408
VISION = {"image_size": 224, "layers": 12, "width": 384, "patch_size": 32}
TEXT = {"context_length": TOKENS, "vocab_size": WORDS, "width": 256, "heads": 4, "layers": 10}
"""Sizes of open_clip's ViT-S-32-alt."""


def peak_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


def open_clip_module(name: str) -> types.ModuleType:
    """Import a part of open_clip without its package file, which wants torchvision that no part here uses."""
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is None:
        for stub in ("torchvision", "torchvision.ops", "torchvision.ops.misc"):
            sys.modules[stub] = types.ModuleType(stub)
        sys.modules["torchvision.ops.misc"].FrozenBatchNorm2d = nn.BatchNorm2d
    if "open_clip" not in sys.modules:
        found = importlib.util.find_spec("open_clip")
        package = types.ModuleType("open_clip")
        package.__path__ = list(found.submodule_search_locations)
        sys.modules["open_clip"] = package
    return importlib.import_module(f"open_clip.{name}")


def open_clip_side() -> tuple[nn.Module, Callable[..., tuple[Tensor, Tensor]], Callable[..., Tensor]]:
    model_file, loss_file = open_clip_module("model"), open_clip_module("loss")
    model = model_file.CLIP(
        EMBED, model_file.CLIPVisionCfg(**VISION), model_file.CLIPTextCfg(**TEXT), output_dict=True
    )
    objective = loss_file.ClipLoss()

    def encode(image: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        return model.encode_image(image, normalize=True), model.encode_text(text, normalize=True)

    def loss(image: Tensor, text: Tensor) -> Tensor:
        return objective(*encode(image, text), model.logit_scale.exp())

    return model, encode, loss


def our_side() -> tuple[nn.Module, Callable[..., tuple[Tensor, Tensor]], Callable[..., Tensor]]:
    from vesalius.models.dual import DualEncoder, DualEncoderConfig
    from vesalius.objectives.contrastive import contrast

    settings = DualEncoderConfig(
        vision_width=VISION["width"],
        vision_depth=VISION["layers"],
        vision_heads=VISION["width"] // 64,
        image_size=VISION["image_size"],
        patch=VISION["patch_size"],
        channels=3,
        vision_pool="cls",
        embedding_norm=True,
        text_width=TEXT["width"],
        text_depth=TEXT["layers"],
        text_heads=TEXT["heads"],
        text_length=TOKENS,
        vocabulary=WORDS,
        text_pool="last",
        causal=True,
        projection_dim=EMBED,
    )
    model = DualEncoder.build(settings)

    def encode(image: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        mask = torch.ones_like(text)
        joint = model.encode_image(image, local=False).joint
        return joint, model.encode_text(text, mask, local=False).joint

    def loss(image: Tensor, text: Tensor) -> Tensor:
        return contrast(*encode(image, text), logit_scale=model.scale()).loss

    return model, encode, loss


def inputs(rows: int) -> tuple[Tensor, Tensor]:
    """Images, and texts of full length whose last token has the largest number, where open_clip looks for it."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(rows, 3, VISION["image_size"], VISION["image_size"], generator=generator)
    text = torch.randint(1, WORDS - 1, (rows, TOKENS), generator=generator)
    text[:, -1] = WORDS - 1
    return image, text


def renamed(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """open_clip's weights under our names; its class token has a position of its own, which ours holds inside."""
    side = VISION["image_size"] // VISION["patch_size"]
    place = theirs["visual.positional_embedding"]
    ours = {
        "vision.embedding.project.weight": theirs["visual.conv1.weight"].flatten(1),
        "vision.embedding.project.bias": torch.zeros(VISION["width"]),
        "vision.position": place[1:].T.reshape(1, -1, side, side),
        "vision.summary": (theirs["visual.class_embedding"] + place[0])[None, None],
        "vision_head.layers.0.weight": theirs["visual.proj"].T,
        "text.embedding.weight": theirs["token_embedding.weight"],
        "text.position": theirs["positional_embedding"],
        "text_head.layers.0.weight": theirs["text_projection"].T,
        "logit_scale": theirs["logit_scale"],
    }
    norms = (("visual.ln_pre", "vision.before"), ("visual.ln_post", "vision.after"), ("ln_final", "text.after"))
    parts = list(norms)
    for prefix, ours_prefix, layers in (("visual.", "vision", VISION["layers"]), ("", "text", TEXT["layers"])):
        for number in range(layers):
            block, target = f"{prefix}transformer.resblocks.{number}", f"{ours_prefix}.blocks.{number}"
            parts += [(f"{block}.ln_1", f"{target}.attention_norm"), (f"{block}.ln_2", f"{target}.perceptron_norm")]
            parts += [(f"{block}.attn.out_proj", f"{target}.attention.out")]
            parts += [(f"{block}.mlp.c_fc", f"{target}.expand"), (f"{block}.mlp.c_proj", f"{target}.contract")]
            for kind in ("weight", "bias"):
                ours[f"{target}.attention.qkv.{kind}"] = theirs[f"{block}.attn.in_proj_{kind}"]
    ours |= {f"{our}.{kind}": theirs[f"{their}.{kind}"] for their, our in parts for kind in ("weight", "bias")}
    return ours


def serve(side: str, batch: int, precision: str) -> None:
    """Answer commands until stdin ends."""
    torch.manual_seed(0)
    model, encode, loss = our_side() if side == "ours" else open_clip_side()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    image, text = inputs(batch)

    def autocast() -> AbstractContextManager[Any]:
        return torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else nullcontext()

    def step() -> None:
        with autocast():
            value = loss(image, text)
        value.backward()
        optimiser.step()
        optimiser.zero_grad()

    for line in sys.stdin:
        command, *words = line.split()
        answer: dict[str, Any] = {}
        if command == "step":
            start, used = time.perf_counter(), time.process_time()
            for _ in range(int(words[0])):
                step()
            answer = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - used}
        elif command == "peak":
            answer = {"bytes": peak_bytes(), "weights": sum(part.numel() for part in model.parameters())}
        elif command == "weights":
            with torch.no_grad():
                sides = encode(image, text)
            kept = {name: part.detach() for name, part in model.state_dict().items()}
            value = loss(image, text)
            slope = torch.autograd.grad(value, model.visual.conv1.weight)[0].flatten(1)
            torch.save({"model": kept, "sides": sides, "loss": value.detach(), "slope": slope}, words[0])
        elif command == "compare":
            answer = compare(model, encode, loss, Path(words[0]), (image, text))
        print(json.dumps(answer), flush=True)


def compare(
    model: nn.Module,
    encode: Callable[..., tuple[Tensor, Tensor]],
    loss: Callable[..., Tensor],
    path: Path,
    given: tuple[Tensor, Tensor],
) -> dict[str, float]:
    """Load open_clip's weights into our model and return the largest differences of outputs, loss and gradient."""
    theirs = torch.load(path, weights_only=True)
    model.load_state_dict(renamed(theirs["model"]))
    with torch.no_grad():
        sides = encode(*given)
    value = loss(*given)
    slope = torch.autograd.grad(value, model.vision.embedding.project.weight)[0]
    return {
        "image": (sides[0] - theirs["sides"][0]).abs().max().item(),
        "text": (sides[1] - theirs["sides"][1]).abs().max().item(),
        "loss": (value - theirs["loss"]).abs().item(),
        "relative_gradient": ((slope - theirs["slope"]).norm() / theirs["slope"].norm()).item(),
    }


def loss_alone(side: str, rows: int) -> None:
    """Value and gradient of the loss of `rows` pairs: seconds of each repeat, and memory beyond the embeddings."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(2, rows, 512, generator=generator)
    image, text = (functional.normalize(part, dim=1).requires_grad_() for part in drawn)
    scale = torch.tensor(14.3, requires_grad=True)
    if side == "ours":
        from vesalius.objectives.contrastive import contrast

        def loss() -> Tensor:
            return contrast(image, text, logit_scale=scale).loss
    else:
        objective = open_clip_module("loss").ClipLoss()

        def loss() -> Tensor:
            return objective(image, text, scale)

    tiny = torch.randn(64, 512, requires_grad=True)
    (tiny @ tiny.T).sum().backward()  # the libraries' own buffers do not count
    before = peak_bytes()
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        value = loss()
        value.backward()
        seconds.append(time.perf_counter() - start)
    answer = {"seconds": seconds[1:], "bytes": peak_bytes() - before, "loss": value.item()}
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=("ours", "open_clip"))
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--loss", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.loss:
        loss_alone(chosen.side, chosen.loss)
    else:
        serve(chosen.side, chosen.batch, chosen.precision)
