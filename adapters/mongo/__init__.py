"""MongoDB: tasks and executions in the documented schema, and the mirror's watermark.

Every query is shaped to be fast on the embedded servers too: guarded `update_one` instead of find-and-modify,
ranges and equality that an index serves. Source: design, "One command, one machine".
"""
