"""The machine: what it is, what it could do at most, and the settings that all contestants' processes share."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import graphspec
from compiler.bench.job import Plan

TERA = 10**12
# Dense products per second as the makers' data sheets give them, without sparsity; by a part of the device's name, the
# longer ones first. tf32 is what fp32 tensors are multiplied in where the job allows it.
PEAKS: tuple[tuple[str, Mapping[str, float]], ...] = (
    ("H100 PCIe", {"bf16": 756 * TERA, "tf32": 378 * TERA, "fp32": 51 * TERA}),
    ("H100 NVL", {"bf16": 835 * TERA, "tf32": 417 * TERA, "fp32": 60 * TERA}),
    ("H100", {"bf16": 989 * TERA, "tf32": 494 * TERA, "fp32": 67 * TERA}),
    ("H200", {"bf16": 989 * TERA, "tf32": 494 * TERA, "fp32": 67 * TERA}),
    ("A100", {"bf16": 312 * TERA, "tf32": 156 * TERA, "fp32": 19.5 * TERA}),
    ("L40S", {"bf16": 362 * TERA, "tf32": 183 * TERA, "fp32": 91.6 * TERA}),
    ("L4", {"bf16": 121 * TERA, "tf32": 60 * TERA, "fp32": 30.3 * TERA}),
)


def peak_rate(device: str, precision: str) -> float | None:
    """Operations per second that a GPU of this name could do at most; None if it is not listed."""
    return next((rates.get(precision) for name, rates in PEAKS if name in device), None)


def describe(device: str) -> dict[str, Any]:
    """The device and the versions, as they stand in results."""
    import torch

    found: dict[str, Any] = {"device": _processor(), "cores": os.cpu_count(), "system": platform.system()}
    if device == "cuda":
        found |= {"device": torch.cuda.get_device_name(), "cuda": torch.version.cuda}
    versions = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "graphspec": graphspec.__version__,
    }
    return {**found, "versions": {**versions, **_others()}}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _others() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str] = {}
    for name in ("transformers", "x-transformers", "litgpt"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def environment(plan: Plan, cache: Path) -> dict[str, str]:
    """The variables that every contestant's process is given; `cache`: an empty folder, so that each compiles anew.

    torch keeps precompiled headers among temporary files: these go there too, or the first contestant pays for all.
    """
    threads = str(plan.threads or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0]))
    chosen = {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "PYTHONHASHSEED": "0",
        "TOKENIZERS_PARALLELISM": "false",
    }
    return chosen | dict.fromkeys(PLACES, str(cache))


PLACES = ("TORCHINDUCTOR_CACHE_DIR", "TMPDIR")
