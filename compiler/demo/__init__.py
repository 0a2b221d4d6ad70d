"""The first five minutes: a model from its spec to its answers. Run it with `python -m compiler.demo`."""
