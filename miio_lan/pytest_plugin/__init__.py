"""The pytest plugin: end-to-end tests of a product, virtual or on the bench. Every name of it starts with ``miio``."""
