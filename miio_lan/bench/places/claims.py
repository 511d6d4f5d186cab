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


def claim_paths(entry: ProductEntry, bench: Path) -> list[Path]:
    """Return the files that are locked while a product is used, in the order in which everybody locks them.

    A real product has one for its address and one for each receiver at its line, whatever bench file it stands in and
    whatever else is said of it there; a virtual one belongs to its bench file.
    """
    keys = {*entry.exclusive.values()} or [f"{bench.resolve()}\0{entry.name}"]
    named = os.environ.get(CACHE_VARIABLE)
    folder = (Path(named) if named else cache_folder()) / "claims"
    digests = (hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:16] for key in keys)
    return sorted(folder / f"{digest}.lock" for digest in digests)


def claims_to(entry: ProductEntry, bench: Path) -> list[Claim]:
    """Return the claims to a product, to be taken in their order and given back."""
    return [Claim(path) for path in claim_paths(entry, bench)]
