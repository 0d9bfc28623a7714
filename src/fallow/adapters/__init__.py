"""Things outside: queues, stores and ledgers behind the contracts of ports.py.

- queue_memory: a broker in this process
- ledger_sql: the ledger; ledger_database: its engine and threads; ledger_tables, ledger_rows: its tables and values
- store_folder: objects as files; store_memory: for tests; store_keys: what every store asks of its keys
"""
