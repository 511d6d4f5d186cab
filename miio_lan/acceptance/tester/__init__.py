"""Asks a product for everything the rules are about."""
