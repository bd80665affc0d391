"""Databases that go-falcon's scheduler writes: recognising its documents, and writing documents that it reads.

Source: go-falcon 2264f99, its models and its MongoDB driver 1.17.4; `docs/go-falcon.md` lists what differs.
"""
