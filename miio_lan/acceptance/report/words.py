"""The languages of the HTML report: its fixed texts and the titles of rules, from a catalogue.

English is the language of the sources: a text stands for itself. A catalogue is a JSON object in ``templates``:
``texts`` from English to its language (``{n}`` stands for a number), ``rules`` from a rule's name to its title. What
a check found out about a product (sentences, lines, notes) is shown as it is, in every language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from miio_lan.acceptance.verdict import Rule
from miio_lan.errors import InvalidArgument

LANGUAGES = ("en", "zh")
"""The languages there are, as HTML names them."""
_MARKED = re.compile(r"\[\[(.+?)\]\]")
"""A text of the page's frame that a catalogue may replace: ``[[Rules]]``."""


@dataclass(frozen=True)
class Words:
    """The words of one language.

    :param lang: one of :data:`LANGUAGES`
    :param texts: from English
    :param rules: titles by the names of rules
    """

    lang: str
    texts: Mapping[str, str]
    rules: Mapping[str, str]

    def __call__(self, text: str) -> str:
        """Give a fixed text."""
        return self.texts.get(text, text)

    def counted(self, count: int, one: str, many: str) -> str:
        """Give a text about a number; ``{n}`` in it stands for that.

        :param one: the text for one, in English
        :param many: the text for any other number
        """
        return self(one if count == 1 else many).replace("{n}", str(count))

    def title(self, rule: Rule) -> str:
        """Give the title of a rule."""
        return self.rules.get(rule.name, rule.title)

    def framed(self, template: str) -> str:
        """Put the texts into a frame whose fixed texts stand in double brackets, escaped for HTML."""
        return _MARKED.sub(lambda found: escape(self(found[1])).replace("$", "$$"), template)


ENGLISH = Words("en", {}, {})


@cache
def asset(name: str) -> str:
    """Give the text of a file in ``templates``."""
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


@cache
def words_of(lang: str) -> Words:
    """Give the words of a language.

    :raises InvalidArgument: for one that is not there, naming those that are
    """
    if lang not in LANGUAGES:
        raise InvalidArgument(f"reports are written in {', '.join(LANGUAGES)}, not in {lang!r}")
    if lang == ENGLISH.lang:
        return ENGLISH
    catalogue = json.loads(asset(f"{lang}.json"))
    return Words(lang, catalogue["texts"], catalogue["rules"])
