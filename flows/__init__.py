"""What Prefect runs: one flow per kind of task, the executors behind them, the system tasks, and the warm worker."""
