"""Fallow: an open distributed video transcoder that puts idle processors to work."""

__version__ = "0.1.0"
