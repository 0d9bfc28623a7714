"""The steps, oldest first. One that was released is never changed.

- tables_0001: the first tables
"""
