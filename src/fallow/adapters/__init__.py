"""Things outside: queues, stores and ledgers behind the contracts of ports.py."""
