"""Paths in a graph whose arrows are given for each node: what can be reached, and from where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import TypeVar

_Node = TypeVar("_Node", bound=Hashable)


def reachable(start: Iterable[_Node], arrows: Mapping[_Node, Collection[_Node]]) -> set[_Node]:
    """Give the nodes to which a path leads, those at its start included."""
    found: set[_Node] = set()
    waiting = list(start)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(arrows.get(node, ()))
    return found


def reaching(goals: Iterable[_Node], arrows: Mapping[_Node, Collection[_Node]]) -> set[_Node]:
    """Give the nodes from which a path leads to a goal, the goals included."""
    backwards: dict[_Node, set[_Node]] = defaultdict(set)
    for node, others in arrows.items():
        for other in others:
            backwards[other].add(node)
    return reachable(goals, backwards)
