"""Run-time probes of the contracts: whether what was really compiled keeps what was proved of the graph."""

from compiler.verify.findings import Finding, Verification
from compiler.verify.session import verify

__all__ = ["Finding", "Verification", "verify"]
