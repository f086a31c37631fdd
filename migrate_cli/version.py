"""The version of the program. It imports nothing, so that `--version` is answered at once."""

__version__ = "0.1.0"
