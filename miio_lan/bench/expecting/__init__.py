"""What a test expects: commands, reports, and what must not happen."""
