"""From a store's URL and the usual environment variables to a bucket."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from fallow.adapters.object_calls import PATIENCE
from fallow.adapters.object_uploads import Uploads, account
from fallow.adapters.store_keys import checked
from fallow.adapters.store_object import ObjectStore
from fallow.errors import BadSetting

_MADE: dict[str, Callable[..., Any]] = {"s3": S3Store, "az": AzureStore, "gs": GCSStore}
_TIMES = {
    "connect_timeout": timedelta(seconds=10),
    "read_timeout": timedelta(seconds=60),  # without a byte of the answer; the request must have got there, too
    "timeout": timedelta(minutes=5),  # for all of a request, of which the largest are of 16 MiB
}
_BACK_OFF = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2}
# A single call is repeated by object_calls as well, which tells of it and knows better what may be repeated.
_RETRIES = {"max_retries": 2, "backoff": _BACK_OFF, "retry_timeout": timedelta(seconds=PATIENCE)}
_STEADY = {**_RETRIES, "max_retries": 100}
_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
    "gs": (),
}
_CONNECTION = {
    "AccountName": "account_name",
    "AccountKey": "account_key",
    "BlobEndpoint": "endpoint",
    "SharedAccessSignature": "sas_key",
}


def open_store(url: str, environment: Mapping[str, str] = os.environ) -> ObjectStore:
    """The store of s3://BUCKET/PREFIX?option=…, az://CONTAINER/… or gs://BUCKET/…. Raises BadSetting."""
    parts = urllib.parse.urlsplit(url)
    name = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"  # options may hold secrets
    if parts.scheme not in _MADE or not parts.hostname or "@" in parts.netloc:
        # Not what it is: a password may be anywhere in what makes no sense.
        raise BadSetting(
            "The store's URL makes no sense; use s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or gs://BUCKET/PREFIX."
        )
    prefix = urllib.parse.unquote(parts.path).strip("/")
    if prefix:
        checked(prefix)  # links to other names would be refused by some
    config = _config(parts.scheme, dict(urllib.parse.parse_qsl(parts.query)), environment)
    client: dict[str, Any] = dict(_TIMES)
    if str(config.get("endpoint", "")).startswith("http://"):
        client["allow_http"] = True
    try:
        # Only what differs from the environment is given here: the library reads that by itself.
        remote, steady = (
            _MADE[parts.scheme](parts.netloc, config=config, client_options=client, retry_config=retries)
            for retries in (_RETRIES, _STEADY)
        )
    except (BaseError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadSetting(f"The store {name} cannot be used: {reason}") from None
    of_s3 = account(parts.netloc, config, environment) if parts.scheme == "s3" else None
    return ObjectStore(remote, steady, prefix, name, Uploads(of_s3) if of_s3 else None)


def _config(scheme: str, options: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    config: dict[str, str] = {}
    if endpoint := next((environment[name] for name in _ENDPOINTS[scheme] if environment.get(name)), ""):
        config["endpoint"] = endpoint
    if scheme == "az":
        config |= _connection(environment.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    return config | {name: value for name, value in options.items() if name != "links"}


def _connection(text: str) -> dict[str, str]:
    """What a connection string says, by the library's names."""
    given = dict(item.split("=", 1) for item in text.split(";") if "=" in item)
    if "EndpointSuffix" in given and "AccountName" in given and "BlobEndpoint" not in given:
        protocol = given.get("DefaultEndpointsProtocol", "https")
        given["BlobEndpoint"] = f"{protocol}://{given['AccountName']}.blob.{given['EndpointSuffix']}"
    return {_CONNECTION[name]: value for name, value in given.items() if name in _CONNECTION}
