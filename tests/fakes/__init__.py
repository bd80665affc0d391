"""Small implementations of ports in memory, for failures that no real server can be brought to.

Each passes the same contract suite as the real adapter of its port (`tests/stores`).
"""
