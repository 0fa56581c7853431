"""How much one more synthetic problem is worth, and how much more when the model also learns from its mistakes."""

__version__ = "0.1.0"
