"""Many devices and the platform's own code under a clock that does not wait: hours pass in seconds.

What decides is real: pipeline/ dispatches, admits, renews, delivers and sweeps, the embedded queue hands messages
over, and the ledger is SQLite's or `ledger_model`. Devices, chunks, parts and the ways between them are made up.

- virtual_time  an event loop whose clock jumps to the next thing that is due
- population    who the devices are: kinds, speeds, when they are there and when they vanish
- metered       what the ledger is asked, counted
- world         the platform: queue, ledger, jobs as a splitter plans them, joiner and sweeper
- ledgers       SQLite's; ledger_model: one for more devices than that could serve in time; turns_model: who waits;
                hedges_model: second leases
- devices       a device at work: ask, renew, deliver, or vanish
- trial         one simulation: a batch of films on many devices
"""
