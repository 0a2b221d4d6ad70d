"""AdamW with its learning-rate schedule, and where and how precisely the arithmetic is done."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from compiler.features import lacks, multiplied_in, resolve
from compiler.target import Target
from compiler.train.recipe import Optimiser, Recipe, Schedule
from graphspec.diagnostics import Report


def rate(step: int, steps: int, peak: float, schedule: Schedule) -> float:
    """The learning rate of a step, counted from 0: it rises to `peak`, then follows the schedule.

    Source: cosine: Loshchilov & Hutter 2017; inverse_sqrt: Vaswani et al. 2017, eq. 3, scaled to `peak`.
    """
    warm = schedule.warmup
    if step < warm:
        return peak * (step + 1) / (warm + 1)
    gone = (step - warm) / max(1, steps - warm)
    match schedule.then:
        case "cosine":
            return peak * (1 + math.cos(math.pi * gone)) / 2
        case "linear":
            return peak * (1 - gone)
        case "inverse_sqrt":
            return peak * math.sqrt(max(1, warm) / max(1, step))
        case "constant":
            return peak


def adamw(model: nn.Module, settings: Optimiser) -> torch.optim.AdamW:
    """AdamW, fused; only tensors of two axes and more decay."""
    learnt = [it for it in model.parameters() if it.requires_grad]
    groups = [
        {"params": [it for it in learnt if it.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [it for it in learnt if it.ndim < 2], "weight_decay": 0.0},
    ]
    kept = [group for group in groups if group["params"]]
    return torch.optim.AdamW(kept, lr=settings.lr, betas=settings.betas, eps=settings.eps, fused=True)


def state(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What the optimiser remembers, by kind and the spec's names: `exp_avg.embedding.weight`."""
    found = optimiser.state
    named = [(name, found[it]) for name, it in model.named_parameters() if it in found]
    return {f"{kind}.{name}": tensor for name, kinds in named for kind, tensor in kinds.items()}


def restore(model: nn.Module, optimiser: torch.optim.Optimizer, saved: Mapping[str, Tensor]) -> None:
    """Give the optimiser back what `state` returned."""
    parameters = dict(model.named_parameters())
    for key, tensor in saved.items():
        kind, name = key.split(".", 1)
        optimiser.state[parameters[name]][kind] = tensor.to(parameters[name].device)


def sow(seed: int, step: int) -> None:
    """Seed all chance of one step (dropout), so that a resumed run draws what the uninterrupted one would have."""
    torch.manual_seed(int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> np.uint64(1)))


def device_of(recipe: Recipe, report: Report) -> torch.device:
    """The device that the recipe asks for. Reports one that is not there or bad at the precision."""
    device = resolve(Target(device=recipe.device)).device
    for lacking in lacks(device, recipe.precision):
        key = "device" if lacking.code == "no-device" else "precision"
        report.add(replace(lacking, span=recipe.span(key), help=lacking.help.replace("=", ": ")))
    found = torch.device(device)
    if recipe.precision == "bf16" and recipe.compile == "off" and multiplied_in(torch.bfloat16, found) == torch.float32:
        message = "this processor multiplies in fp32 more quickly than in bf16"
        help = "say `compile: blocks`, which takes the quicker one, or `precision: fp32`"
        report.warning("slow-precision", message, recipe.span("precision"), help=help)
    return found


@contextlib.contextmanager
def arithmetic(recipe: Recipe, device: torch.device) -> Iterator[None]:
    """Threads, exactness of products and determinism for a run; as they were before, afterwards."""
    threads, exact = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    products = torch.get_float32_matmul_precision()
    random = torch.random.get_rng_state()
    try:
        torch.set_num_threads(recipe.threads or threads)
        torch.set_float32_matmul_precision("high" if recipe.precision == "tf32" else "highest")
        if device.type == "cuda":
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS sums in any order
            torch.use_deterministic_algorithms(True, warn_only=True)
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(products)
        torch.use_deterministic_algorithms(exact)
        torch.random.set_rng_state(random)


def autocast(recipe: Recipe, device: torch.device) -> torch.autocast:
    """Products in bf16 where the recipe asks for it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16")
