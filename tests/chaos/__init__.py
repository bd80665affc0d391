"""The chaos run: two facades, two workers, dozens of tasks, random faults, and then every rule checked.

    make chaos MINUTES=60 SEED=7

Not part of the test suite: the command line sets its duration.
"""
