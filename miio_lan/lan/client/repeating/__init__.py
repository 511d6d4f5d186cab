"""May a command go out again: the decision, what a device does with ids it knows, and copies still under way."""
