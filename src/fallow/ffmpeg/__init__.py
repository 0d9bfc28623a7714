"""The only place that spells ffmpeg: pure command builders, and the one way to run them. Standard library only."""
