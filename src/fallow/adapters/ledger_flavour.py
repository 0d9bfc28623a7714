"""What one kind of database needs of its own: how it is opened, and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError


@dataclass(frozen=True)
class Flavour:
    """One database and its ways."""

    place: str  # for messages: never with a password
    engine: Engine
    writers: int  # threads
    readers: int
    seconds: float  # that a connection is used
    prepare: Callable[[Connection], None]  # checks the tables, or makes them
    settle: Callable[[Engine], None]  # once after that, outside of any transaction
    passes: Callable[[DBAPIError], bool]  # whether the same transaction may succeed when it is run again
    broken: Callable[[DBAPIError], bool]  # whether nothing more is to be had of this connection
    told: Callable[[DBAPIError], Exception]  # the error as a sentence, or as it is
    made: Callable[[DBAPIError], bool]  # whether somebody else makes, or has made, what was to be made
    orphan: Callable[[IntegrityError], bool]  # whether it is for a row that belongs to one that is not there
    marks: bool  # whether it can be unknown if a commit happened, so that transactions leave marks
