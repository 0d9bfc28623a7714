"""Doors: decode a request, call one function of the pipeline, encode the answer.

- run: a platform, or some of its services, in one event loop; begin here
- roles: which services there are; home: who the workers of a process are
- listening, http_server, front: the socket, and who is let in to which door
- gateway: the API for people; schemas: what they send; description: of all that for programs; examples: in it
- jobs_api: jobs; views: one in full; summaries: many in few numbers; maps: what became of the pieces of one
- charts: maps that are kept
- events_api: what changes, as it does; watcher: looks for that; changes: keeps it for who listens
- access: who is asking, and whether they may; entry: how they get in
- login_api: sessions and passwords; users_api: users; tokens_api: tokens of programs and devices
- fleet_api: workers; profiles_api: profiles and estimates
- numbers_api: statistics; csv_table: as spreadsheets take them; platform_api: what is set
- webhooks_api: whom users have told of their jobs; webhook_sender: does; webhook_call: one call
- uploads_api: resumable uploads, by tus
- agents_api: the API for agents
- blobs_api: signed links to objects; objects: objects as answers, whole or in part
- sources: the source of a job, beside its results; quality_api: how well results show it
- page: the web page, as it was built
- play: streams for players, whom their link lets in
- answers: errors as answers
- probes: what every service tells whoever runs it; questions: asking back ends for that
- watch: who is told what happens; metrics: counted for Prometheus; platform_metrics: asked for; traffic: requests
- traces: spans of what has ended, for OpenTelemetry
- consumers: splitter, joiner and sweeper as loops
- local_agents: the agents of this machine
"""
