"""What users call: devices, their status, and the description of what they can do."""
