"""MGCA's step as its authors wrote it, from a clone of HKU-MedAI/MGCA, and ours with its weights, on one batch.

Sizes are those of their code but for the width: 12 blocks, for their encoder reads the attention of the twelfth,
images of 224 pixels, 112 tokens, a BERT of 6 layers, 500 prototypes. Dropout is off, so that both give the same
numbers.
"""

from __future__ import annotations

import importlib
import re
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from _authors import Side, bare, drop, stand_in

BATCH, PIXELS, PATCH, TOKENS, WIDTH, BLOCKS, HEADS, LAYERS = 16, 224, 16, 112, 192, 12, 3, 6
HIDDEN, JOINT, PROTOTYPES = 2048, 128, 500
BERT = {
    "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": 4 * WIDTH,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
VIT = {
    "hidden_size": WIDTH, "num_hidden_layers": BLOCKS, "num_attention_heads": HEADS, "intermediate_size": 4 * WIDTH,
    "patch_size": PATCH, "layer_norm_eps": 1e-6,
}  # fmt: skip


def sides(clone: Path) -> tuple[Side, Side]:
    """Return the authors' step and ours, with the same weights and the same batch."""
    torch.manual_seed(0)
    samples, tokenizer = reports()
    ours = our_method(tokenizer)
    batch = our_batch(ours, samples, tokenizer)
    theirs = their_method(clone, tokenizer)
    from vesalius.models.published import load_published

    load_published(ours, theirs.state_dict())
    given = their_batch(batch)

    def their_losses() -> dict[str, Tensor]:
        return dict(zip(("instance", "token", "prototype"), theirs(given, 0)[:3], strict=True))

    def our_losses() -> dict[str, Tensor]:
        return ours(**batch)

    return Side(theirs.train(), their_losses), Side(ours.train(), our_losses)


def reports() -> tuple[list[Any], Any]:
    """Reports of virtual patients with pictures of noise, and a tokenizer trained on them.

    Letters and blanks are kept: where a word ends is then told by the token alone, as theirs reads it.
    """
    from vesalius.data.loader import Sample
    from vesalius.models.text.tokenizer import train_tokenizer
    from vesalius.virtual.population import make

    with tempfile.TemporaryDirectory() as folder:
        corpus = make(folder, patients=BATCH, preset="chest", seed=5, image_size=32)
        told = [study.text("findings", "impression").lower() for study in list(corpus)[:BATCH]]
    texts = [" ".join(re.findall("[a-z]+", text)) for text in told]
    noise = torch.rand(BATCH, 3, PIXELS, PIXELS, generator=torch.Generator().manual_seed(1)).numpy()
    samples = [Sample(noise[row], text, row, (), None) for row, text in enumerate(texts)]
    return samples, train_tokenizer(texts, vocabulary=2000)


def our_method(tokenizer: Any) -> Any:
    """Build ours with the settings of the release."""
    from vesalius.methods.mgca import MGCAConfig, build
    from vesalius.models.dual import DualEncoder
    from vesalius.models.settings import DualEncoderConfig

    model = DualEncoderConfig(
        vision="hf:vit", vision_options=VIT, vision_pool="cls", text="hf:bert", text_options=BERT, text_pool="cls",
        image_size=PIXELS, channels=3, text_length=TOKENS, vocabulary=len(tokenizer), projection="mlp",
        projection_norm=True, projection_hidden=HIDDEN, projection_dim=JOINT,
    )  # fmt: skip
    settings = MGCAConfig(variant="release", num_prototypes=PROTOTYPES, text="report")
    method = build(settings, DualEncoder.build(model))
    method.prepare(tokenizer)
    return method


def our_batch(method: Any, samples: list[Any], tokenizer: Any) -> dict[str, Tensor]:
    """Collate as in training."""
    from vesalius.data.collator import Collator
    from vesalius.data.transforms import ImageProcessor

    processor = ImageProcessor(size=PIXELS, channels=3, mean=0.5, std=0.5)
    made: dict[str, Tensor] = Collator(tokenizer, TOKENS, processor, method.annotate)(samples)
    return made


def their_batch(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Pad to all tokens, as their data set does."""
    missing = TOKENS - batch["input_ids"].shape[1]
    ids, mask = (nn.functional.pad(batch[name], (0, missing)) for name in ("input_ids", "attention_mask"))
    return {
        "imgs": batch["pixel_values"], "caption_ids": ids, "attention_mask": mask,
        "token_type_ids": torch.zeros_like(ids),
    }  # fmt: skip


def their_method(clone: Path, tokenizer: Any) -> Any:
    """Build theirs past constructors that load weights from the network."""
    _stand_ins()
    sys.path.insert(0, str(clone))
    encoder = importlib.import_module("mgca.models.backbones.encoder")
    module = importlib.import_module("mgca.models.mgca.mgca_module")
    torch.autograd.set_detect_anomaly(False)  # which importing theirs turns on
    method = bare(module.MGCA)
    method.img_encoder_q, method.text_encoder_q = _image_side(encoder), _text_side(encoder, tokenizer)
    for name in ("patch", "word"):
        setattr(method, f"{name}_local_atten_layer", nn.MultiheadAttention(JOINT, 1, batch_first=True))
    method.prototype_layer = nn.Linear(JOINT, PROTOTYPES, bias=False)
    method.get_assignments = method.sinkhorn
    method.hparams = SimpleNamespace(
        softmax_temperature=0.07, local_temperature=0.1, proto_temperature=0.2, num_prototypes=PROTOTYPES,
        bidirectional=True, use_local_atten=False, epsilon=0.05, sinkhorn_iterations=3, gpus=0,
        img_encoder="vit_base",
    )  # fmt: skip
    return method


def _image_side(encoder: Any) -> Any:
    vits = sys.modules["mgca.models.backbones.vits"]
    side = bare(encoder.ImageEncoder)
    side.model_name = "vit_base"
    side.model = vits.VisionTransformer(
        img_size=PIXELS, patch_size=PATCH, embed_dim=WIDTH, depth=BLOCKS, num_heads=HEADS, num_classes=0
    )
    return _with_heads(side, encoder)


def _text_side(encoder: Any, tokenizer: Any) -> Any:
    import transformers

    med = sys.modules["mgca.models.backbones.med"]
    med.BertPreTrainedModel.init_weights = lambda model: None
    med.BertModel.get_head_mask = lambda model, mask, layers: [None] * layers
    config = transformers.BertConfig(
        **BERT, vocab_size=len(tokenizer), max_position_embeddings=TOKENS, encoder_width=WIDTH,
        add_cross_attention=True, output_attentions=True,
    )  # fmt: skip
    side = bare(encoder.BertEncoder)
    side.model = med.BertModel(config, add_pooling_layer=False)
    side.last_n_layers, side.agg_tokens = 1, True
    # Theirs begins a word at a token without "##", a byte-pair token of ours begins one with a mark of its own.
    side.idxtoword = {
        number: token if token.startswith(("Ġ", "[")) else f"##{token}" for token, number in tokenizer.vocab.items()
    }
    return _with_heads(side, encoder)


def _with_heads(side: Any, encoder: Any) -> Any:
    side.global_embed = encoder.GlobalEmbedding(WIDTH, HIDDEN, JOINT)
    side.local_embed = encoder.LocalEmbedding(WIDTH, HIDDEN, JOINT)
    return side


class _PatchEmbed(nn.Module):
    """timm's patch embedding."""

    def __init__(self, img_size: int, patch_size: int, in_chans: int, embed_dim: int) -> None:
        super().__init__()
        self.num_patches = (img_size // patch_size) ** 2
        self.proj = nn.Conv2d(in_chans, embed_dim, patch_size, patch_size)

    def forward(self, image: Tensor) -> Tensor:
        patches: Tensor = self.proj(image).flatten(2).transpose(1, 2)
        return patches


def _rearranged(tensor: Tensor, pattern: str) -> Tensor:
    """The two patterns of einops that their loss uses."""
    turned = tensor if pattern.endswith("(b n1) n2") else tensor.transpose(1, 2)
    return turned.reshape(-1, turned.shape[-1])


def _stand_ins() -> None:
    """Put in the place of packages what a step needs of them."""
    import transformers.modeling_utils as modeling
    import transformers.utils

    stand_in("einops", rearrange=_rearranged)
    stand_in("cosine_annealing_warmup", CosineAnnealingWarmupRestarts=None)
    stand_in("pytorch_lightning", LightningModule=nn.Module, Trainer=None, seed_everything=None)
    stand_in("pytorch_lightning.callbacks", EarlyStopping=None, LearningRateMonitor=None, ModelCheckpoint=None)
    stand_in("pytorch_lightning.loggers", WandbLogger=None)
    stand_in("pytorch_lightning.plugins", DDP2Plugin=None, DDPPlugin=None)
    stand_in("mgca.datasets.data_module", DataModule=None)
    stand_in("mgca.datasets.pretrain_dataset", MultimodalPretrainingDataset=None, multimodal_collate_fn=None)
    stand_in("mgca.datasets.transforms", DataTransforms=None)
    stand_in("mgca.models.backbones.cnn_backbones")
    stand_in("timm.models.vision_transformer", _cfg=None, PatchEmbed=_PatchEmbed)
    stand_in("timm.models.registry", register_model=drop)
    stand_in("timm.models.layers", trunc_normal_=nn.init.trunc_normal_, DropPath=nn.Identity)
    stand_in("timm.models.helpers", named_apply=None, adapt_input_conv=None)
    stand_in("fairscale.nn.checkpoint.checkpoint_activations", checkpoint_wrapper=None)
    stand_in("transformers.file_utils", ModelOutput=transformers.utils.ModelOutput)
    for name in ("find_pruneable_heads_and_indices", "prune_linear_layer"):
        setattr(modeling, name, None)
    modeling.apply_chunking_to_forward = lambda function, size, axis, *given: function(*given)
