"""Every way to name a bucket and to show credentials for it."""

import asyncio
import base64
import hashlib
import hmac
import json
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fallow.adapters.object_links import LONGEST, ObjectLinks
from fallow.adapters.object_url import open_store
from fallow.errors import BadSetting, Unavailable
from fallow.services.blobs_api import SignedLinks
from servers import azurite as azure
from servers import ceph as s3
from servers.faulty import Faulty

GATEWAY = SignedLinks("secret", lambda: 0.0)


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """Nothing in the environment speaks of buckets."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)


async def works(store):
    await store.put("jobs/1/a", b"hello")
    assert await store.read("jobs/1/a", 0, 5) == b"hello"
    assert [facts.key async for facts in store.list("jobs/")] == ["jobs/1/a"]
    writer = await store.writer("jobs/1/b")
    await writer.write(bytes(17 << 20))
    assert (await writer.commit()).size == 17 << 20


async def fetched(store):
    """What the link leads to."""
    link = await ObjectLinks(store, GATEWAY).get_link("jobs/1/a", 60)
    return await asyncio.to_thread(lambda: urllib.request.urlopen(link.url).read())  # noqa: S310 - http alone


async def test_s3_by_the_usual_variables(ceph, monkeypatch):
    url = ceph.fresh_url().partition("?")[0]
    for name, value in [("AWS_ACCESS_KEY_ID", s3.KEY), ("AWS_SECRET_ACCESS_KEY", s3.SECRET)]:
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    store = open_store(url, {"AWS_ENDPOINT_URL": ceph.url})
    await works(store)
    assert await fetched(store) == b"hello"


async def test_s3_whose_buckets_are_hosts(ceph):
    """The proxy stands in for names that nobody knows here."""
    proxy = Faulty(ceph.port)
    endpoint = f"http://{s3.BUCKET}.{s3.DOMAIN}:{ceph.port}"
    options = {"virtual_hosted_style_request": "true", "proxy_url": f"http://127.0.0.1:{proxy.port}"}
    store = open_store(s3.fresh_url(endpoint, **options), {})
    await works(store)
    assert all(target.startswith(("/tests/", "/?")) for _, target in proxy.requests)
    assert all(f"host: {s3.BUCKET}.{s3.DOMAIN}:" in head.lower() for head in proxy.heads)
    link = await ObjectLinks(store, GATEWAY).get_link("jobs/1/a", 60)
    assert link.url.startswith(f"{endpoint}/tests/")
    proxy.close()


async def test_s3_with_a_session_token(ceph):
    """Which Ceph does not look at, but it is part of what is signed."""
    proxy = Faulty(ceph.port)
    store = open_store(proxy.of(ceph.fresh_url(session_token="TOKENEXAMPLE")), {})  # noqa: S106
    await works(store)
    assert all("x-amz-security-token: TOKENEXAMPLE" in head for head in proxy.heads)
    assert await fetched(store) == b"hello"
    assert "X-Amz-Security-Token=TOKENEXAMPLE" in proxy.requests[-1][1]
    proxy.close()


def sas():
    """Of the account, for an hour."""
    end = (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    given = {"sp": "rwdlac", "ss": "b", "srt": "sco", "se": end, "sv": azure.VERSION}
    text = "\n".join([azure.ACCOUNT, "rwdlac", "b", "sco", "", end, "", "", azure.VERSION, "", ""])
    signature = hmac.digest(base64.b64decode(azure.KEY), text.encode(), hashlib.sha256)
    return urllib.parse.urlencode({**given, "sig": base64.b64encode(signature).decode()})


async def test_azure_by_connection_string(azurite):
    url = azurite.fresh_url().partition("?")[0]
    store = open_store(url, {"AZURE_STORAGE_CONNECTION_STRING": azurite.connection_string})
    await works(store)
    assert await fetched(store) == b"hello"


@pytest.mark.parametrize("how", ["option", "connection string"])
async def test_azure_by_sas_whose_links_lead_through_the_gateway(azurite, how):
    """Azurite knows no deletion by the SAS of an account; nothing is deleted here."""
    url = azurite.fresh_url().partition("?")[0]
    if how == "option":
        given = {"account_name": azure.ACCOUNT, "endpoint": azurite.url, "sas_key": sas()}
        store = open_store(f"{url}?{urllib.parse.urlencode(given)}", {})
    else:
        text = f"BlobEndpoint={azurite.url};AccountName={azure.ACCOUNT};SharedAccessSignature={sas()}"
        store = open_store(url, {"AZURE_STORAGE_CONNECTION_STRING": text})
    await works(store)
    links = ObjectLinks(store, GATEWAY)
    get, put = await links.get_link("jobs/1/a", 60), await links.put_link("jobs/1/c", 60, 100)
    assert get == await GATEWAY.get_link("jobs/1/a", 60)
    assert put == await GATEWAY.put_link("jobs/1/c", 60, 100)


def test_azure_by_a_connection_string_without_an_endpoint():
    key = azure.KEY
    text = f"DefaultEndpointsProtocol=https;AccountName=me;AccountKey={key};EndpointSuffix=core.example.net"
    store = open_store("az://videos/fallow", {"AZURE_STORAGE_CONNECTION_STRING": text})
    assert store.remote.config["endpoint"] == "https://me.blob.core.example.net"


@pytest.fixture
def google():
    """The option with a service account that nobody has."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    text = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    account = {"private_key": text, "private_key_id": "1", "client_email": "me@example.iam.gserviceaccount.com"}
    return urllib.parse.urlencode({"service_account_key": json.dumps(account)})


async def test_google_signs_links_without_asking_anybody(google):
    store = open_store(f"gs://videos/fallow?{google}", {})
    get = await ObjectLinks(store, GATEWAY).get_link("jobs/1/a", 60)
    assert get.url.startswith("https://storage.googleapis.com/videos/fallow/jobs/1/a?")
    given = urllib.parse.parse_qs(urllib.parse.urlsplit(get.url).query)
    assert given["X-Goog-Expires"] == ["120"]
    assert given["X-Goog-Algorithm"] == ["GOOG4-RSA-SHA256"]
    put = await ObjectLinks(store, GATEWAY).put_link("jobs/1/b", 1e9, 100)
    assert f"X-Goog-Expires={LONGEST}&" in put.whole_url
    assert put.whole_headers == {}


@pytest.mark.parametrize("url", ["s3://bucket/a b", "s3://bucket/../c", "az://c/%C3%A9", "s3://bucket//x//y"])
def test_places_whose_links_some_would_refuse_are_refused(url):
    with pytest.raises(BadSetting, match="object's key"):
        open_store(url, {})


@pytest.mark.parametrize("key", ["access_key_id", "secret_access_key"])
async def test_wrong_credentials_are_told_without_any(ceph, key):
    store = open_store(ceph.fresh_url(**{key: "WRONGEXAMPLE"}), {})
    with pytest.raises(Unavailable, match="refused access") as told:
        await store.put("a", b"x")
    assert not any(secret in str(told.value) for secret in ("WRONGEXAMPLE", s3.KEY, s3.SECRET))


async def test_a_wrong_azure_key_is_told_without_it(azurite):
    wrong = base64.b64encode(b"wrong" * 10).decode()
    url = azurite.fresh_url().replace(urllib.parse.quote(azure.KEY, safe=""), urllib.parse.quote(wrong, safe=""))
    with pytest.raises(Unavailable, match="refused access") as told:
        await open_store(url, {}).put("a", b"x")
    assert wrong not in str(told.value)
