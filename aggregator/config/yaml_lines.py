"""Read YAML text as plain values with the line of every key.

Reads the node graph instead of a loader's result, because loaders forget lines and either ignore duplicate keys
or stop at the first one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]
"""Keys and list indexes from the root to a value."""
ProblemAt = tuple[int, Path, str]
"""Line, path and message of one problem."""


@dataclass(slots=True)
class Tree:
    """A YAML file: its value, the line of each path in it, and the problems of its text."""

    value: object = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[ProblemAt] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Return the line of `path`, or of the nearest enclosing value that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def mapping_at(value: object, key: str) -> dict[str, Any]:
    """Return the mapping under `key`; an empty one where there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def list_at(value: dict[str, Any], key: str) -> list[Any]:
    """Return the list under `key`; an empty one where there is none."""
    found = value.get(key)
    return found if isinstance(found, list) else []


def numbered_mappings(value: object, key: str) -> list[tuple[int, dict[str, Any]]]:
    """Return the mappings in the list under `key`, each with its index in the list."""
    members = value.get(key) if isinstance(value, dict) else None
    members = members if isinstance(members, list) else []
    return [(n, member) for n, member in enumerate(members) if isinstance(member, dict)]


def read(text: str) -> Tree:
    """Parse `text` as YAML 1.2, in which `on` and `no` are words."""
    tree = Tree()
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(part for part in (error.context, error.problem) if part)
        tree.problems.append((mark.line + 1 if mark else 1, (), f"not readable as YAML: {reason}"))
        return tree
    except YAMLError as error:
        line = text[: getattr(error, "position", 0) or 0].count("\n") + 1
        tree.problems.append((line, (), f"not readable as YAML: {error}"))
        return tree
    except RecursionError:
        return Tree(problems=[(1, (), "nested too deeply")])
    if root is not None:
        try:
            tree.value = _value(root, (), tree, yaml, ())
        except RecursionError:
            return Tree(problems=[(1, (), "nested too deeply")])
    return tree


def _value(node: Node, path: Path, tree: Tree, yaml: YAML, above: tuple[int, ...]) -> object:
    tree.lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in above:
        tree.problems.append((node.start_mark.line + 1, path, "an alias contains itself"))
        return None
    above = (*above, id(node))
    if isinstance(node, MappingNode):
        return _mapping(node, path, tree, yaml, above)
    if isinstance(node, SequenceNode):
        return [_value(child, (*path, n), tree, yaml, above) for n, child in enumerate(node.value)]
    return _scalar(cast(ScalarNode, node), path, tree, yaml)


def _mapping(
    node: MappingNode, path: Path, tree: Tree, yaml: YAML, above: tuple[int, ...]
) -> dict[str, object]:
    result: dict[str, object] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, ScalarNode):
            tree.problems.append((line, path, "a key must be a word"))
            continue
        key = str(key_node.value)
        here = (*path, key)
        if key in result:
            tree.problems.append((line, here, f"duplicate key, first given in line {tree.lines[here]}"))
            continue
        tree.lines[here] = line
        result[key] = _value(value_node, here, tree, yaml, above)
    return result


def _scalar(node: ScalarNode, path: Path, tree: Tree, yaml: YAML) -> object:
    try:
        value: object = yaml.constructor.construct_object(node, deep=True)
    except (YAMLError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        reason = getattr(error, "problem", None) or f"{type(error).__name__}: {error}"
        tree.problems.append((node.start_mark.line + 1, path, f"not readable: {reason}"))
        return None
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return str(node.value)  # an unquoted date such as 2026-10-05: the text as written
