"""Verdicts on thousands of random specs, held against what their models do, and against what truly holds of them."""
