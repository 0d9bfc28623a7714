"""Addresses of RabbitMQ, and names of its queues."""

import pytest

from fallow.adapters.amqp_line import parse
from fallow.adapters.amqp_topology import Names
from fallow.data_folder import DataFolder
from fallow.errors import BadSetting
from fallow.settings import Settings
from fallow.wiring import connect


def test_an_address_names_all_nodes_of_a_cluster():
    found = parse("amqp://ann:p%40ss%3A%2F@one,two:5673,[::1]:5674/my%2Fhost")
    assert found.nodes == (("one", 5672), ("two", 5673), ("::1", 5674))
    assert (found.user, found.password, found.vhost) == ("ann", "p@ss:/", "my/host")
    assert parse("amqps://one").nodes == (("one", 5671),)
    assert parse("amqp://one").vhost == parse("amqp://one/").vhost == parse("amqp://one/%2F").vhost == "/"


@pytest.mark.parametrize("hosts", ["", "one,", "one:port", "one:99999", "[::1"])
def test_hosts_that_make_no_sense_are_refused_without_telling_the_password(hosts):
    with pytest.raises(BadSetting) as raised:
        parse(f"amqp://ann:secret@{hosts}/")
    assert "secret" not in str(raised.value)


async def test_a_queue_of_no_known_kind_is_refused_without_telling_the_password(tmp_path):
    folder = DataFolder.open(tmp_path)
    with pytest.raises(BadSetting, match="'kafka' is no kind of queue") as raised:
        await connect(Settings(queue_url="kafka://ann:secret@one/"), folder)
    assert "secret" not in str(raised.value)
    folder.close()


def test_addresses_are_shown_without_password():
    found = parse("amqp://ann:secret@one,two/host")
    assert "secret" not in f"{found} {found!r}"
    assert str(found) == "amqp://one:5672,two:5672/host"


def test_delayed_messages_wait_in_few_queues_and_never_too_short():
    names = Names("f.")
    found = {seconds: names.delayed("a", seconds) for seconds in (0.0004, 0.05, 1.234, 1.2, 86399)}
    waits = {seconds: arguments["x-message-ttl"] for seconds, (_, arguments) in found.items()}
    assert waits == {0.0004: 1, 0.05: 50, 1.234: 1300, 1.2: 1200, 86399: 87_000_000}
    assert found[1.234][0] == "f.delay.1300.a"
    assert all(arguments["x-expires"] > 2 * arguments["x-message-ttl"] for _, arguments in found.values())
