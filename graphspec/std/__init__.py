"""The standard library: blocks written in the language itself."""
