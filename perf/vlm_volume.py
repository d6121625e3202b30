"""A CT of 512 × 512 × 300 enters a context of 4096 tokens through token reduction: time, tokens and peak memory.

The CT is a body of ellipsoids with the noise of an examination; the model is Hulu-Med's shape at a small width, with
random weights. Read from a NIfTI file slice by slice, as training and answering read it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from measure import save

SHAPE = (300, 512, 512)
"""Slices, rows and columns."""
CONTEXT = 4096
ROOM = 96
"""Tokens of the context that are left to the words."""
NOISE_HU = 12.0
"""Deviation of the noise, as in a portal venous CT of the abdomen read in slices of 2.5 mm."""
VIEWS = {
    "channels": 1, "factor": 28, "min_pixels": 784, "max_pixels": 224 * 224, "picture": {"policy": "native"},
    "volume": {"plane": "native", "slices": None, "every_mm": 2.5, "windows": [[-160.0, 240.0]]},
}  # fmt: skip


def main() -> None:
    """Measure and write the figures; the peak is that of a process that does nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        write_ct(Path(folder) / "ct.nii")
        command = [sys.executable, __file__, "--side", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    print(json.dumps(figures, indent=2))
    print(save("vlm_volume", figures))


def write_ct(path: Path) -> None:
    """Write a body with a few organs; slices are drawn one at a time."""
    import nibabel

    rng = np.random.default_rng(0)
    slices, rows, columns = SHAPE
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    organs = [(rng.uniform(-0.4, 0.4, 3), rng.uniform(0.08, 0.3, 3), rng.uniform(20, 180)) for _ in range(24)]
    volume = np.empty((columns, rows, slices), np.int16)
    for number in range(slices):
        z = 2 * number / (slices - 1) - 1
        plane = np.where((x / 0.85) ** 2 + (y / 0.65) ** 2 < 1, 40.0, -1000.0)
        for (dz, dy, dx), (az, ay, ax), value in organs:
            plane[((z - dz) / az) ** 2 + ((y - dy) / ay) ** 2 + ((x - dx) / ax) ** 2 < 1] = value
        volume[:, :, number] = (plane + rng.normal(0, NOISE_HU, plane.shape)).T
    image = nibabel.Nifti1Image(volume, np.diag([-0.75, -0.75, 2.5, 1.0]))
    nibabel.save(image, path)


def work(folder: Path) -> dict[str, float]:
    """Read, cut and reduce the volume, encode it and write one token."""
    import torch

    from vesalius.config import validate
    from vesalius.data.conversations.records import Conversation
    from vesalius.data.messages import Media, Message
    from vesalius.models.vlm.model import VisionLanguageModel
    from vesalius.models.vlm.settings import VisionLanguageConfig
    from vesalius.models.vlm.tokenizer import image_token_of, train_chat_tokenizer
    from vesalius.tasks.grammar import grammar
    from vesalius.training.peak import peak_bytes, reset_peak

    values = {
        "vision": "vit", "vision_width": 256, "vision_depth": 6, "patch": 14, "language_width": 256,
        "language_depth": 6, "context": CONTEXT, "views": VIEWS,
        "connector": {"kind": "mlp", "merge": 2, "merge_by": "mean", "whole_pictures": True},
        "reduction": {"threshold": 0.1, "budget": CONTEXT - ROOM, "over": "strongest"},
    }  # fmt: skip
    settings = validate(VisionLanguageConfig, values, where="vlm_volume")
    tokenizer = train_chat_tokenizer(["What does the examination show?", "Nothing."], vocabulary=400)
    torch.manual_seed(0)
    model = VisionLanguageModel.build(settings, tokenizer=tokenizer, image_token=image_token_of(tokenizer)).eval()
    reader = model.reader(tokenizer, context=CONTEXT, grammar=grammar("medrega"))
    message = Message(role="user", parts=(Media(path=str(folder / "ct.nii"), kind="volume"), "What is shown?"))
    conversation = Conversation(id="ct", messages=(message,))
    before = peak_bytes()
    reset_peak()
    start = time.perf_counter()
    row = reader.prompt(conversation.messages, id="ct")
    read_s, read_peak = time.perf_counter() - start, peak_bytes()
    reset_peak()
    start = time.perf_counter()
    ids = torch.from_numpy(row.input_ids)[None]
    with torch.inference_mode():
        model.generate(
            ids,
            torch.ones_like(ids),
            [torch.from_numpy(one) for one in row.views],
            list(row.layouts),
            max_new_tokens=1,
        )
    layout = row.layouts[0]
    kept = layout.kept
    assert kept is not None
    return {
        "slices": layout.views,
        "rows_of_a_view": layout.size[0],
        "columns_of_a_view": layout.size[1],
        "tokens_before": int(kept.size),
        "tokens_of_the_volume": int(kept.sum()),
        "tokens_of_the_prompt": len(row.input_ids),
        "context": CONTEXT,
        "read_and_reduce_s": read_s,
        "encode_and_first_token_s": time.perf_counter() - start,
        "peak_before_gb": before / 1e9,
        "peak_reading_gb": read_peak / 1e9,
        "peak_encoding_gb": peak_bytes() / 1e9,
    }


if __name__ == "__main__":
    if "--side" in sys.argv:
        print(json.dumps(work(Path(sys.argv[-1]))))
    else:
        main()
