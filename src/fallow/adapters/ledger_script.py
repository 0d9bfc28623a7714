"""SQL that reaches the database in one exchange, however many statements it has.

For what is asked for every task: an exchange costs more than most statements, and building and compiling those anew
costs more than either. The statements are portable; what is in `/*M! … */` only MariaDB reads.

A node of a cluster gets them one by one. Sent together, a delivery was once counted twice while a node was killed.
Why is not proven: perhaps since a node that takes a transaction back says so in the answer to the next command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

_VALUE = re.compile(r":([a-z_]+)")


@dataclass(frozen=True)
class Answer:
    """Of one statement."""

    count: int  # rows that it hit
    rows: Sequence[Mapping[str, Any]]


class Missed(Exception):
    """What a transaction was sure to find was gone: it has to begin again."""


class Script:
    """Statements with values by name (`:lease`). One that fails is the last: no COMMIT after it is carried out."""

    def __init__(self, *statements: str, least: int = 0) -> None:
        self.statements = statements
        self._least = least  # rows that the first one must hit
        self._formatted = [_VALUE.sub(r"%(\1)s", statement) for statement in statements]
        self._joined = ";".join(self._formatted)

    def __call__(self, db: Connection, **values: Any) -> list[Answer]:
        # A cursor of the driver: SQLAlchemy's result is of the first statement only.
        cursor = db.connection.cursor()
        driver = db.dialect.loaded_dbapi
        try:
            if getattr(db.connection.driver_connection, "takes_scripts", False):
                return _together(cursor, self._joined, values)
            texts = self._formatted if db.dialect.name == "mysql" else self.statements
            return list(self._one_by_one(cursor, texts, values))
        except driver.Error as error:
            raise _wrapped(db, self._joined, error) from error

    def _one_by_one(self, cursor: Any, texts: Sequence[str], values: Mapping[str, Any]) -> Iterator[Answer]:
        least = self._least
        for text in texts:
            cursor.execute(text, values)
            answer = _answer(cursor)
            if least and answer.count < least:
                raise Missed
            least = 0
            yield answer


def _together(cursor: Any, joined: str, values: Mapping[str, Any]) -> list[Answer]:
    cursor.execute(joined, values)
    answers = [_answer(cursor)]
    while cursor.nextset():
        answers.append(_answer(cursor))
    return answers


def _answer(cursor: Any) -> Answer:
    if not cursor.description:
        return Answer(cursor.rowcount, ())
    names = [column[0] for column in cursor.description]
    return Answer(cursor.rowcount, [dict(zip(names, row, strict=True)) for row in cursor.fetchall()])


def _wrapped(db: Connection, text: str, error: Exception) -> BaseException:
    """As SQLAlchemy tells errors, without the values."""
    driver = db.dialect.loaded_dbapi
    lost = db.dialect.is_disconnect(error, None, None)  # type: ignore[arg-type]
    return DBAPIError.instance(text, None, error, driver.Error, True, lost, db.dialect)
