"""A vision-language model: vision encoder, connector and causal language model; media stand among the words.

The vision encoder reads views, the connector turns a medium's tokens into T tokens of the language model's width, and
these take the places of T image tokens. Several conversations may be packed into one row: each sees itself alone.

Legend: R rows, L tokens of a row, V views of a medium, C channels, P patches of a view, F width of the encoder,
D width of the language model, T tokens of a medium, N answer tokens, W words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedConfig, PreTrainedModel

from vesalius.config import validate
from vesalius.errors import ConfigError, DataError
from vesalius.models import foreign
from vesalius.models.dual import build_vision
from vesalius.models.initial import initialise
from vesalius.models.vlm.connectors import build_connector
from vesalius.models.vlm.connectors.base import Connector, Seen
from vesalius.models.vlm.language import build_language, language_configuration, language_weights
from vesalius.models.vlm.looking import Looker
from vesalius.models.vlm.packed import attend_apart, block_mask
from vesalius.models.vlm.reading import ConversationReader
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.models.vlm.tokenizer import chat_tokenizer, image_token_of
from vesalius.models.vlm.views import Layout
from vesalius.tasks.grammar import Grammar

__all__ = ["AnswerLogits", "VisionLanguageFile", "VisionLanguageModel"]

IGNORED = -100
"""Label of a token that is not learnt."""

_PARTS = ("vision", "connector", "language")

_AT_ONCE = 64
"""Views that the vision encoder reads together where no gradient is wanted."""


class AnswerLogits(NamedTuple):
    """What the model says where an answer stands."""

    logits: Tensor
    """Of the token that should follow, (N, W)."""
    targets: Tensor
    """That token, (N,)."""
    row: Tensor
    """Row of the batch that it stands in, (N,)."""
    place: Tensor
    """Its place in the row, (N,)."""


class VisionLanguageFile(PreTrainedConfig):  # type: ignore[misc]
    """What `config.json` holds: our settings, the whole configuration of towers, and the image token's number."""

    model_type = "vesalius_vision_language"

    settings: dict[str, Any] | None = None
    vision_tower: dict[str, Any] | None = None
    language_tower: dict[str, Any] | None = None
    image_token: int = 0

    def read(self) -> VisionLanguageConfig:
        """Return the settings, checked."""
        return validate(VisionLanguageConfig, self.settings or {}, where="config.json: settings")


class VisionLanguageModel(PreTrainedModel):  # type: ignore[misc]
    """Vision encoder, connector and language model."""

    config_class = VisionLanguageFile
    main_input_name = "input_ids"
    base_model_prefix = ""
    supports_gradient_checkpointing = False
    _supports_sdpa = True
    _tied_weights_keys = None
    _no_split_modules = ["Block", "LlamaDecoderLayer", "Qwen3DecoderLayer"]  # noqa: RUF012 - as transformers reads it

    def __init__(self, config: VisionLanguageFile):
        super().__init__(config)
        self.settings = config.read()
        self.image_token = int(config.image_token)
        self.vision: Any = build_vision(self.settings.tower, config.vision_tower or {})
        foreign.cut_layers(self.vision, self.settings.vision_layer)
        self.language: Any = build_language(config.language_tower or {})
        attend_apart(self.language)
        width = int(self.language.config.hidden_size)
        self.connector: Connector = build_connector(
            self.settings.connector, vision_width=self.vision.width, language_width=width
        )
        self._grids: dict[tuple[int, ...], tuple[int, ...]] = {}
        self.post_init()
        for part in self.vision.unused() if hasattr(self.vision, "unused") else ():
            part.requires_grad_(False)

    @classmethod
    def build(cls, settings: VisionLanguageConfig, *, tokenizer: Any, image_token: int) -> VisionLanguageModel:
        """Build from settings: compact parts at random, parts of transformers with weights if wished.

        Args:
            settings: of the model; a whole model of transformers is in `vesalius.models.vlm.whole`.
            tokenizer: its vocabulary is the language model's; embeddings grow where it holds new tokens.
            image_token: number of the token whose places media take.
        """
        file = cls.config_class(
            settings=asdict(settings),
            vision_tower=foreign.configuration(settings.tower, side="vision"),
            language_tower=language_configuration(settings, tokenizer),
            image_token=image_token,
            **cls.facts(tokenizer),
        )
        model = cls(file)
        language_weights(model.language, settings, tokens=len(tokenizer))
        source = foreign.pretrained_source(settings.tower, side="vision")
        if source is not None:
            weights, _ = foreign.tower_weights(source, side="vision", config=model.vision.model.config)
            model.vision.model.load_state_dict(
                {name: value for name, value in weights.items() if name in model.vision.model.state_dict()}
            )
        return model

    @classmethod
    def of(cls, settings: VisionLanguageConfig, words: Any) -> VisionLanguageModel:
        """Build the model that settings name for the tokenizer that `new_words` made or `saved_words` opened."""
        return cls.build(settings, tokenizer=words, image_token=image_token_of(words))

    @staticmethod
    def facts(words: Any) -> dict[str, Any]:
        """Return what `config.json` holds beside the settings, as far as the tokenizer says it."""
        del words
        return {}

    @staticmethod
    def new_words(settings: VisionLanguageConfig, texts: Iterable[str]) -> Any:
        """Return the language model's tokenizer, or train one on texts where it starts at random."""
        return chat_tokenizer(settings, texts)

    @staticmethod
    def saved_words(folder: Path) -> Any:
        """Open a tokenizer that was written to a folder."""
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)

    unpackable = ""
    """Why conversations cannot share a row: here they can."""

    def reader(self, words: Any, *, context: int, grammar: Grammar) -> ConversationReader:
        """Return what reads conversations for the model with its tokenizer."""
        looker = Looker(self.settings.views, places=self.places, reduction=self.settings.reduction)
        return ConversationReader(words, looker=looker, count=self.count, context=context, grammar=grammar)

    @staticmethod
    def part_of(name: str) -> str:
        """Return the part that a weight belongs to, by its name in this model."""
        first = name.split(".")[0]
        return first if first in _PARTS else "own"

    def holder_of(self, part: str) -> str:
        """Return the attribute that adapters of a part are put on: each part holds its own."""
        return part

    def settle(self) -> None:
        """Keep parts in which nothing learns as they are in use, with their statistics and without dropout."""
        for part in self.children():
            if not any(weight.requires_grad for weight in part.parameters()):
                part.eval()

    def recompute(self) -> None:
        """Keep only the inputs of blocks for the gradient: slower, less memory."""
        self.language.activation_checkpointing_enable({"use_reentrant": False})
        if hasattr(self.vision, "recompute"):
            self.vision.recompute = True

    @torch.no_grad()
    def grid(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the patches along each axis of a view of `size`; an encoder that does not say is tried once."""
        size = tuple(size)
        if size not in self._grids:
            device = next(self.vision.parameters()).device
            training = self.vision.training
            self._grids[size] = self.vision.eval()(
                torch.zeros(1, self.settings.views.channels, *size, device=device)
            ).grid
            self.vision.train(training)
        return self._grids[size]

    def count(self, layout: Layout) -> int:
        """Return T, the tokens of a medium; the reader writes as many image tokens."""
        return self.connector.count(layout, self.grid(layout.size))

    def places(self, size: Sequence[int]) -> tuple[int, ...] | None:
        """Return the connector's tokens along each axis of a view of `size`; None where they have no places."""
        return self.connector.places(self.grid(size))

    def change(self, settings: VisionLanguageConfig) -> None:
        """Take other settings of views and connector, whose weights stay as they are.

        Raises:
            ConfigError: the other connector has other weights.
        """
        if settings.connector != self.settings.connector:
            width = int(self.language.config.hidden_size)
            other = build_connector(settings.connector, vision_width=self.vision.width, language_width=width)
            try:
                other.load_state_dict(self.connector.state_dict())
            except RuntimeError as error:
                raise ConfigError(
                    f"the connector of this stage has other weights than that of the last: {error}"
                ) from None
            self.connector = other.to(next(self.connector.parameters()).device)
        self.settings = settings
        self.config.settings = asdict(settings)
        self._grids = {}

    def media_tokens(self, views: Sequence[Tensor], layouts: Sequence[Layout]) -> list[Tensor]:
        """Tokens of media, (T, D) each.

        Args:
            views: of each medium, (V, C, H, W) or (V, C, D, H, W), normalised.
            layouts: of each medium.
        """
        seen: list[Seen | None] = [None] * len(views)
        for size in dict.fromkeys(tuple(part.shape[1:]) for part in views):
            places = [place for place, part in enumerate(views) if tuple(part.shape[1:]) == size]
            tokens, grid = self._encoded(torch.cat([views[place] for place in places]))
            pieces = torch.split(tokens, [len(views[place]) for place in places])
            for place, piece in zip(places, pieces, strict=True):
                seen[place] = Seen(piece, grid, layouts[place])
        shown: list[Tensor] = self.connector([one for one in seen if one is not None])
        return shown

    def embed(
        self, input_ids: Tensor, views: Sequence[Tensor], layouts: Sequence[Layout], *, media: Sequence[Tensor] = ()
    ) -> Tensor:
        """Embeddings of the tokens (R, L), image tokens replaced by what the media show, (R, L, D).

        Args:
            input_ids: token numbers, (R, L).
            views: of all media, row by row in the order in which they stand.
            layouts: of all media.
            media: their tokens where `media_tokens` gave them before, (T, D) each; views are then not looked at.

        Raises:
            DataError: there are not as many image tokens as tokens of media.
        """
        embeddings: Tensor = self.language.get_input_embeddings()(input_ids)
        places = input_ids == self.image_token
        if not views and not media:
            if bool(places.any()):
                raise DataError(f"{int(places.sum())} image tokens and no medium: were the media left out?")
            return embeddings
        tokens = media or self.media_tokens(views, layouts)
        shown = torch.cat(list(tokens)).to(embeddings.dtype)
        if int(places.sum()) != len(shown):
            raise DataError(
                f"{int(places.sum())} image tokens for {len(shown)} tokens of {len(tokens)} media: a conversation "
                "was cut, or read for another connector"
            )
        return embeddings.masked_scatter(places[..., None], shown)

    def answer_logits(
        self,
        input_ids: Tensor,
        labels: Tensor,
        *,
        segments: Tensor,
        positions: Tensor,
        views: Sequence[Tensor],
        layouts: Sequence[Layout],
        media: Sequence[Tensor] = (),
    ) -> AnswerLogits:
        """Logits where answers stand, and nowhere else: the vocabulary is far wider than the model.

        Args:
            input_ids: token numbers, (R, L).
            labels: the same where an answer is learnt, else -100, (R, L).
            segments: number of the conversation in its row from 1, 0 for padding, (R, L).
            positions: place of each token in its own conversation, (R, L).
            views: of all media.
            layouts: of all media.
            media: their tokens where they are known, as `embed` takes them.
        """
        hidden = self.language.get_decoder()(
            inputs_embeds=self.embed(input_ids, views, layouts, media=media),
            attention_mask=block_mask(segments, self.language),
            position_ids=positions,
            use_cache=False,
        ).last_hidden_state
        row, place = (labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
        return AnswerLogits(self._words(hidden[row, place]), labels[row, place + 1], row, place + 1)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        views: Sequence[Tensor] = (),
        layouts: Sequence[Layout] = (),
    ) -> Any:
        """Logits (R, L, W) at every place, as models of transformers give them."""
        return self.language(inputs_embeds=self.embed(input_ids, views, layouts), attention_mask=attention_mask)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        views: Sequence[Tensor] = (),
        layouts: Sequence[Layout] = (),
        *,
        media: Sequence[Tensor] = (),
        **options: Any,
    ) -> Any:
        """Go on writing, as `generate` of transformers does: the prompt (R, L), padded at the left, stands before."""
        return self.language.generate(
            input_ids=input_ids,
            inputs_embeds=self.embed(input_ids, views, layouts, media=media),
            attention_mask=attention_mask,
            **options,
        )

    @property
    def generation_config(self) -> Any:
        """Settings of generation, which are the language model's."""
        return self.language.generation_config

    @generation_config.setter
    def generation_config(self, value: Any) -> None:
        if "language" in self._modules:
            self.language.generation_config = value

    def _init_weights(self, module: nn.Module) -> None:
        initialise(module)

    def _encoded(self, views: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """Patches (…, P, F) of views (…, C, H, W), a few at once where no gradient is kept."""
        learns = torch.is_grad_enabled() and any(weight.requires_grad for weight in self.vision.parameters())
        if learns or len(views) <= _AT_ONCE:
            with torch.set_grad_enabled(learns):
                encoding = self.vision(views)
            return encoding.tokens, encoding.grid
        with torch.no_grad():
            parts = [self.vision(part) for part in torch.split(views, _AT_ONCE)]
        return torch.cat([part.tokens for part in parts]), parts[0].grid

    def _words(self, hidden: Tensor) -> Tensor:
        """Logits (N, W) of states (N, D), as the language model makes them."""
        logits: Tensor = self.language.get_output_embeddings()(hidden)
        config = self.language.config
        if scaling := getattr(config, "logits_scaling", None):
            logits = logits / scaling
        if scale := getattr(config, "logit_scale", None):
            logits = logits * scale
        if cap := getattr(config, "final_logit_softcapping", None):
            logits = torch.tanh(logits / cap) * cap
        return logits


AutoConfig.register(VisionLanguageFile.model_type, VisionLanguageFile, exist_ok=True)
AutoModel.register(VisionLanguageFile, VisionLanguageModel, exist_ok=True)
