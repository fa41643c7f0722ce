"""Into which parts a graph is cut, told from shapes alone: the same graph on the same inputs is cut alike on every machine.

A *stage* makes the whole cube of one node, window after window. Mostly there is one stage, of the result. A node gets a stage of
its own, and its cube is kept until the end, where otherwise it would be computed many times: because each window of another stage
needs the same of it, or because two stages need it and what it makes is much smaller than what it is made of.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.loading.source import Window
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.tiles.folding import Fold
from twinlake.processing.openeo.tiles.shapes import Shapes
from twinlake.processing.openeo.tiles.windows import split
from twinlake.standards.openeo.errors import ProcessGraphComplexityError

_SMALLEST = {"spatial": 16}
"""Labels along a dimension of a kind, of a window that is not made smaller."""
_SAMPLES = 12
"""Windows of a stage that are looked at to tell what all of them read."""
_WORTH = 0.5
"""Of what it is made of: a cube this small is better kept than computed again."""
_WINDOW_BYTES = 1 << 20
"""What could be read in the time that a window takes for itself."""

Chunks = Mapping[str, Mapping[str, int]]
"""How many labels along each dimension are stored together, for each node that is loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileSize:
    """How large windows may be. Results are the same bits where this is the same."""

    edge: int = 1024
    """Pixels along each side, at most."""
    tile_bytes: int = 128 << 20
    """What the cubes of one window may take at a time."""
    largest_bytes: int = 1 << 30
    """The same where it cannot be cut any smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The making of one node's cube."""

    node: str
    fold: Fold | None = None
    """How windows become states that are merged; None where each of them is a part of the cube."""
    windows: tuple[Window, ...]
    """Together they are all of the cube that is computed, in row-major order."""
    given: frozenset[str]
    """Nodes whose cubes are there before: loaded, or of earlier stages."""
    read_bytes: int
    """What is read for it, whole chunks counted."""
    peak_bytes: int
    """What the cubes of one window take at a time."""

    @property
    def computed(self) -> str:
        """The node whose cube is computed window by window: *node*, or what it is folded of."""
        return self.node if self.fold is None else self.fold.source


def lay_out(shapes: Shapes, targets: Sequence[str], chunks: Chunks, size: TileSize) -> tuple[Stage, ...]:
    """Return the stages that make the cubes of *targets*, in an order in which they can be computed.

    Raises
    ------
    ProcessGraphComplexityError
        A part needs too much memory, however it is cut.
    """
    return _Layout(shapes, chunks, size).find(targets)


@dataclass(frozen=True, slots=True)
class _Cut:
    """One way to cut a node's cube."""

    stage: Stage
    kept: frozenset[str]
    """Nodes that get stages of their own for it."""
    cost: float


class _Layout:
    def __init__(self, shapes: Shapes, chunks: Chunks, size: TileSize) -> None:
        self._shapes = shapes
        self._chunks = chunks
        self._size = size

    def find(self, targets: Sequence[str]) -> tuple[Stage, ...]:
        kept = set(targets)
        while True:
            stages: dict[str, Stage] = {}
            waiting = list(kept)
            while waiting:
                node = waiting.pop()
                if node in stages:
                    continue
                cut = self._cut(node, frozenset({*self._chunks, *(kept - {node})}))
                stages[node] = cut.stage
                kept |= cut.kept
                waiting += cut.kept
            shared = self._find_shared(stages, frozenset({*kept, *self._chunks}))
            if shared is None:
                break
            kept.add(shared)
        given = frozenset({*self._chunks, *stages})
        return tuple(
            [
                replace(stages[node], given=given - {node} | (self._chunks.keys() & {node}))
                for node in self._shapes.graph.nodes
                if node in stages
            ]
        )

    def _find_shared(self, stages: Mapping[str, Stage], given: frozenset[str]) -> str | None:
        """Return a node that two stages compute, and that had better be kept: the last of them in the graph."""
        shapes = self._shapes
        users: dict[str, int] = {}
        for node in stages:
            for each in shapes.demands(node, shapes.whole(node), given - {node}):
                users[each] = users.get(each, 0) + 1
        for node in reversed(list(shapes.graph.nodes)):
            if users.get(node, 0) > 1 and node not in given and isinstance(shapes.results[node], Cube):
                needed = shapes.demands(node, shapes.whole(node), given)
                read = sum(shapes.count_bytes(each, window) for each, window in needed.items() if each in given)
                if shapes.count_bytes(node, shapes.whole(node)) <= _WORTH * read:
                    return node
        return None

    def _cut(self, node: str, given: frozenset[str]) -> _Cut:
        """Return the best way to cut a node's cube."""
        ways: list[Fold | None] = [None, *([self._shapes.folds[node]] if node in self._shapes.folds else [])]
        cuts = [
            cut
            for fold in ways
            for sizes in self._candidates(node if fold is None else fold.source, given)
            if (cut := self._try(node, fold, given, sizes)) is not None
        ]
        if not cuts:
            raise ProcessGraphComplexityError(
                f"Node {node!r} needs more than {self._size.largest_bytes >> 20} MiB at once, and cannot be computed in parts.",
                remedy="Take a smaller extent or a coarser grid, or reduce the cube before.",
            )
        return min(cuts, key=lambda each: each.cost * max(1.0, each.stage.peak_bytes / self._size.tile_bytes))

    def _candidates(self, node: str, given: Collection[str]) -> Iterator[dict[str, int]]:
        """Yield how large windows may be at first, by names of the dimensions along which it is cut; none: not at all."""
        dimensions = self._shapes.cube(node).dimensions
        stored: dict[str, int] = {}
        for loaded in self._shapes.demands(node, self._shapes.whole(node), given):
            for name, size in self._chunks.get(loaded, {}).items():
                stored[name] = max(stored.get(name, 1), size)
        spatial = {
            each.name: _edge(stored.get(each.name, 1), self._size.edge)
            for each in dimensions
            if each.kind == "spatial" and each.axis != "z"
        }
        if spatial:
            yield spatial
        for each in dimensions:
            if each.kind in {"temporal", "geometry"} and len(each.labels) > 1:
                yield {each.name: len(each.labels)}
                if spatial:
                    yield {**spatial, each.name: len(each.labels)}
        yield {}

    def _try(self, node: str, fold: Fold | None, given: frozenset[str], sizes: dict[str, int]) -> _Cut | None:
        """Return what cutting a node so costs; None if a window takes too much memory."""
        computed = node if fold is None else fold.source
        dimensions = self._shapes.cube(computed).dimensions
        while True:
            windows = split(dimensions, sizes)
            probes = [windows[place] for place in sorted({0, len(windows) // 2, len(windows) - 1})]
            kept = self._find_constant(computed, probes, given)
            peak = max(self._peak(computed, window, given | kept) for window in probes)
            if peak <= self._size.tile_bytes:
                break
            smaller = _halve(sizes, dimensions)
            if smaller is None:
                if peak > self._size.largest_bytes:
                    return None
                break
            sizes = smaller
        count = min(len(windows), _SAMPLES)
        sampled = [windows[number * len(windows) // count] for number in range(count)]
        read = sum(self._count_read(computed, each, given | kept) for each in sampled) * len(windows) / count
        stage = Stage(node=node, fold=fold, windows=tuple(windows), given=given | kept, read_bytes=round(read), peak_bytes=peak)
        before = sum(self._count_read(each, self._shapes.whole(each), given) for each in kept)
        return _Cut(stage, kept, before + read + len(windows) * _WINDOW_BYTES)

    def _find_constant(self, node: str, probes: Sequence[Window], given: frozenset[str]) -> frozenset[str]:
        """Return the nodes of which each window needs the same: those that are nearest to the result."""
        if len(probes) < 2:
            return frozenset()
        demanded = [self._shapes.demands(node, window, given) for window in probes]
        constant = {
            each
            for each, window in demanded[0].items()
            if each != node and each not in given and all(other.get(each) == window for other in demanded[1:])
        }
        varying = [each for each in demanded[0] if each not in constant and each not in given]
        used = [edge for each in varying for edge in self._shapes.uses(each, demanded[0][each])]
        return frozenset(edge.source for edge in used if edge.source in constant)

    def _peak(self, node: str, window: Window, given: Collection[str]) -> int:
        """Return how much the cubes of a window take at a time, each of them given up after its last use."""
        demanded = self._shapes.demands(node, window, given)
        computed = [each for each in self._shapes.graph.nodes if each in demanded and each not in given]
        edges = {each: self._shapes.uses(each, demanded[each]) for each in computed}
        last_use = {edge.source: number for number, each in enumerate(computed) for edge in edges[each]}
        sizes = {each: self._shapes.count_memory(each, part) for each, part in demanded.items()}
        live: dict[str, int] = {}
        peak = sizes[node] if node in given else 0
        for number, each in enumerate(computed):
            live |= {edge.source: sizes[edge.source] for edge in edges[each]}
            live[each] = sizes[each]
            # A kernel has an array of its own beside its arguments and its result.
            peak = max(peak, sum(live.values()) + sizes[each])
            live = {name: size for name, size in live.items() if last_use.get(name, number + 1) > number}
        return peak

    def _count_read(self, node: str, window: Window, given: Collection[str]) -> int:
        """Return how many bytes are read for a window, whole chunks counted."""
        total = 0
        for each, part in self._shapes.demands(node, window, given).items():
            if each in given:
                stored, all_of_it = self._chunks.get(each, {}), self._shapes.whole(each)
                rounded = {name: _round(places, stored.get(name, 1), all_of_it[name].stop) for name, places in part.items()}
                total += self._shapes.count_bytes(each, rounded)
        return total


def _edge(stored: int, edge: int) -> int:
    """Return how many pixels a window has along a side: whole chunks."""
    return stored if stored > edge else stored * (edge // stored)


def _halve(sizes: Mapping[str, int], dimensions: Sequence[Dimension]) -> dict[str, int] | None:
    """Return windows half as long where they are longest, in time first; None if they are as small as they may be."""
    named = {each.name: each for each in dimensions}
    long = {
        name: min(size, len(named[name].labels))
        for name, size in sizes.items()
        if min(size, len(named[name].labels)) > _SMALLEST.get(named[name].kind, 1)
    }
    if not long:
        return None
    longest = max(long, key=lambda name: (named[name].kind != "spatial", long[name]))
    return {**sizes, longest: (long[longest] + 1) // 2}


def _round(part: slice, stored: int, count: int) -> slice:
    """Return the labels of the chunks that hold some."""
    if part.start >= part.stop:
        return part
    return slice(part.start // stored * stored, min(-(-part.stop // stored) * stored, count))
