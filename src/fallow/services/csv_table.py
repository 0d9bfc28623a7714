"""Tables as CSV, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from starlette.requests import Request
from starlette.responses import Response

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a text must not begin with, as a spreadsheet would calculate it."""


def wanted(request: Request, form: str) -> bool:
    """Whether a caller asks for CSV rather than for JSON."""
    return form == "csv" or (not form and "text/csv" in request.headers.get("accept", ""))


def table(name: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """The answer that a browser saves under this name."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headings)
    writer.writerows([_cell(value) for value in row] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.getvalue(), media_type="text/csv", headers=headers)


def _cell(value: object) -> object:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
