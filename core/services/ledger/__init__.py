"""The ledger: the fate of every instant that a schedule names, and the explanation of one."""
