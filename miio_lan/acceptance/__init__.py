"""Judging: what crossed both wires, joined into exchanges and held against the rules of the serial document."""
