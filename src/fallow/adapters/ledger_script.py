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
from functools import cached_property
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

_VALUE = re.compile(r":([a-z_]+)")
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Statement:
    """SQL with values by name: `:lease`, or `IN :leases` for a value that is a list and not empty."""

    text: str
    least: int = 0  # rows that it is sure to hit

    @cached_property
    def formatted(self) -> str:
        """As MariaDB's driver wants it."""
        return _VALUE.sub(r"%(\1)s", self.text)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_VALUE.findall(self.text)))

    def expanded(self, values: Values) -> tuple[str, dict[str, Any]]:
        """As SQLite's driver wants it: it knows no lists."""
        given: dict[str, Any] = {}

        def place(found: re.Match[str]) -> str:
            name, value = found[1], values[found[1]]
            if not isinstance(value, list):
                given[name] = value
                return f":{name}"
            given.update({f"{name}_{n}": one for n, one in enumerate(value)})
            return "(" + ", ".join(f":{name}_{n}" for n in range(len(value))) + ")"

        return _VALUE.sub(place, self.text), given


Script = Sequence[tuple[Statement, Values]]
"""Statements with their values. One that fails is the last: no COMMIT after it is carried out."""


@dataclass(frozen=True)
class Answer:
    """To one statement."""

    count: int  # rows that it hit
    rows: Sequence[Mapping[str, Any]]


class Missed(Exception):
    """What a transaction was sure to find was gone: it has to begin again."""


def run(db: Connection, asked: Script) -> list[Answer]:
    """The answers to all statements. Raises Missed."""
    # A cursor of the driver: SQLAlchemy's result is of the first statement only.
    cursor = db.connection.cursor()
    driver = db.dialect.loaded_dbapi
    try:
        if getattr(db.connection.driver_connection, "takes_scripts", False):
            return _together(cursor, [_written(cursor, *one) for one in asked])
        return list(_one_by_one(cursor, asked, db.dialect.name))
    except driver.Error as error:
        raise _wrapped(db, ";".join(one.text for one, _ in asked), error) from error


def _written(cursor: Any, statement: Statement, values: Values) -> str:
    # Only what it names: whatever is given to the driver is escaped, and the same values go to many statements.
    return str(cursor.mogrify(statement.formatted, {name: values[name] for name in statement.names}))


def _together(cursor: Any, texts: Sequence[str]) -> list[Answer]:
    cursor.execute(";".join(texts))
    answers = [_answer(cursor)]
    while cursor.nextset():
        answers.append(_answer(cursor))
    return answers


def _one_by_one(cursor: Any, asked: Script, dialect: str) -> Iterator[Answer]:
    for statement, values in asked:
        if dialect == "mysql":
            cursor.execute(_written(cursor, statement, values))
        else:
            cursor.execute(*statement.expanded(values))
        answer = _answer(cursor)
        if statement.least and answer.count < statement.least:
            raise Missed
        yield answer


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
