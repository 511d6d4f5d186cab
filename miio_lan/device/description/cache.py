"""Descriptions of this user, by model: fetched once from the public service, there without a network from then on.

One file for each model, in the form of the published instance, so that it also is a description for ``--spec``. The
list of all instances is several megabytes long: what of it is needed is kept for a day, so that the next model costs a
short document. (Reading the list as a stream would save memory, and still load all of it for each model.)
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from miio_lan.device.description import published
from miio_lan.device.description.spec import Spec, shipped_names
from miio_lan.errors import SpecError, SpecUnavailable
from miio_lan.foreign import printable_json
from miio_lan.given import checked_seconds
from miio_lan.keeping import cache_folder, replace_file
from miio_lan.paths import checked_path
from miio_lan.record.redact import told_of
from miio_lan.variables import CACHE_VARIABLE, SERVICE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable

LIST_AGE = 86400.0
"""Seconds for which the list of all instances is believed."""
_MOST_STORED = 17 << 20
_OWN = "miio-lan"
_SUFFIXES = (".json", ".toml")
# What is shipped under a real product's model is enough for a virtual one, and need not be all that is published.
_OWN_COMPANY = "miiolan."


class Fetched(NamedTuple):
    """What was fetched.

    :param path: where it is kept
    :param version: of the instance
    :param source: the service it comes from
    """

    spec: Spec
    path: Path
    version: int
    source: str


def folder() -> Path:
    """Return where descriptions are: in ``MIIO_LAN_CACHE``, else in the platform's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    return (Path(named) if named else cache_folder()) / "descriptions"


def path_of(model: str) -> Path:
    """Return where the description of a model is, or would be.

    :raises SpecError: if it is no model: it could name a file elsewhere
    """
    return folder() / f"{published.checked_model(model)}.json"


def fetched_models() -> list[str]:
    """Name the models whose descriptions were fetched; none where the folder cannot be read."""
    try:
        names = [each.name for each in folder().iterdir()]
    except OSError:
        return []
    models = [name.removesuffix(".json") for name in names if name.endswith(".json")]
    return sorted(model for model in models if is_model(model))


def is_model(text: str) -> bool:
    """Tell whether a text may be a model."""
    try:
        return bool(published.checked_model(text))
    except SpecError:
        return False


def cached(model: str) -> Spec:
    """Return the description of a model that was fetched before, or is the package's own. Nothing is fetched.

    :raises SpecUnavailable: if it is not here, saying how to get it
    :raises SpecError: if the model is none, or the file is damaged
    """
    path = path_of(model)
    text = _content(path)
    if text is not None:
        try:
            spec = Spec.from_json(text, source=str(path), quiet=True)
        except SpecError as error:
            raise SpecError(f"{error}. 'miio-lan spec fetch {model}' gets it anew") from None
        if spec.model == model:
            return spec
        # Some file systems do not tell capital letters from small ones.
    for name in shipped_names() if model.startswith(_OWN_COMPANY) else ():
        if (shipped := Spec.shipped(name)).model == model:
            return shipped
    raise SpecUnavailable(
        f"the description of {model} is not on this computer yet: "
        f"'miio-lan spec fetch {model}' gets it from the internet; a file does as well (--spec FILE, or in Python "
        "spec=Spec.load(FILE))"
    )


def find(name: str) -> Spec:
    """Load a description by what people call it: a file, a shipped one, or a model as :func:`cached`.

    :raises SpecUnavailable: if it is a model whose description is not here
    :raises SpecError: if it cannot be read
    """
    path = checked_path("a description", name, SpecError, also=", or a model")
    name = str(name)
    try:
        is_file = path.suffix.lower() in _SUFFIXES or path.exists()
    except OSError as error:
        raise SpecError(f"{name} cannot be read: {error.strerror or error}") from None
    if is_file:
        return Spec.load(path)
    if name not in shipped_names() and is_model(name):
        return cached(name)
    if path.name != name:
        raise SpecError(f"there is no file {name}")
    return Spec.load(path) if path.suffix else Spec.shipped(name)


def _content(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_STORED + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > _MOST_STORED:
        raise SpecError(told_of(path, f"more than {_MOST_STORED >> 20} MiB are no description"))
    return content


def fetch(
    model: str,
    *,
    base: str | None = None,
    timeout: float | None = None,
    now: Callable[[], float] = time.time,
) -> Fetched:
    """Get the newest released description of a model from the service, and keep it.

    This is the only function of the package that goes to the internet. ``miio-lan spec fetch`` calls it, nothing else.

    :param base: address of the service; None for ``MIIO_LAN_SPEC_SERVICE``, or the public one
    :param timeout: seconds each of the two documents may take; None for 60
    :raises SpecUnavailable: if the service is not reached, publishes no such model, or sends what is no description; or
        if it cannot be kept
    :raises SpecError: (a ``ValueError``) if the model or the address is none
    """
    from miio_lan.device.description import download

    path = path_of(model)
    base = download.checked_base(base or os.environ.get(SERVICE_VARIABLE) or published.BASE)
    _make_folder(path.parent)
    limits: dict[str, Any] = {} if timeout is None else {"timeout": checked_seconds("timeout", timeout)}
    try:
        entry = _entry(model, base, limits, now)
        url = published.instance_url(base, entry)
        instance = published.read_instance(download.download(url, **limits), entry, url)
        own = {"version": entry.version, "status": entry.status, "from": base, "fetched": int(now())}
        document = {**instance, "model": model, _OWN: own}
        Spec.from_json(document, source=url)  # tells what is odd, at its place
        spec = Spec.from_json(document, source=str(path), quiet=True)
    except (SpecError, SpecUnavailable) as error:
        raise _with_advice(error, model, path) from None
    _keep(path, document)
    return Fetched(spec, path, entry.version, base)


def _with_advice(error: Exception, model: str, path: Path) -> SpecUnavailable:
    text = str(error)
    if "--spec" not in text:
        text += f". Try again where there is a network, or give the description of {model} with --spec FILE"
    return SpecUnavailable(f"{text}; the one that was fetched before stays" if path.exists() else text)


def _entry(
    model: str, base: str, limits: dict[str, Any], now: Callable[[], float]
) -> published.PublishedVersion:
    """Find the newest version; that there is none is never said on the strength of an old list."""
    from miio_lan.device.description.download import download

    kept = _kept_list(base, now())
    if kept is not None:
        try:
            return published.newest(kept, model, base)
        except SpecUnavailable:
            pass
    url = published.list_url(base)
    listed = published.read_list(download(url, **limits), url)
    _keep(_list_path(), {"base": base, "fetched": int(now()), "models": listed})
    return published.newest(listed, model, base)


def _list_path() -> Path:
    return folder() / "instances.list"


def _kept_list(base: str, now: float) -> published.Listed | None:
    """Read the list as it was kept; None where there is none of use."""
    try:
        data = published.load(_content(_list_path()) or b"null", "list")
    except SpecError:
        return None
    if not isinstance(data, dict) or data.get("base") != base or not isinstance(data.get("models"), dict):
        return None
    fetched = data.get("fetched")
    if not isinstance(fetched, int) or not fetched <= now < fetched + int(LIST_AGE):
        return None
    return {
        model: [entry for each in entries if (entry := published.entry_of(each)) is not None]
        for model, entries in data["models"].items()
        if isinstance(entries, list)
    }


def _make_folder(path: Path) -> None:
    """Make the folder, before anything is fetched that could not be kept."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError("not permitted")
    except OSError as error:
        raise _not_kept(path, error) from None


def _keep(path: Path, document: Any) -> None:
    try:
        text = printable_json(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
        replace_file(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise _not_kept(path.parent, error) from None
    except (RecursionError, ValueError):  # what could be read cannot always be written
        raise SpecUnavailable(f"what the service sent for {path.stem} is no description") from None


def _not_kept(path: Path, error: OSError) -> SpecUnavailable:
    problem = f"nothing can be kept there ({error.strerror or error}); {CACHE_VARIABLE} names another folder"
    return SpecUnavailable(told_of(path, problem))
