"""The process of one contestant: it reads commands, a line each, and answers each with a line of JSON."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TextIO

import torch

from compiler import heap
from compiler.bench import memory
from compiler.bench.batches import batches
from compiler.bench.contestants import EMITTED, Contestant, Name, Unsuited, build
from compiler.bench.job import Job, Plan
from compiler.bench.products import Products
from compiler.features import multiplied_in
from compiler.plugins import load_plugins
from graphspec.diagnostics import SpecError

BOUND = "products"
"""The contestant that computes nothing but the matrix products."""


class Training:
    """One model that takes steps: forward, backward, fused AdamW."""

    def __init__(self, name: Name, job: Job, plan: Plan) -> None:
        begun = time.perf_counter()
        self.job, self.device = job, job.device
        self.contestant: Contestant = build(name, job, plan.compile_backend, plan.seed)
        self.contestant.model.train()
        learnt = [it for it in self.contestant.model.parameters() if it.requires_grad]
        self.optimiser = torch.optim.AdamW(learnt, lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
        self.taken = 0
        self.building = time.perf_counter() - begun
        self.batches = batches(job, plan.seed)

    def step(self) -> torch.Tensor:
        batch = self.batches[self.taken % len(self.batches)]
        with torch.autocast(self.device, torch.bfloat16, enabled=self.job.precision == "bf16"):
            loss = self.contestant.loss(batch)
        loss.backward()
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.taken += 1
        return loss.detach()

    def first(self) -> dict[str, Any]:
        """The first step, with all that is compiled for it."""
        self.taken = 0
        wait(self.device)
        begun = time.perf_counter()
        loss = self.step()
        wait(self.device)
        seconds = self.building + time.perf_counter() - begun
        return {"first_step": seconds, "loss": loss.item(), "parameters": self.contestant.parameters}

    def timed(self, steps: int) -> float:
        wait(self.device)
        begun = time.perf_counter()
        for _ in range(steps):
            self.step()
        wait(self.device)
        return time.perf_counter() - begun

    def measured(self) -> dict[str, Any]:
        """What is known at the end. Two more steps are taken: to see the memory, and the loss of the first batch."""
        found: dict[str, Any] = {"graphs": self.contestant.graphs, "regions": self.contestant.regions}
        if self.device == "cuda":
            peak = torch.cuda.max_memory_allocated()
        else:
            found["resident"] = memory.resident_peak()
            peak = memory.peak_of(self.step, memory.held_by(self.contestant.model, self.optimiser))
        self.taken = 0
        return {**found, "memory": peak, "last_loss": self.step().item()}

    def forget(self) -> None:
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        else:
            memory.forget_peak()


class Bound:
    """The matrix products of the emitted model's step, in the type in which the processor does them quickest."""

    def __init__(self, job: Job, plan: Plan) -> None:
        if job.precision == "bf16" and multiplied_in(torch.bfloat16, torch.device(job.device)) == torch.float32:
            job = replace(job, precision="fp32")
        training = Training(Name(EMITTED, "off", "fusion=plain"), job, plan)
        with Products() as products:
            training.step()
        self.device, self.products = job.device, products.found
        del training
        self.run = products.replayed(job.device)

    def first(self) -> dict[str, Any]:
        return {"first_step": self.timed(1), "loss": math.nan, "parameters": 0, "products": len(self.products)}

    def timed(self, steps: int) -> float:
        wait(self.device)
        begun = time.perf_counter()
        for _ in range(steps):
            self.run()
        wait(self.device)
        return time.perf_counter() - begun

    def measured(self) -> dict[str, Any]:
        return {"graphs": 0, "regions": 0, "memory": 0}

    def forget(self) -> None:
        pass


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def answers(commands: TextIO) -> Iterator[dict[str, Any]]:
    """An answer to each command: first what to run, then what to do with it."""
    task = json.loads(commands.readline())
    job, plan = Job.from_dict(task["job"]), Plan(**task["plan"])
    load_plugins(plan.plugins)
    prepare(job, plan)
    subject = Bound(job, plan) if task["name"] == BOUND else Training(Name(**task["name"]), job, plan)
    yield {"ready": True}
    does: dict[str, Callable[..., dict[str, Any]]] = {
        "first": subject.first,
        "round": lambda steps: _round(subject, steps),
        "forget": lambda: subject.forget() or {},
        "measured": subject.measured,
    }
    for line in commands:
        command = json.loads(line)
        yield does[command.pop("do")](**command)
        if job.device == "cuda":
            torch.cuda.empty_cache()  # the next contestant needs the room


def _round(subject: Training | Bound, steps: int) -> dict[str, Any]:
    """Steps that are timed; on CUDA after one that gets back the memory which the others had meanwhile."""
    if subject.device == "cuda":
        subject.timed(1)
    return {"seconds": subject.timed(steps)}


def prepare(job: Job, plan: Plan) -> None:
    """The same settings in every process."""
    if plan.keep_heap:
        heap.keep()
    torch.manual_seed(plan.seed)
    if plan.threads:
        torch.set_num_threads(plan.threads)
    torch.set_float32_matmul_precision("high" if job.precision == "tf32" else "highest")


def main() -> None:
    """Answers go to where the output went; what anything else prints goes with the errors."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        for answer in answers(sys.stdin):
            print(json.dumps(answer), file=out)
    except Unsuited as error:
        print(json.dumps({"unsuited": str(error)}), file=out)
    except SpecError as error:
        print(json.dumps({"failed": str(error)}), file=out)


if __name__ == "__main__":
    main()
