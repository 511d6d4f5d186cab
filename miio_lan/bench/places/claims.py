"""Claims to the products of a bench: each is used by one program at a time, on one computer and by one user."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from miio_lan.keeping import Claim, cache_folder
from miio_lan.variables import CACHE_VARIABLE

if TYPE_CHECKING:
    from miio_lan.bench.places.file import ProductEntry


def claim_path(entry: ProductEntry, bench: Path) -> Path:
    """Return the file that is locked while a product is used.

    A real product has one, whatever bench file it stands in; a virtual one belongs to its bench file.
    """
    key = entry.exclusive or f"{bench.resolve()}\0{entry.name}"
    named = os.environ.get(CACHE_VARIABLE)
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:16]
    return (Path(named) if named else cache_folder()) / "claims" / f"{digest}.lock"


def claim_to(entry: ProductEntry, bench: Path) -> Claim:
    """Return the claim to a product, to be taken and given back."""
    return Claim(claim_path(entry, bench))
