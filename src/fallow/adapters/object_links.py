"""Links that lead workers to the bucket itself, past the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from obstore.store import AzureStore

from fallow import log
from fallow.adapters.store_object import ObjectStore
from fallow.errors import Unavailable
from fallow.ports import GetLink, Links, PutLink

LONGEST = 7 * 86400 - 60
"""Seconds that a link can be valid; S3 takes no more than a week."""

LONGER = 60.0  # than its lease's deadline: what was begun in time may end

_AZURE = {"x-ms-blob-type": "BlockBlob"}  # it wants to know what kind of blob it gets


def put_headers(store: ObjectStore) -> Mapping[str, str]:
    """What must come with the PUT of a signed link."""
    return _AZURE if isinstance(store.remote, AzureStore) else {}


class ObjectLinks:
    """The bucket's own signed links.

    A bucket takes one PUT only with its length, which is known when a part is whole. A part that has grown too
    large to be kept until then goes through the gateway, which cuts it into a multipart upload.
    """

    def __init__(self, store: ObjectStore, gateway: Links) -> None:
        self._store = store
        self._gateway = gateway
        self._unsigned = False  # the last link could not be signed

    async def get_link(self, key: str, seconds: float) -> GetLink:
        through = await self._gateway.get_link(key, seconds)
        direct = await self._signed("GET", key, seconds)
        return GetLink(direct, through.url) if direct else through

    async def put_link(self, key: str, seconds: float, most: int) -> PutLink:
        through = await self._gateway.put_link(key, seconds, most)
        direct = await self._signed("PUT", key, seconds)
        return PutLink(through.url, direct, put_headers(self._store)) if direct else through

    async def _signed(self, method: Literal["GET", "PUT"], key: str, seconds: float) -> str:
        """A link; "" when the store's credentials cannot sign one (those of a SAS cannot)."""
        try:
            link = await self._store.sign(method, key, min(seconds + LONGER, LONGEST))
        except Unavailable as error:
            if not self._unsigned:
                log.trouble("links.unsigned", f"{error} All bytes go through the gateway.")
            link = ""
        self._unsigned = not link
        return link
