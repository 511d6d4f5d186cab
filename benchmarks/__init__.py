"""Figures of miio_lan beside those of python-miio 0.5.12 and of a bare loop; see README.md in this folder."""
