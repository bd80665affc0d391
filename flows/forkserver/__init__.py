"""The preloaded process, from which every run is forked."""
