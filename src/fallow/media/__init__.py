"""Containers and packets, with PyAV: probe and index a source, ship chunks, inspect parts, join them."""
