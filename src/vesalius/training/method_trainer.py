"""Training on the Trainer of Hugging Face: what it lacks is added here, its loop stays as it is."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from torch import Tensor, nn
from transformers import PrinterCallback, Trainer, TrainerControl, TrainingArguments

from vesalius.training import checkpoint, distributed
from vesalius.training.assembly import PairLoader, Parts
from vesalius.training.callbacks.after_step import AfterStep
from vesalius.training.callbacks.average import WeightAverage
from vesalius.training.callbacks.guard import require_finite
from vesalius.training.callbacks.metrics import Meter, MetricsLog
from vesalius.training.callbacks.progress import Progress, ProgressBar
from vesalius.training.callbacks.stopping import BestScore, Interruption
from vesalius.training.memory import TrainingStep, cached_step
from vesalius.training.rates import rate_groups
from vesalius.training.validation import validate
from vesalius.training.window import open_window

__all__ = ["MethodTrainer"]

_PROGRESS = "progress.json"
_SCRATCH = ".checkpoint.writing"


class MethodTrainer(Trainer):  # type: ignore[misc]
    """Trains a method on pairs.

    Added to the Trainer: batches by seed and epoch, the gradient cache, scores and the best model, a moving average
    of the weights, checkpoints that are whole or not there, and a stop at numbers that are not finite.
    """

    def __init__(self, parts: Parts, folder: Path, *, precision: str, progress: Progress | None = None) -> None:
        chosen, run = parts.recipe.optimisation, parts.recipe.run
        self.parts = parts
        self.folder = folder
        self.step_module = TrainingStep(parts.method)
        self.meter = Meter()
        self.best = BestScore(chosen.score)
        self.average = WeightAverage(self.step_module, decay=chosen.ema) if chosen.ema else None
        self.interruption = Interruption()
        self.optimizer: torch.optim.Optimizer | None = None
        self.control: TrainerControl
        self._validation = parts.validation_loader()
        self._saving_in: Path | None = None
        callbacks: list[Any] = [
            MetricsLog(folder, tensorboard="tensorboard" in run.report_to),
            self.interruption,
        ]
        callbacks += [AfterStep(parts.method)]
        callbacks += [self.average] if self.average is not None else []
        callbacks += [ProgressBar(progress)] if progress is not None else []
        super().__init__(
            model=self.step_module,
            args=_arguments(parts, folder, precision),
            data_collator=parts.collator,
            train_dataset=parts.train,
            eval_dataset=parts.validation,
            callbacks=callbacks,
        )
        self.remove_callback(PrinterCallback)
        self.loss_is_scaled_for_ga = False

    def create_accelerator_and_postprocess(self) -> None:
        """Let CPU processes shard as well: accelerate takes its plugin for FSDP2 on accelerators only."""
        super().create_accelerator_and_postprocess()
        if not self.args.fsdp:
            return
        state = self.accelerator.state
        if state.distributed_type == DistributedType.MULTI_CPU:
            state.distributed_type = DistributedType.FSDP
            state.fsdp_plugin = FullyShardedDataParallelPlugin(**self.args.fsdp_plugin_args)
            self.is_fsdp_enabled = True
        distributed.keep_scalars_whole(self.step_module, state.fsdp_plugin)

    def get_train_dataloader(self) -> PairLoader:
        """Return the batches of this process; accelerate does not shard them again."""
        return self.parts.train_loader()

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Make AdamW with the recipe's rates and weight decay, see `vesalius.training.rates`."""
        if self.optimizer is None:
            chosen = self.parts.recipe.optimisation
            named = (model or self.model).named_parameters()
            self.optimizer = torch.optim.AdamW(
                rate_groups(
                    [(name.split("method.", 1)[-1], weight) for name, weight in named],
                    part_of=self.parts.method.part_of,
                    lr=chosen.lr,
                    rates=chosen.rates,
                    weight_decay=chosen.weight_decay,
                ),
                lr=chosen.lr,
                betas=chosen.betas,
                eps=chosen.epsilon,
                fused=self.parts.recipe.run.sharding == "none",
            )
        return self.optimizer

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        """Take the batches of the next optimiser step, time the wait for them, and let the method look ahead."""
        start = perf_counter()
        batches, items = super().get_batch_samples(*args, **kwargs)
        self.meter.waited(perf_counter() - start)
        self.model_wrapped.train()
        batches = open_window(
            self.model_wrapped,
            self.parts.method,
            batches,
            chunk=self.parts.recipe.optimisation.cache_chunk,
            prepare=self._prepare_inputs,
            autocast=self.accelerator.autocast,
        )
        return batches, items

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Tensor], return_outputs: bool = False, **kwargs: Any
    ) -> Any:
        """Do the step of the method, keep its parts for the log and refuse a loss that is not finite."""
        parts = model(inputs)
        self._count(parts, inputs)
        return (parts["loss"], parts) if return_outputs else parts["loss"]

    def training_step(
        self, model: nn.Module, inputs: dict[str, Tensor], num_items_in_batch: Tensor | int | None = None
    ) -> Tensor:
        """Add the gradient of a batch, in chunks where the gradient cache is on."""
        method = self.parts.method
        method.progress = self.parts.progress(self.state.global_step)
        if not self.parts.recipe.optimisation.cache_chunk:
            loss: Tensor = super().training_step(model, inputs, num_items_in_batch)
        else:
            loss = self._cached_step(model, inputs)
        method.after_backward()
        return loss

    def _cached_step(self, model: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
        model.train()
        inputs = self._prepare_inputs(inputs)
        parts = cached_step(
            model,
            self.parts.method,
            inputs,
            chunk=self.parts.recipe.optimisation.cache_chunk,
            scale=1 / self.current_gradient_accumulation_steps,
            backward=self.accelerator.backward,
            no_sync=partial(self.accelerator.no_sync, model),
            autocast=self.accelerator.autocast,
        )
        self._count(parts, inputs)
        share: Tensor = parts["loss"] / self.current_gradient_accumulation_steps
        return share

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the parts of the loss and the clock to a training log."""
        if "loss" in logs:
            logs = {**logs, **self.meter.read()}
        super().log(logs, start_time)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Score the validation split, keep the model if it is the best so far, and stop where patience ends."""
        start = perf_counter()
        with self._averaged():
            scores = self._agreed(self.scores())
            if self.best.update(scores[self.best.score], self.state.global_step):
                self.export("best", scores)
        patience = self.parts.recipe.optimisation.patience
        if patience and self.best.validations_without >= patience:
            self.control.should_training_stop = self.control.should_save = True
        metrics = {f"eval_{name}": value for name, value in scores.items()}
        metrics["eval_seconds"] = perf_counter() - start
        self.log(metrics)
        self.meter.skip(perf_counter() - start)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def scores(self) -> dict[str, float]:
        """Score the validation split."""
        return validate(self._scored_module(), self._validation or (), device=self.args.device)

    def export(self, which: str, scores: dict[str, float] | None = None) -> None:
        """Write the model in Hugging Face form to `best` or `last`."""
        weights = None
        if self.is_fsdp_enabled:
            gathered = distributed.whole_weights(self.model_wrapped)
            weights = {name.removeprefix("method."): value for name, value in gathered.items()}
        if self.args.should_save:
            info = {
                "step": self.state.global_step,
                "epoch": self.state.epoch,
                "recipe": self.parts.recipe.name,
                "validation": scores or {},
                "moving_average": self.average is not None,
                "trained_on": asdict(self.parts.trained_on),
            }
            self.write_model(self.folder / which, info=info, weights=weights)

    def write_model(self, folder: Path, *, info: dict[str, Any], weights: dict[str, Tensor] | None) -> None:
        """Write the model with its card; `weights` are gathered shards, None for those in memory."""
        checkpoint.save_model(
            folder,
            method=self.parts.method,
            tokenizer=self.parts.tokenizer,
            processor=self.parts.processor,
            info=info,
            weights=weights,
        )

    def restore(self, state: Path) -> None:
        """Read what our own parts keep in a checkpoint; the Trainer reads the rest."""
        kept = json.loads((state / _PROGRESS).read_text(encoding="utf-8"))
        self.best = BestScore(**kept["best"])
        if self.average is not None:
            self.average.load(state)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Write a checkpoint beside its place, seal it and move it there, then the model as `last`."""
        start = perf_counter()
        name = f"checkpoint-{self.state.global_step}"
        self._saving_in = self.folder / _SCRATCH
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._saving_in = None
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            scratch = self.folder / _SCRATCH / name
            progress = json.dumps({"best": self.best.to_dict()})
            (scratch / _PROGRESS).write_text(progress, encoding="utf-8")
            if self.average is not None:
                self.average.save(scratch)
            checkpoint.seal(scratch)
            checkpoint.publish(scratch, self.folder / name)
            shutil.rmtree(self.folder / _SCRATCH)
            self._rotate()
        with self._averaged():
            self.export("last")
        self.accelerator.wait_for_everyone()
        self.meter.skip(perf_counter() - start)

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._saving_in or self.folder)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Write the weights of a checkpoint; no pickled arguments beside them."""
        from safetensors.torch import save_model

        if self.args.should_save:
            folder = Path(output_dir or self.args.output_dir)
            folder.mkdir(parents=True, exist_ok=True)
            save_model(self.step_module, str(folder / "model.safetensors"))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        """Read what `_save` wrote; weights that are tied stand in it once."""
        from safetensors.torch import load_model

        if self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        load_model(self.step_module, str(Path(resume_from_checkpoint) / "model.safetensors"))

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)
        self._require_finite(torch.as_tensor(norm), "the norm of the gradient")
        return norm

    def _rotate(self) -> None:
        found = sorted(self.folder.glob("checkpoint-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]))
        for old in found[: -self.parts.recipe.run.keep]:
            shutil.rmtree(old)

    def _count(self, parts: dict[str, Tensor], inputs: dict[str, Tensor]) -> None:
        self._last_index = inputs["index"]
        self._require_finite(parts["loss"], "the loss")
        detached = {name: value.detach() for name, value in parts.items()}
        self.meter.batch(len(inputs["index"]) * self.args.world_size, detached)
        if self.accelerator.sync_gradients:
            self.meter.step()

    def named(self, rows: Tensor) -> list[str]:
        """Return the ids of samples by their numbers, as they stand in a batch's ``index``."""
        ids = self.parts.train.ids
        return [ids[int(row)].as_py() for row in rows]

    def _require_finite(self, value: Tensor, what: str) -> None:
        saved = sorted(self.folder.glob("checkpoint-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]))
        kept = f"{saved[-1]} is kept." if saved else "No checkpoint had been saved yet."
        require_finite(
            value,
            what=what,
            step=self.state.global_step + 1,
            studies=self.named(self._last_index),
            kept=kept,
        )

    def _averaged(self) -> Any:
        return nullcontext() if self.average is None else self.average.in_place()

    def _scored_module(self) -> nn.Module:
        """The sharded module, or the one inside DDP: every process scores the whole split."""
        module: nn.Module = self.model_wrapped if self.is_fsdp_enabled else self.step_module
        return module

    def _agreed(self, scores: dict[str, float]) -> dict[str, float]:
        """Scores of the first process, so that all stop at the same step."""
        if self.args.world_size == 1:
            return scores
        shared = [scores]
        torch.distributed.broadcast_object_list(shared, src=0)
        return shared[0]


def _arguments(parts: Parts, folder: Path, precision: str) -> TrainingArguments:
    chosen, run = parts.recipe.optimisation, parts.recipe.run
    sharding: dict[str, Any] = {}
    if run.sharding == "fsdp":
        config = {
            "version": 2,
            "state_dict_type": "SHARDED_STATE_DICT",
            "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        }
        sharding = {"fsdp": True, "fsdp_config": config}
    return TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=distributed.local_batch(chosen.batch),
        gradient_accumulation_steps=chosen.accumulate,
        max_steps=parts.steps,
        learning_rate=chosen.lr,
        lr_scheduler_type="cosine" if chosen.schedule == "cosine" else "constant_with_warmup",
        warmup_steps=chosen.warmup,
        max_grad_norm=chosen.clip,
        bf16=precision == "bf16",
        use_cpu=distributed.device_type() == "cpu",
        seed=chosen.seed,
        full_determinism=run.deterministic,
        logging_strategy="steps",
        logging_steps=run.log_every,
        logging_first_step=True,
        logging_nan_inf_filter=False,
        eval_strategy="no" if parts.validation is None else "steps",
        eval_steps=parts.eval_every,
        save_strategy="steps",
        save_steps=run.save_every or parts.eval_every,
        remove_unused_columns=False,
        report_to=[],
        disable_tqdm=True,
        ddp_find_unused_parameters=parts.may_leave_unused,
        **sharding,
    )


def _layers(method: nn.Module) -> list[str]:
    """Class names of the layers that are sharded one by one: those that the towers name as not to be split."""
    modules = list(method.modules())
    named = {name for module in modules for name in getattr(module, "_no_split_modules", None) or ()}
    return sorted(named & {type(module).__name__ for module in modules})
