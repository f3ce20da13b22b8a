"""Reads the DOT that the library writes, by Graphviz's lexical rules, so that tests need no Graphviz."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree import ElementTree

PLAIN = re.compile(r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<sign>->|[{}\[\]=;,])|(?P<word>-?[A-Za-z_0-9.]+)', re.DOTALL)
SPACE = re.compile(r"\s*")


@dataclass
class Graph:
    """Attributes of nodes by id, of edges in order, of clusters by name, and of the graph itself."""

    nodes: dict[str, dict[str, str]] = field(default_factory=dict)
    edges: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    clusters: dict[str, dict[str, str]] = field(default_factory=dict)
    inside: dict[str, str] = field(default_factory=dict)  # the cluster of each node, of each cluster
    attributes: dict[str, str] = field(default_factory=dict)


def tokens(source: str) -> list[str]:
    """Words, signs, quoted strings with their quotes off, and HTML-like strings with their brackets on."""
    found, i = [], 0
    while i < len(source):
        i = SPACE.match(source, i).end()
        if i == len(source):
            break
        if source[i] == "<":
            end, level = i, 0
            while True:
                level += {"<": 1, ">": -1}.get(source[end], 0)
                end += 1
                if not level:
                    break
            found.append(source[i:end])
            i = end
            continue
        match = PLAIN.match(source, i)
        assert match, f"no DOT: {source[i : i + 60]!r}"
        found.append('"' + match["quoted"] if match["quoted"] is not None else match[0])
        i = match.end()
    return found


def read(source: str) -> Graph:
    """Parse ``digraph name { ... }`` with nested clusters; anything else that is not expected fails."""
    graph, words, clusters = Graph(), tokens(source), []
    assert words[0] == "digraph" and words[2] == "{", words[:3]
    i = 3

    def attributes():
        nonlocal i
        found = {}
        if words[i] == "[":
            i += 1
            while words[i] != "]":
                assert words[i + 1] == "=", words[i : i + 3]
                found[words[i]] = words[i + 2].removeprefix('"')
                i += 3
            i += 1
        return found

    while i < len(words):
        word = words[i]
        i += 1
        if word == "}":
            if clusters:
                clusters.pop()
        elif word == "subgraph":
            assert re.fullmatch(r"cluster_\d+", words[i]) and words[i + 1] == "{", words[i : i + 2]
            graph.inside[words[i]] = clusters[-1] if clusters else ""
            clusters.append(words[i])
            i += 2
        elif word in ("graph", "node", "edge"):
            found = attributes()
            if word == "graph" and clusters:
                graph.clusters[clusters[-1]] = found
            elif word == "graph":
                graph.attributes = found
        else:
            assert re.fullmatch(r"n_\d+", word), f"unexpected {word!r}"
            if words[i] == "->":
                child = words[i + 1]
                i += 2
                graph.edges.append((word, child, attributes()))
            else:
                assert word not in graph.nodes, word
                graph.nodes[word] = attributes()
                graph.inside[word] = clusters[-1] if clusters else ""
    return graph


def texts(label: str) -> list[str]:
    """The pieces of text in an HTML-like label, unescaped once; it must be XML."""
    assert label[0] == "<" and label[-1] == ">", label
    tree = ElementTree.fromstring(f"<all>{label[1:-1]}</all>")
    return [piece.replace("\\\\", "\\") for piece in tree.itertext() if piece.strip()]
