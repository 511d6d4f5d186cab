"""``python -m miio_lan`` is ``miio-lan``."""

from __future__ import annotations

from miio_lan.cli import main

if __name__ == "__main__":
    main()
