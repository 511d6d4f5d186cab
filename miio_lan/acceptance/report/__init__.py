"""Tells a judgement: on the terminal, as a page, as JSON, as JUnit XML."""
