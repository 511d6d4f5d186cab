"""Descriptions of products: services, properties, actions and events, as MIoT publishes them.

A description is read from the instance JSON of the MIoT specification, or from a small TOML form of the same facts,
and is used by the client to know names and legal values, and by the virtual product to know what it is.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from miio_lan.device.description.instance import JSON, TOML, Event, Reader, Service, SpecAction
from miio_lan.device.description.values import Code, Property, Value
from miio_lan.errors import SpecError
from miio_lan.given import shown
from miio_lan.paths import FilePath, checked_path
from miio_lan.record.redact import told_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Code",
    "Event",
    "Property",
    "Service",
    "Spec",
    "SpecAction",
    "Value",
    "shipped_names",
]

_TOO_DEEP = "nested too deeply"


@dataclass(frozen=True)
class Spec:
    """The description of one product.

    :param model: the model as the product reports it, e.g. ``"zhimi.airpurifier.mb3"``
    :param type: the URN of the instance, empty where the description has none
    :param model_guessed: whether the description names no model, and ``model`` is a guess from its type
    :param source: what errors call it, usually its file name
    :param warnings: what was odd and therefore left out, each with its place
    """

    model: str
    type: str
    description: str
    services: tuple[Service, ...]
    model_guessed: bool = False
    source: str = field(default="", compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)
    _services: dict[int, Service] = field(init=False, repr=False, compare=False)
    _properties: dict[tuple[int, int], Property] = field(init=False, repr=False, compare=False)
    _actions: dict[tuple[int, int], SpecAction] = field(init=False, repr=False, compare=False)
    _events: dict[tuple[int, int], Event] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        services = self.services
        object.__setattr__(self, "_services", {s.siid: s for s in reversed(services)})
        object.__setattr__(self, "_properties", {p.iid: p for s in services for p in s.properties})
        object.__setattr__(self, "_actions", {a.iid: a for s in services for a in s.actions})
        object.__setattr__(self, "_events", {e.iid: e for s in services for e in s.events})

    @property
    def stated_model(self) -> str:
        """The model where the description names one, empty where it is unknown or a guess."""
        return "" if self.model_guessed else self.model

    @property
    def shown_model(self) -> str:
        """The model for people: a guess is marked as one."""
        return f"{self.model} (a guess)" if self.model_guessed else self.model

    def service(self, siid: int) -> Service | None:
        """Find a service by its siid."""
        return self._services.get(siid)

    def property(self, siid: int, piid: int) -> Property | None:
        """Find a property, None when there is no such one."""
        return self._properties.get((siid, piid))

    def action(self, siid: int, aiid: int) -> SpecAction | None:
        """Find an action, None when there is no such one."""
        return self._actions.get((siid, aiid))

    def inputs(self, siid: int, aiid: int) -> tuple[int, ...] | None:
        """Give the piids of an action's arguments in their order, None when there is no such action."""
        action = self.action(siid, aiid)
        return action.in_ if action is not None else None

    def event(self, siid: int, eiid: int) -> Event | None:
        """Find an event, None when there is no such one."""
        return self._events.get((siid, eiid))

    def properties(self) -> Iterator[Property]:
        """Go through all properties, in the order of the description."""
        yield from self._properties.values()

    def readable(self) -> Iterator[Property]:
        """Go through the properties that ``get_properties`` may ask for."""
        return (prop for prop in self.properties() if prop.readable)

    def writable(self) -> Iterator[Property]:
        """Go through the properties that ``set_properties`` may change."""
        return (prop for prop in self.properties() if prop.writable)

    def actions(self) -> Iterator[SpecAction]:
        """Go through all actions."""
        yield from self._actions.values()

    def events(self) -> Iterator[Event]:
        """Go through all events."""
        yield from self._events.values()

    def long_name(self, thing: Property | SpecAction | Event) -> str:
        """Give the name of a thing with that of its service: ``light:on``."""
        service = self.service(thing.siid)
        return f"{service.name if service else thing.siid}:{thing.name}"

    def is_named_twice(self, thing: Property | SpecAction | Event) -> bool:
        """Tell whether another thing of its kind has the same :meth:`long_name`, as in two services of one type."""
        return (type(thing), self.long_name(thing)) in self._names_twice

    @cached_property
    def _names_twice(self) -> frozenset[tuple[object, str]]:
        # Counted once: published descriptions may be long, and each of their names is asked for.
        things: tuple[Property | SpecAction | Event, ...]
        things = (*self.properties(), *self.actions(), *self.events())
        counts = Counter((type(each), self.long_name(each)) for each in things)
        return frozenset(name for name, count in counts.items() if count > 1)

    @classmethod
    def from_json(cls, data: object, *, source: str = "description", quiet: bool = False) -> Self:
        """Read the instance JSON as published on the MIoT specification site.

        Three keys are understood beyond it: ``model`` beside the instance's ``type``, and ``max-length`` and
        ``default-value`` (what a virtual product starts with) in a property. An odd entry is left out: it is logged as
        a warning, and named in :attr:`warnings`.

        :param data: the parsed JSON, or its text
        :param source: what errors call the description, usually its file name
        :param quiet: log nothing, because it was logged when the description was fetched
        :raises SpecError: naming source and place
        """
        if isinstance(data, str | bytes):
            try:
                data = json.loads(data)
            except RecursionError as error:
                raise SpecError(told_of(source, _TOO_DEEP)) from error
            except ValueError as error:
                raise SpecError(told_of(source, f"not JSON: {error}")) from error
        return cls(**Reader(source, JSON, quiet=quiet).spec(data))

    @classmethod
    def from_toml(cls, text: str, *, source: str = "description") -> Self:
        """Read the TOML form: ``[[service]]`` tables holding ``[[service.property]]``, ``.action`` and ``.event``.

        :raises SpecError: naming source and place
        """
        try:
            data = tomllib.loads(text)
        except RecursionError as error:
            raise SpecError(told_of(source, _TOO_DEEP)) from error
        except ValueError as error:  # Python refuses integers of thousands of digits, too
            raise SpecError(told_of(source, f"not TOML: {error}")) from error
        return cls(**Reader(source, TOML).spec(data))

    @classmethod
    def load(cls, path: FilePath) -> Self:
        """Read a description from a ``.json`` or ``.toml`` file.

        :raises SpecError: naming the file, and the place in it
        """
        path = checked_path("a description", path, SpecError)
        suffix = path.suffix.lower()
        if suffix not in (".json", ".toml"):
            raise SpecError(told_of(path, "a description is a .json (MIoT instance) or .toml file"))
        try:
            text = path.read_text(encoding="utf-8-sig")  # some editors begin with a byte order mark
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
        if suffix == ".json":
            return cls.from_json(text, source=str(path))
        return cls.from_toml(text, source=str(path))

    @staticmethod
    def checked(given: object) -> Spec | None:
        """Let a description pass, or None.

        :raises SpecError: if it is neither, but the name of one, for example
        """
        if given is None or isinstance(given, Spec):
            return given
        raise SpecError(f"spec is a Spec, such as Spec.load('lamp.json'), not {shown(given)}")

    @classmethod
    def shipped(cls, name: str = "lamp") -> Self:
        """Read a description that comes with the package, see :func:`shipped_names`.

        :raises SpecError: when there is none of that name
        """
        if name not in shipped_names():
            raise SpecError(
                f"no shipped description is called {name!r}; there are: {', '.join(shipped_names())}"
            )
        text = (_shipped_folder() / f"{name}.json").read_text(encoding="utf-8")
        return cls.from_json(text, source=f"shipped description {name!r}")


def shipped_names() -> list[str]:
    """Name the descriptions that come with the package."""
    files = (Path(entry.name) for entry in _shipped_folder().iterdir())
    return sorted(file.stem for file in files if file.suffix == ".json")


def _shipped_folder() -> Any:
    return resources.files("miio_lan.virtual") / "specs"
