"""Side by side: the same training step by several contestants, each in a process of its own, round by round."""

from compiler.bench.job import Job, Plan
from compiler.bench.results import Results
from compiler.bench.session import about, bench, check

__all__ = ["Job", "Plan", "Results", "about", "bench", "check"]
