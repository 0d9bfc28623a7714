"""The steps, oldest first. One that was released is never changed.

Each does what is not done yet: MariaDB does not take changes of tables back when a step is broken off.

- tables_0001: the first tables
- encoders_0002: tasks say which encoder they need
- files_0003: results of many files
- turns_0004: jobs have owners and take turns, tasks may have a second lease
- people_0005: users, their tokens, profiles and webhooks; paused jobs; workers that are sent home
- idle_0006: why workers pause, and the energy of attempts
"""
