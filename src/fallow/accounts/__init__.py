"""How people get in: the rules behind users, passwords, sessions and tokens, whichever door they come by.

- users: names, roles, the first admin; passwords: what they may be, and their hashes
- sessions: logging in, and for how long; limits: how often somebody may try
- tokens: what programs and devices get in with
"""
