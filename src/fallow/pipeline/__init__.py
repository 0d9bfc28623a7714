"""The story of a job. Each step is a module; ports.py says what stands outside of it.

A person orders (`job_options`) and sends a source (`submit`). The splitter cuts it and plans the tasks (`split`)
as typed recipes (`recipes`, `geometry`). Tasks are offered and leased (`dispatch`). What workers bring is looked at
and counted once (`deliver`); what goes wrong is tried again, or ends the job (`setback`). When all parts of
a rendition are there the joiner makes one file of them (`join`). Whatever got lost on the way is found (`sweep`).

- submit: take in jobs and sources; cancel, retry, forget
- job_options: what was ordered, as values, and what each rendition is made of
- split: chunks and tracks of a source, and their tasks
- recipes: from source and profile to what a worker shall do
- geometry: how large the pictures become
- dispatch: offer and lease tasks, see what has become possible; hold: messages kept until their task has ended
- rounds: work that all who ask for it at once share
- deliver: verify and commit what workers made
- setback: what a failed attempt means; ended: what is told of attempts
- join: parts to one verified result
- sweep: lost workers, lost messages, orphaned objects
- local_task: a task done in this process (split, join) under a lease like any other
- context: what every step works with, and how patient it is
- keys: the names of a job's objects
- store_files: the store as plain files, for media code in a thread; proven: as what they were verified to be
"""
