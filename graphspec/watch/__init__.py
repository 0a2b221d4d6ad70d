"""A spec's page, served on this machine and redrawn as the file is saved."""

from graphspec.watch.session import PortTaken, Session

__all__ = ["PortTaken", "Session"]
