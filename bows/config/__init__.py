"""What can be set, and the check of what is set."""
