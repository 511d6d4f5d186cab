"""Commands to one device: info, raw-command, get, set, action."""
