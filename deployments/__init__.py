"""What is told to run, and where: the system tasks as data, the local stack, container files."""
