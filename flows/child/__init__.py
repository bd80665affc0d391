"""The process of one run: everything between the fork and the end of the run."""
