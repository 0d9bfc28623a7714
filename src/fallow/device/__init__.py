"""What a device feels: its power, heat, people, load and network. Standard library only; nobody knows is None.

- sensing: one reader in a thread of its own; what it does not tell in time is not known
- kind: phone, board, laptop, pc or server
- files: small files of the system; asking: programs of the system, with a time limit
- power: plugged in, charge, the battery's heat and watts; thermal: the processors' heat
- presence: when somebody touched the device last, and its screen
- load: what other programs do; programs: which ones run
- share: processors and memory that a container leaves
- windows: what Windows tells
- meters: of its energy
- network: whether bytes cost money
"""
