"""Where in a picture the words of an answer come from: the gradient of their log-probability by the encoder's map.

Legend: R rows, L tokens of a row, V views, P patches of a view, F width of the encoder.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vesalius.errors import DataError
from vesalius.models.vlm.connectors.base import Seen
from vesalius.models.vlm.model import IGNORED, VisionLanguageModel
from vesalius.models.vlm.views import Layout

__all__ = ["answer_saliency"]


def answer_saliency(
    model: VisionLanguageModel, input_ids: Tensor, labels: Tensor, *, view: Tensor, layout: Layout
) -> Tensor:
    """Return how strongly the log-probability of an answer, or of a sentence of it, hangs on each place of a picture.

    Source: Holland et al. 2024 (RetinaVLM, arXiv 2407.08410): the gradient of a sentence by the last map of the
    encoder; here the norm over its channels. No dropout may be on.

    Args:
        model: whose weights get no gradient.
        input_ids: token numbers of one conversation about one medium, (1, L).
        labels: the same where the sentence stands, else -100, (1, L).
        view: the views of the medium, (V, C, H, W).
        layout: of the medium.

    Returns:
        (V, rows, columns), not negative.

    Raises:
        DataError: no token is marked, or the medium's tokens were reduced.
    """
    if not bool((labels != IGNORED).any()):
        raise DataError("no token of a sentence is marked: labels are all -100")
    if layout.kept is not None or layout.merged > 1:
        raise DataError("a map is asked for of a medium whose tokens were reduced; show it without reduction")
    with torch.no_grad():
        encoding = model.vision(view)
    tokens = encoding.tokens.detach().requires_grad_(True)
    media = model.connector([Seen(tokens, encoding.grid, layout)])
    found = model.answer_logits(
        input_ids, labels, segments=torch.ones_like(input_ids), positions=torch.arange(input_ids.shape[1])[None].to(
            input_ids.device
        ), views=[view], layouts=[layout], media=media,
    )  # fmt: skip
    chosen = found.logits.float().log_softmax(dim=-1).gather(1, found.targets[:, None])
    (gradient,) = torch.autograd.grad(chosen.sum(), tokens)
    strength: Tensor = gradient.norm(dim=-1)
    return strength.reshape(len(view), *encoding.grid)
