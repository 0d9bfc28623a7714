"""Generators of short sources of every kind that transcoders stumble over; each frame carries its own number."""
