"""A cluster on this machine: real servers, and every service as a process of its own, each to be killed at will.

`process` one process; `backends` RabbitMQ, Galera and S3; `services` Fallow's own; `work` jobs, and what became of
them; `chaos` kills one process after another; `trial` jobs in the midst of that.
"""
