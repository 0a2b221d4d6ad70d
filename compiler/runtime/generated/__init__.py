"""Where generated modules are imported from: their files lie in the cache folder, not here."""

from compiler.runtime.files import folder

__path__ = [str(folder())]
