"""Things outside: queues, stores and ledgers behind the contracts of ports.py.

- queue_memory: a broker in this process
- ledger_sql: the ledger; ledger_leases: what it is asked for every task
- ledger_together: calls that share a transaction; ledger_deliveries: those that hand in parts
- ledger_statements: SQL for that; ledger_script: sends it at once
- ledger_database: its threads and transactions; ledger_sessions: its connections
- ledger_retry: how often a transaction is tried
- ledger_tables, ledger_rows: its tables and values; ledger_migrate: new tables
- ledger_steps: from each schema of the tables to the next
- ledger_prefix: the parts of a result that grows; ledger_packages: results of many files
- ledger_people: users, their sessions and tokens; ledger_webhooks: whom they have told of their jobs
- ledger_turns: whose tasks are offered next; ledger_hedges: second leases of tasks
- ledger_overview: what people look at; ledger_amending: what they change of jobs under way
- ledger_census: how many jobs and tasks there are; ledger_bundles: tasks beside each other
- ledger_pieces: the tasks of divided chunks
- ledger_workers: who works; ledger_performance: what was done, in numbers; ledger_profiles: people's own
- ledger_flavour: what databases differ in; ledger_sqlite: one file; ledger_mysql: MariaDB and Galera
- queue_amqp: RabbitMQ; amqp_line: a connection to it; amqp_topology: its queues
- amqp_inbox: taking messages from RabbitMQ; amqp_feed: from one queue; amqp_waiters: who waits for them
- amqp_depths: counting messages
- store_object: objects in a bucket; object_calls: how often it is asked; object_writer: its uploads
- object_uploads: those that nobody will complete
- object_url: a bucket's address; object_links: its links
- check_amqp, check_mysql, check_bucket, check_folder: what `fallow doctor` finds there; check_network: in how long
- web_sources: files at addresses of the web; web_target: what an address says
- web_exchange: one question to a server, and its answer
- timing: how long back ends take
- store_folder: objects as files; store_memory: for tests; store_keys: what every store asks of its keys
"""
