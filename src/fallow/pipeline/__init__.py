"""The story of a job. Each step is a module; ports.py says what stands outside of it.

A person orders (`job_options`, `submit`) and sends a source (`receive`). The splitter cuts it (`split`), as far as
it can while it comes (`overlap`), and plans the tasks (`split_plan`) as typed recipes (`recipes`, `geometry`).
Tasks are offered and leased (`dispatch`). What workers bring is looked at and counted once (`deliver`); what goes
wrong is tried again, or ends the job (`setback`). The joiner makes one file of a rendition's parts (`join`), and
takes each as soon as it and all before it are there (`prefix`). Whatever got lost on the way is found (`sweep`).

- submit: take in jobs and local sources; cancel, retry, forget; amend: change those under way
- receive: take in uploads, piece by piece; pieces: how these are stored; arrived: what of a source is there
- resumable: uploads that go on where they broke off; declared: what was said of one; turn: who goes on with it
- fetch: sources from an address of the web, into the same pieces
- job_options: what was ordered, as values, and what each rendition is made of
- split: chunks and tracks of a source; split_plan: their tasks; ship: store them
- sections: which sound is encoded in pieces, and how; ship_sections: store them
- tail: the last chunks are shorter
- overlap: cut a source while it is uploaded; drafts: what was known of it then; known: what is now
- recipes: from source and profile to what a worker shall do
- geometry: how large the pictures become; ladder: which sizes a source deserves
- admission: offer tasks by turns; order: whose turn it is
- rivals: begin slow attempts once more; hedge: which ones
- dispatch: lease tasks, see what has become possible; hold: messages kept until their task has ended
- rounds: work that all who ask for it at once share; bell: news of jobs within a process
- granting: what is told of a lease; granted: what was leased lately
- bundle: several tasks in one lease; lately: what need not be asked each time
- misfits: builds of FFmpeg that make parts which cannot be joined to the others
- deliver: verify and commit what workers made
- setback: what a failed attempt means; ended: what is told of attempts
- join: parts to one verified result; prefix: the parts in order, as they come
- package: parts to a stream of many files, step by step; films: its renditions; segments: where these begin
- playing: what players of a stream get
- quality: have a rendition measured; measure: cut it and its source alike
- scores: what workers measured, and what is told of it; join_scores: all of it as one result
- sweep: lost workers, lost messages, orphaned objects
- local_task: a task done in this process (fetch, split, join) under a lease like any other
- spent: the energy it took
- speeds: how fast workers say they are; fitting: what they can do in time; divide: pieces of chunks
- trials: what new workers find out their speed by
- workforce: who works here; performance: what was done, in numbers; estimates: what a job will come to
- shelf: the profiles that there are; profile_faults: what is wrong with one
- context: what every step works with, and how patient it is
- keys: the names of a job's objects
- store_files: the store as plain files, for media code in a thread; proven: as what they were verified to be
"""
