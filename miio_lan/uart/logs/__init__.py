"""Logs of a line that other programs wrote."""
