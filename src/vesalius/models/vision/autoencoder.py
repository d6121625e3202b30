"""A small convolutional autoencoder of grey pictures, whose code stands beside the features of another encoder.

Source: the denoising autoencoder of MEVF, Nguyen et al. 2019, "Overcoming Data Limitation in Medical Visual Question
Answering" (arXiv 1909.11867); layers and their names are those of the authors' weights.

Legend: B batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["CODE_WIDTH", "SIDE", "ConvolutionalAutoencoder", "grey_square"]

SIDE = 128
"""Rows and columns of its pictures."""
CODE_WIDTH = 64
_CHANNELS = 16


class ConvolutionalAutoencoder(nn.Module):
    """Three convolutions to 16 × 32 × 32, a matrix to the code, and transposed convolutions back to the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 3, padding=1)
        self.conv2 = nn.Conv2d(64, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, _CHANNELS, 3, padding=1)
        self.tran_conv1 = nn.ConvTranspose2d(_CHANNELS, 32, 3, stride=2, padding=1, output_padding=1)
        self.conv4 = nn.Conv2d(32, 32, 3, padding=1)
        self.tran_conv2 = nn.ConvTranspose2d(32, 64, 3, stride=2, padding=1, output_padding=1)
        self.conv5 = nn.Conv2d(64, 1, 3, padding=1)
        self.convert = nn.Linear(_CHANNELS * (SIDE // 4) ** 2, CODE_WIDTH)

    def forward(self, grey: Tensor) -> tuple[Tensor, Tensor]:
        """Grey pictures of values 0 to 1, (B, 1, 128, 128), to codes (B, 64) and what `rebuilt` needs."""
        hidden = functional.max_pool2d(functional.relu(self.conv1(grey)), 2)
        hidden = functional.max_pool2d(functional.relu(self.conv2(hidden)), 2)
        hidden = functional.relu(self.conv3(hidden))
        return self.convert(hidden.flatten(1)), hidden

    def rebuilt(self, hidden: Tensor) -> Tensor:
        """Maps (B, 16, 32, 32) back to pictures (B, 1, 128, 128)."""
        back = functional.relu(self.tran_conv1(hidden))
        back = functional.relu(self.tran_conv2(functional.relu(self.conv4(back))))
        return torch.sigmoid(self.conv5(back))


def grey_square(images: Tensor) -> Tensor:
    """Return pictures of values 0 to 1, (B, C, rows, columns), as grey ones of the autoencoder's size."""
    grey = images.mean(dim=1, keepdim=True)
    return functional.interpolate(grey, size=(SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
