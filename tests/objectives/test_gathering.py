"""Two processes over gloo equal one process on the joined batch, in value and in gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, multiprocessing, nn

from vesalius.objectives.contrastive import ContrastConfig, Keys, contrast
from vesalius.objectives.gathering import gather_rows, row_counts

FORM = ContrastConfig(image_weight=0.75, text_weight=0.25)


class Sides(nn.Module):
    """Two matrices in place of two encoders."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.image = nn.Parameter(torch.randn(6, 4, dtype=torch.float64, generator=generator))
        self.text = nn.Parameter(torch.randn(6, 4, dtype=torch.float64, generator=generator))
        self.scale = nn.Parameter(torch.tensor(3.0, dtype=torch.float64))

    def forward(self, pairs: Tensor) -> Tensor:
        """Loss of pairs (n, 2, 6) of this process, whose mean over the processes is the joined batch's."""
        sides = (pairs[:, 0] @ self.image, pairs[:, 1] @ self.text)
        image, text = (nn.functional.normalize(side, dim=1) for side in sides)
        counts = row_counts(len(pairs), device=pairs.device)
        keys = Keys(
            image=gather_rows(image, counts=counts),
            text=gather_rows(text, counts=counts),
            first=sum(counts[: distributed.get_rank()]) if len(counts) > 1 else 0,
            processes=len(counts),
        )
        return contrast(image, text, logit_scale=self.scale, settings=FORM, keys=keys).loss


def pairs(rows: int) -> Tensor:
    return torch.randn(rows, 2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def work(rank: int, cases: tuple[tuple[int, ...], ...], folder: str) -> None:
    """One process of several: loss, gradient averaged as DDP does, and gathered whole numbers, for every case."""
    torch.set_num_threads(1)
    before = len(threads())
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=len(cases[0]))
    for number, sizes in enumerate(cases):
        model = nn.parallel.DistributedDataParallel(Sides())
        first = sum(sizes[:rank])
        loss = model(pairs(sum(sizes))[first : first + sizes[rank]])
        loss.backward()
        mean = loss.detach().clone()
        distributed.all_reduce(mean)
        counts = row_counts(sizes[rank], device=torch.device("cpu"))
        numbers = gather_rows(torch.arange(first, first + sizes[rank]), counts=counts)
        found = {"loss": mean / len(sizes), "numbers": numbers}
        found |= {name: parameter.grad for name, parameter in model.module.named_parameters()}
        torch.save(found, Path(folder) / f"{number}-{rank}.pt")
        del model, loss
    distributed.destroy_process_group()
    assert len(threads()) == before, f"threads of the group are left to abort the process at its end: {threads()}"


def threads() -> list[str]:
    """Names of the threads of this process that gloo started; none where the system does not list them."""
    names = (path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm"))
    return [name for name in names if "gloo" in name]


def test_two_processes_equal_one(tmp_path: Path) -> None:
    """With even and with uneven batches. Fresh starts and no forks: those hang on threads of earlier tests."""
    cases = ((4, 4), (5, 2))
    multiprocessing.start_processes(work, args=(cases, str(tmp_path)), nprocs=2, start_method="spawn")
    for number, sizes in enumerate(cases):
        model = Sides()
        loss = model(pairs(sum(sizes)))
        loss.backward()
        for rank in range(len(sizes)):
            found: dict[str, Any] = torch.load(tmp_path / f"{number}-{rank}.pt", weights_only=True)
            assert found["numbers"].tolist() == list(range(sum(sizes)))
            # 1e-12: the same sums in another order, in float64.
            torch.testing.assert_close(found["loss"], loss.detach(), rtol=1e-12, atol=1e-12)
            for name, parameter in model.named_parameters():
                torch.testing.assert_close(found[name], parameter.grad, rtol=1e-12, atol=1e-12)


def test_one_process_gathers_itself() -> None:
    rows = torch.randn(3, 2)
    assert gather_rows(rows, counts=row_counts(3, device=rows.device)) is rows
