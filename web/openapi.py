"""The API's OpenAPI document, without a running server: python web/openapi.py"""

from __future__ import annotations

import json
import sys

from fallow.pipeline.context import Context
from fallow.services import gateway


def document() -> dict[str, object]:
    return gateway.build(Context(*[None] * 5), "").openapi()  # type: ignore[list-item]


if __name__ == "__main__":
    json.dump(document(), sys.stdout)
