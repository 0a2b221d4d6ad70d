"""GraphSpec: a language for neural architectures, checked, proved and drawn.

    spec = graphspec.load("specs/transformer.yaml", layers=2)
    spec.check()
    spec.render("transformer.svg")

Compiling and training is the package `compiler`; this one never imports torch.
"""

from graphspec.compare import diff
from graphspec.diagnostics import Diagnostic, SpecError
from graphspec.spec import Spec, load, loads

__version__ = "0.1.0"
__all__ = ["Diagnostic", "Spec", "SpecError", "__version__", "diff", "load", "loads"]
