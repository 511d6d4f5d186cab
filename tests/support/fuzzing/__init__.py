"""Real-looking material of every kind the package reads, mutated, and what may come of reading it.

The suite tries some mutations of each kind (tests/fuzz), ``python -m benchmarks fuzz`` as many as there is time.
``material.py`` has what is mutated, ``mutating.py`` how, ``lan.py``, ``line.py`` and ``files.py`` what reads it, and
``kinds.py`` brings them together.
"""
