"""Opening alerts, sending them, and letting them recover."""
