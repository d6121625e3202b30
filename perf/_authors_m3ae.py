"""M3AE's step as its authors wrote it, from a clone of zhjohnchan/M3AE, and ours with its weights, on one batch.

Their three tasks are run as in their training step: rebuilt pixels, hidden words, matching, each with a forward of
its own. What is drawn (patches, words, wrong images) is the same on both sides. Dropout is off.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from _authors import Side, drop, stand_in

BATCH, PIXELS, PATCH, TOKENS, WIDTH, BLOCKS, LAYERS, FUSED = 32, 128, 16, 32, 192, 6, 4, 6
HEADS, VOCABULARY, DECODER = 3, 500, 96
BERT = {
    "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": 4 * WIDTH,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
_CALLED = {
    "chunk_size_feed_forward": 0, "is_decoder": False, "add_cross_attention": False, "pruned_heads": {},
    "position_embedding_type": "absolute", "_attn_implementation": "eager",
}  # fmt: skip
"""What their copy of BERT asks of a configuration and newer ones do not have."""
_MASK = 4


def sides(clone: Path) -> tuple[Side, Side]:
    """Return the authors' step and ours, with the same weights, batch and draws."""
    torch.manual_seed(0)
    theirs = their_method(clone)
    ours = our_method()
    from vesalius.methods.m3ae import load_published

    load_published(ours, theirs.state_dict())
    drawn = draws()
    _fix(ours, drawn)
    objectives = sys.modules["m3ae.modules.objectives"]
    given, batch = their_batch(drawn), our_batch(drawn)

    def their_losses() -> dict[str, Tensor]:
        with _Drawn(torch, "rand", drawn["noise"]):
            pixel = objectives.compute_mim(theirs, given)["mim_loss"]
        word = objectives.compute_mlm(theirs, given)["mlm_loss"]
        with _Drawn(torch, "randperm", drawn["order"]):
            match = objectives.compute_itm(theirs, given)["itm_loss"]
        return {"pixel": pixel, "word": word, "match": match}

    return Side(theirs.train(), their_losses), Side(ours.train(), lambda: ours(**batch))


def draws() -> dict[str, Tensor]:
    """Draw images, texts, and what is hidden and paired."""
    chance = torch.Generator().manual_seed(2)
    ids = torch.randint(5, VOCABULARY, (BATCH, TOKENS), generator=chance)
    hidden = torch.rand(BATCH, TOKENS, generator=chance) < 0.15
    return {
        "image": torch.randn(BATCH, 3, PIXELS, PIXELS, generator=chance),
        "ids": ids,
        "shown": ids.masked_fill(hidden, _MASK),
        "labels": ids.masked_fill(~hidden, -100),
        "noise": torch.rand(BATCH, (PIXELS // PATCH) ** 2, generator=chance),
        "order": torch.randperm(BATCH, generator=chance),
    }


def their_batch(drawn: dict[str, Tensor]) -> dict[str, Any]:
    """Name what was drawn as their loader does."""
    ids = drawn["ids"]
    return {
        "image": [drawn["image"]], "false_image_0": [drawn["image"].roll(1, 0)], "text": [""] * BATCH,
        "text_ids": ids, "text_masks": torch.ones_like(ids), "text_labels": torch.full_like(ids, -100),
        "text_ids_mlm": drawn["shown"], "text_labels_mlm": drawn["labels"],
    }  # fmt: skip


def our_batch(drawn: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same as our collator does."""
    ids = drawn["ids"]
    return {
        "pixel_values": drawn["image"], "input_ids": ids, "attention_mask": torch.ones_like(ids),
        "index": torch.arange(BATCH), "units": torch.arange(TOKENS).repeat(BATCH, 1),
        "mask_token": torch.tensor([[_MASK, VOCABULARY]] * BATCH),
    }  # fmt: skip


def our_method() -> Any:
    """Build ours at the sizes of theirs."""
    from vesalius.methods.m3ae import M3AEConfig, build
    from vesalius.models.dual import DualEncoder
    from vesalius.models.settings import DualEncoderConfig

    model = DualEncoderConfig(
        vision="vit", text="hf:bert", text_options=BERT, image_size=PIXELS, channels=3, patch=PATCH, width=WIDTH,
        vision_depth=BLOCKS, vision_heads=HEADS, vision_pool="cls", text_pool="cls", embedding_norm=True,
        quick_gelu=True, projection="none", vocabulary=VOCABULARY, text_length=TOKENS,
    )  # fmt: skip
    settings = M3AEConfig(
        layers=FUSED, heads=HEADS, middle=3, dropout=0.0, decoder_width=DECODER, decoder_depth=4, decoder_heads=2
    )
    return build(settings, DualEncoder.build(model))


def _fix(ours: Any, drawn: dict[str, Tensor]) -> None:
    """Let ours use what was drawn."""
    from vesalius.objectives.masked import hide_highest
    from vesalius.objectives.matching import Pairing

    label = torch.cat([torch.ones(BATCH // 2), torch.zeros(BATCH - BATCH // 2)])[drawn["order"]].long()
    own = torch.arange(BATCH)
    pairing = Pairing(torch.where(label == 1, own, own.roll(1)), label)
    ours.masking = lambda index, grid: hide_highest(drawn["noise"], 0.75)
    ours.hidden_words = lambda batch: (drawn["shown"], drawn["labels"])
    ours.pairs = lambda made: pairing


def their_method(clone: Path) -> Any:
    """Build theirs past constructors that load weights from the network."""
    _stand_ins()
    sys.path.insert(0, str(clone))
    module = importlib.import_module("m3ae.modules.m3ae_module")
    clip = importlib.import_module("m3ae.modules.vision_encoders.clip_model")
    config = their_config()
    made = module.BertConfig

    def configuration(**values: Any) -> Any:
        found = made(**values)
        for name, value in _CALLED.items():
            setattr(found, name, value)
        return found

    module.BertConfig = configuration
    module.BertModel = SimpleNamespace(from_pretrained=lambda name: _bert(configuration))
    module.build_model = lambda name, resolution_after: clip.CLIP(
        embed_dim=WIDTH, image_resolution=PIXELS, vision_layers=BLOCKS + 1, vision_width=WIDTH,
        vision_patch_size=PATCH, context_length=4, vocab_size=5, transformer_width=WIDTH, transformer_heads=1,
        transformer_layers=1, resolution_after=PIXELS,
    )  # fmt: skip
    module.M3AETransformerSS.hparams = SimpleNamespace(config=config)
    return module.M3AETransformerSS(config)


def their_config() -> dict[str, Any]:
    """Their settings, by the names of their config.py."""
    return {
        "vit": "ViT", "tokenizer": "bert-base-uncased", "vocab_size": VOCABULARY, "hidden_size": WIDTH,
        "num_layers": FUSED, "num_heads": HEADS, "mlp_ratio": 4, "max_text_len": TOKENS, "drop_rate": 0.0,
        "image_size": PIXELS, "patch_size": PATCH, "input_text_embed_size": WIDTH, "input_image_embed_size": WIDTH,
        "num_top_layer": FUSED, "mim_prob": 0.75, "mim_decoder_hidden_size": DECODER, "mim_decoder_num_layers": 4,
        "mim_decoder_num_heads": 2, "norm_pix_loss": True, "mim_layer": 3, "load_path": "", "test_only": False,
        "loss_names": {"mlm": 1, "mim": 1, "itm": 1, "vqa": 0, "cls": 0, "irtr": 0},
    }  # fmt: skip


def _bert(configuration: Any) -> Any:
    """A BERT of transformers with the parts of their text encoder that they call by name."""
    from transformers.models.bert import modeling_bert

    config = configuration(vocab_size=VOCABULARY, max_position_embeddings=TOKENS, **BERT)

    class Layer(modeling_bert.BertLayer):
        def forward(self, hidden: Tensor, mask: Tensor) -> Any:
            out = super().forward(hidden, mask)
            return out if isinstance(out, tuple) else (out,)

    model: Any = nn.Module()
    model.embeddings, model.encoder = modeling_bert.BertEmbeddings(config), nn.Module()
    model.encoder.layer = nn.ModuleList([Layer(config) for _ in range(LAYERS)])
    model.get_extended_attention_mask = lambda mask, shape, device: (1.0 - mask[:, None, None].float()) * -10000.0
    return model


class _Drawn:
    """Let a function that draws return what was drawn."""

    def __init__(self, owner: Any, name: str, value: Tensor) -> None:
        self.owner, self.name, self.value = owner, name, value

    def __enter__(self) -> None:
        self.kept = getattr(self.owner, self.name)
        setattr(self.owner, self.name, lambda *given, **named: self.value.clone())

    def __exit__(self, *error: object) -> None:
        setattr(self.owner, self.name, self.kept)


class _Lightning(nn.Module):
    """What theirs asks of a LightningModule."""

    def save_hyperparameters(self) -> None:
        return None

    def log(self, *given: Any, **named: Any) -> None:
        return None

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device


class _Metric(nn.Module):
    """What their metrics ask of Lightning's."""

    def __init__(self, **named: Any) -> None:
        super().__init__()

    def add_state(self, name: str, default: Tensor, **named: Any) -> None:
        setattr(self, name, default)

    def forward(self, *given: Any) -> Any:
        self.update(*given)
        return self.compute()


def _stand_ins() -> None:
    """Put in the place of packages what a step needs of them."""
    import numpy as np
    import transformers.modeling_utils as modeling
    import transformers.optimization
    import transformers.pytorch_utils
    import transformers.utils

    stand_in("pytorch_lightning", LightningModule=_Lightning)
    stand_in("pytorch_lightning.metrics", Metric=_Metric)
    stand_in("einops", rearrange=None)
    stand_in("m3ae.modules.vision_encoders.swin_transformer")
    stand_in("m3ae.modules.vision_encoders.swin_helpers", swin_adapt_position_encoding=None)
    decorators = ("add_code_sample_docstrings", "add_start_docstrings", "add_start_docstrings_to_model_forward")
    stand_in(
        "transformers.file_utils", ModelOutput=transformers.utils.ModelOutput,
        **dict.fromkeys((*decorators, "replace_return_docstrings"), drop),
    )  # fmt: skip
    transformers.optimization.AdamW = torch.optim.AdamW
    modeling.apply_chunking_to_forward = transformers.pytorch_utils.apply_chunking_to_forward
    modeling.prune_linear_layer = modeling.find_pruneable_heads_and_indices = drop
    np.float = float
