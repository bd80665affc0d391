"""What the worker, the preloaded process and the processes of runs share: messages, channels, process control."""
