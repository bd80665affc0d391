"""What is deployed, and where: the system tasks as data, the local stack, container files."""
