"""Agents that come and go, whose devices may work and may not, while jobs never cease: what piles up?"""
