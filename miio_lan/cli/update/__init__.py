"""The command that installs firmware."""
