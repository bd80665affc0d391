"""What an HTTP server of ours checks of every request before anything else reads it."""
