"""20 000 rows with several pictures each, prepared for training: memory of the process and rows a second.

What users of a peer report grows to tens of GB: hiyouga/LLaMA-Factory issue 9531.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from measure import save

ROWS = 20_000
PICTURES = 64
"""Different pictures, of 512 × 512 pixels; rows show two to eight of them."""
LENGTHS_OF = 4_000
"""Rows whose tokens are counted and that are packed."""


def main() -> None:
    """Measure and write the figures; the peak is that of a process that does nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        write_rows(Path(folder))
        command = [sys.executable, __file__, "--side", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    print(json.dumps(figures, indent=2))
    print(save("conversations", figures))


def write_rows(folder: Path) -> None:
    """Write pictures and rows."""
    rng = np.random.default_rng(0)
    for number in range(PICTURES):
        Image.fromarray(rng.integers(0, 256, (512, 512), dtype=np.uint8)).save(folder / f"{number}.png")
    with (folder / "rows.jsonl").open("w") as file:
        for number in range(ROWS):
            shown = [f"{place}.png" for place in rng.integers(0, PICTURES, rng.integers(2, 9))]
            user = {"role": "user", "content": "<image>" * len(shown) + f"What has changed in visit {number}?"}
            answer = {"role": "assistant", "content": "Nothing is new. " * int(rng.integers(1, 30))}
            file.write(json.dumps({"id": str(number), "messages": [user, answer], "images": shown}) + "\n")


def work(folder: Path) -> dict[str, float]:
    """Open, check, count tokens, pack and read the pixels of a pack: what happens before a step."""
    from vesalius.data.conversations.jsonl import JsonLines
    from vesalius.data.packing import pack
    from vesalius.models.vlm.looking import Looker
    from vesalius.models.vlm.reading import ConversationReader
    from vesalius.models.vlm.tokenizer import train_chat_tokenizer
    from vesalius.models.vlm.view_settings import ViewSettings
    from vesalius.tasks.grammar import grammar
    from vesalius.training.peak import peak_bytes

    start = time.perf_counter()
    source = JsonLines(folder / "rows.jsonl")
    opened = time.perf_counter() - start
    faults = sum(source.check().counts.values())
    checked = time.perf_counter() - start - opened
    tokenizer = train_chat_tokenizer((source[row].messages[-1].text for row in range(500)), vocabulary=1000)
    looker = Looker(ViewSettings(size=336, channels=3), places=lambda size: None)
    reader = ConversationReader(
        tokenizer, looker=looker, count=lambda layout: 144, context=4096, grammar=grammar("medrega")
    )
    start = time.perf_counter()
    lengths = [reader.length(source[row]) for row in range(LENGTHS_OF)]
    packs = pack(lengths, budget=4096, window=512)
    packed = time.perf_counter() - start
    start = time.perf_counter()
    shown = sum(len(reader.row(source[int(row)]).views) for number in range(8) for row in packs[number])
    return {
        "rows": ROWS,
        "faults": faults,
        "open_seconds": opened,
        "check_seconds": checked,
        "rows_counted_and_packed_per_second": LENGTHS_OF / packed,
        "utilisation": packs.utilisation,
        "pictures_decoded_per_second": shown / (time.perf_counter() - start),
        "peak_mib": peak_bytes() / 2**20,
        "target_mib": 2048,
    }


if __name__ == "__main__":
    if "--side" in sys.argv:
        print(json.dumps(work(Path(sys.argv[sys.argv.index("--side") + 1]))))
    else:
        main()
