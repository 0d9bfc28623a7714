"""What `fallow doctor` finds at clusters: all well, nodes that are lost, and nodes that are of no one cluster."""

import asyncio

from findings_of import look, of, states

from fallow.adapters.ledger_migrate import migrate
from fallow.findings import BAD, GOOD, WARNING


async def test_a_cluster_of_brokers_that_is_well(trio):
    told = await look(queue_url=trio.url)
    assert states(told) == [GOOD, GOOD]
    assert all(f"127.0.0.1:{node.port}" in told[0][1] for node in trio.nodes)


async def test_brokers_that_are_no_cluster(rabbit, trio):
    url = trio.url.replace("@", f"@127.0.0.1:{rabbit.nodes[0].port},")
    assert "Name nodes of one cluster" in of(BAD, await look(queue_url=url))


async def test_a_broker_that_is_lost(trio):
    lost = trio.nodes[0]
    lost.kill()
    try:
        told = await look(queue_url=trio.url)
    finally:
        lost.start()
        lost.wait()
    assert sorted(states(told)) == [GOOD, GOOD, WARNING]
    assert of(WARNING, told).startswith(f"127.0.0.1:{lost.port}: nobody listens there")


async def test_most_brokers_are_lost(trio):
    lost = trio.nodes[:2]
    for node in lost:
        node.kill()
    try:
        told = await look(queue_url=trio.url)
    finally:
        for node in lost:
            node.start()
        for node in lost:
            node.wait()
    assert BAD in states(told)
    assert not any("there and back" in text for _, text in told)


async def test_two_databases_that_are_no_cluster(mariadb, galera):
    name = galera.database()
    mariadb.nodes[0].sql(f"CREATE DATABASE IF NOT EXISTS {name}")
    migrate(galera.url(name))
    url = galera.url(name).replace("@", f"@127.0.0.1:{mariadb.nodes[0].port},")
    told = await look(ledger_url=url)
    assert "are not nodes of one Galera cluster" in next(text for state, text in told if state == BAD)


async def test_a_cluster_that_is_well(galera):
    url = galera.url(galera.database())
    migrate(url)
    told = await look(ledger_url=url)
    assert states(told) == [GOOD, GOOD, GOOD]
    assert "in a Galera cluster of 3" in told[0][1]
    assert all(f"127.0.0.1:{node.port}" in told[0][1] for node in galera.nodes)


def leave(node):
    """Go from the cluster, and stay up; gives the address to come back to it."""
    ((_, address),) = node.sql("SHOW GLOBAL VARIABLES LIKE 'wsrep_cluster_address'")
    node.sql("SET GLOBAL wsrep_cluster_address = ''")
    return address


async def test_a_node_that_has_lost_its_cluster(galera):
    url = galera.url(galera.database())
    migrate(url)
    lost = galera.nodes[1]
    address = leave(lost)
    try:
        while lost.sql("SHOW STATUS LIKE 'wsrep_ready'")[0][1] == "ON":  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        told = await look(ledger_url=url)
    finally:
        lost.sql(f"SET GLOBAL wsrep_cluster_address = '{address}'")
        lost.wait()
    assert BAD not in states(told)
    assert any(text.startswith(f"127.0.0.1:{lost.port}: it has lost its cluster") for _, text in told)
