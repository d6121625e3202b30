"""Models of transformers by local folder or hub id: dual encoders (CLIP, SigLIP and their kin), and those that write.

Weights are read from safetensors only, and no remote code runs. Images are brought to 8-bit RGB with the
file's own window before the model's image processor sees them. What writes is in `vesalius.inference.generate`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vesalius.errors import CapabilityError, CheckpointError
from vesalius.inference.dual import DualPredictor, ImagePass, pick_device
from vesalius.inference.generate import GeneratingPredictor
from vesalius.inference.predictor import Predictor

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vesalius.data.readers import Pixels

__all__ = ["HuggingFacePredictor", "claims", "open_model"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_SAFE = ("*.safetensors",)
_WRITING = ("ForConditionalGeneration", "ForCausalLM", "LMHeadModel")
"""How names of architectures end that write."""


def claims(spec: str) -> bool:
    """Say whether the spec is a folder with `config.json` of another project, or looks like a hub id."""
    folder = Path(spec)
    if folder.exists():
        return folder.is_dir() and (folder / "config.json").is_file() and not (folder / "vesalius.json").is_file()
    return bool(_HUB_ID.fullmatch(spec)) and not spec.startswith((".", "/"))


def open_model(spec: str, *, device: str) -> Predictor:
    """Load model, tokenizer and image processor.

    Raises:
        CheckpointError: a part is missing, corrupt or only there as a pickle.
        CapabilityError: the model neither is a dual encoder nor writes.
    """
    from safetensors import SafetensorError

    local = Path(spec).is_dir()
    if local and not any(next(Path(spec).glob(pattern), None) for pattern in _SAFE):
        raise CheckpointError(
            f"model {spec}: no *.safetensors; a pickled checkpoint is not opened, convert it to safetensors"
        )
    try:
        return _opened(spec, local=local, device=device)
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        where = "" if local else "there is no such folder, and as a hub id "
        raise CheckpointError(f"model {spec}: {where}transformers cannot open it: {_first_line(error)}") from None


def _opened(spec: str, *, local: bool, device: str) -> Predictor:
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    config = AutoConfig.from_pretrained(spec, local_files_only=local)
    name = Path(spec).name if local else spec
    if any(str(part).endswith(_WRITING) for part in config.architectures or ()):
        return _opened_writer(spec, config, local=local, device=device, name=name)
    module = AutoModel.from_pretrained(spec, use_safetensors=True, local_files_only=local)
    if not (hasattr(module, "get_image_features") and hasattr(module, "get_text_features")):
        raise CapabilityError(
            f"model {spec} is {type(module).__name__}, which has no image and text encoder side by side; "
            "give a dual encoder such as CLIPModel or SiglipModel, or train one on top: model.vision=hf:" + spec
        )
    tokenizer = AutoTokenizer.from_pretrained(spec, local_files_only=local)
    return HuggingFacePredictor(module, tokenizer, _image_processor(spec, local), name=name, device=device)


def _opened_writer(spec: str, config: Any, *, local: bool, device: str, name: str) -> Predictor:
    """Open a model that writes, in the precision of its checkpoint; float16 becomes float32 where there is no GPU."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer

    from vesalius.models.vlm.processors import open_processor

    sees = type(config) in AutoModelForImageTextToText._model_mapping
    kind = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    module = kind.from_pretrained(spec, use_safetensors=True, local_files_only=local, dtype="auto")
    if pick_device(device) == "cpu" and module.dtype == torch.float16:
        module = module.float()
    reads = (
        open_processor(spec, config=config, local=local)
        if sees
        else AutoTokenizer.from_pretrained(spec, local_files_only=local)
    )
    return GeneratingPredictor(module, reads, name=name, device=device)


class HuggingFacePredictor(DualPredictor):
    """CLIP and its kin; `similarity_map` only where one projection serves both pooled and patch features."""

    def __init__(self, module: nn.Module, tokenizer: Any, processor: Any, *, name: str, device: str = "auto") -> None:
        super().__init__(module, name=name, device=device)
        self.tokenizer = tokenizer
        self.processor = processor
        self.capabilities = frozenset({"embed_image", "embed_text", "score", "generate"})
        self._projects_patches = hasattr(module, "visual_projection") and hasattr(module, "vision_model")
        if self._projects_patches:
            self.capabilities |= {"similarity_map"}
        scale = getattr(module, "logit_scale", None)
        self.temperature = 0.07 if scale is None else float(1.0 / scale.detach().exp().reshape(-1)[0])

    def pixel_values(self, images: Sequence[Pixels]) -> Tensor:
        """Window, turn to RGB, then the model's own image processor, (N, 3, H, W)."""
        import torch

        if _is_ours(self.processor):
            stacked = np.stack([self.processor.normalise(self.processor(image)) for image in images])
            return torch.from_numpy(stacked.astype(np.float32, copy=False))
        pictures = [_rgb(image) for image in images]
        values: Tensor = self.processor(images=pictures, return_tensors="pt")["pixel_values"]
        return values

    def image_pass(self, pixel_values: Tensor, *, local: bool) -> ImagePass:
        """Run the image encoder; patches are projected as the pooled token is (CLIP)."""
        module: Any = self.module
        if not self._projects_patches:
            joint = _pooled(module.get_image_features(pixel_values=pixel_values))
            return ImagePass(joint, joint, None, ())
        seen = module.vision_model(pixel_values=pixel_values)
        joint = module.visual_projection(seen.pooler_output)
        if not local:
            return ImagePass(seen.pooler_output, joint, None, ())
        patches = module.vision_model.post_layernorm(seen.last_hidden_state[:, 1:])
        side = int(module.config.vision_config.patch_size)
        grid = (pixel_values.shape[-2] // side, pixel_values.shape[-1] // side)
        return ImagePass(seen.pooler_output, joint, module.visual_projection(patches), grid)

    def text_pass(self, texts: Sequence[str]) -> Tensor:
        """Run the text encoder on N texts, (N, D); padded to the full length, as SigLIP was trained."""
        config: Any = self.module.config
        length = min(config.text_config.max_position_embeddings, self.tokenizer.model_max_length)
        words = self.tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        ).to(self.device)
        inputs = {"input_ids": words["input_ids"]}
        if "attention_mask" in words:
            inputs["attention_mask"] = words["attention_mask"]
        return _pooled(self.module.get_text_features(**inputs))  # type: ignore[operator]

    def random_module(self) -> nn.Module:
        """Build the same architecture with random weights."""
        kind: Any = type(self.module)
        module: nn.Module = kind(self.module.config)
        return module

    def describe(self) -> Mapping[str, Any]:
        """Kind, architecture and preprocessing."""
        return {
            "kind": "huggingface",
            "architecture": type(self.module).__name__,
            "preprocessing": {"image": self.processor.to_dict(), "tokenizer": type(self.tokenizer).__name__},
        }


def _image_processor(spec: str, local: bool) -> Any:
    ours = Path(spec) / "processor.json"
    if local and ours.is_file():
        from vesalius.data.transforms import ImageProcessor

        return ImageProcessor.from_dict(json.loads(ours.read_text(encoding="utf-8")), where=str(ours))
    from transformers import AutoImageProcessor

    return AutoImageProcessor.from_pretrained(spec, local_files_only=local, backend="pil")


def _is_ours(processor: Any) -> bool:
    return hasattr(processor, "normalise")


def _rgb(image: Pixels) -> Any:
    from PIL import Image

    return Image.fromarray((image.display() * 255).round().astype(np.uint8)).convert("RGB")


def _pooled(output: Any) -> Tensor:
    """Joint vectors from what `get_*_features` returns: a tensor, or an output that holds them pooled."""
    pooled: Tensor = getattr(output, "pooler_output", output)
    return pooled


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
