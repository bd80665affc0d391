"""What a set of tasks will ask of the workers: runs, slots, queue and lateness in the days to come.

A forecast reads schedules and measured durations and nothing else, so the same input gives the same answer. It never
makes one object for each instant: 1,000 tasks of each minute name 43 million in 30 days. The instants of a task in an
hour are one integer of 3,600 bits (`patterns`). Hours in which the same tasks are due at the same seconds, and which
begin with the same runs at work, are worked through once (`queueing`).
"""
