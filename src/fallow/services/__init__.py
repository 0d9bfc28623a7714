"""Doors: decode a request, call one function of the pipeline, encode the answer."""
