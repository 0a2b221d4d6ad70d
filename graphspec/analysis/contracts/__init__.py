"""Contracts: properties of a model's flow that are proved, refuted with a path, or left open with the reason."""

from graphspec.analysis.contracts.verdicts import Verdict, causality, check_contracts, verdicts
from graphspec.analysis.paths import Hop

__all__ = ["Hop", "Verdict", "causality", "check_contracts", "verdicts"]
