"""What a device sends: which call an answer belongs to, what it says, and what was told unasked."""
