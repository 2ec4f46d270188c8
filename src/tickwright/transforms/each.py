"""One chain of stages for each instrument, made when its first event comes. Results are by key."""

from __future__ import annotations

from typing import Any

from tickwright.transforms.bars import Builder
from tickwright.transforms.stage import SKIP, Spec, as_spec, spec


class Chain:
    """Several stages in a row as one."""

    __slots__ = ("_stages", "warmup")

    def __init__(self, *specs: Spec) -> None:
        if not specs:
            raise TypeError("each needs at least one stage")
        self._stages = [item.make({}) for item in specs]
        self.warmup = sum(stage.warmup for stage in self._stages) - len(specs) + 1

    def reset(self) -> None:
        for stage in self._stages:
            stage.reset()

    def step(self, x: Any) -> Any:
        return self._through(0, x)

    def on_time(self, now_ns: int) -> Any:
        """What the clock closes, through the stages after it."""
        for place, stage in enumerate(self._stages):
            if hasattr(stage, "on_time"):
                result = stage.on_time(now_ns)
                if result is not SKIP:
                    return self._through(place + 1, result)
        return SKIP

    def _through(self, first: int, x: Any) -> Any:
        for stage in self._stages[first:]:
            x = stage.step(x)
            if x is SKIP:
                return SKIP
        return x

    @property
    def closed(self) -> int:
        """Bars closed so far."""
        return sum(stage.closed for stage in self._stages if isinstance(stage, Builder))


class Each:
    """Gives the latest result of every instrument that has one, whenever one of them has a new one."""

    __slots__ = ("_chain", "_forgotten", "_latest", "_stages", "warmup")

    def __init__(self, chain: Spec) -> None:
        self._chain = chain
        self._stages: dict[str, Chain] = {}
        self._latest: dict[str, Any] = {}
        self._forgotten = 0
        self.warmup = self._fresh().warmup

    def _fresh(self) -> Chain:
        made: Chain = self._chain.make({})
        return made

    def reset(self) -> None:
        self._forgotten = self.closed
        self._stages = {}
        self._latest = {}

    def step(self, event: Any) -> Any:
        key = event.key
        stage = self._stages.get(key)
        if stage is None:
            stage = self._stages[key] = self._fresh()
        result = stage.step(event)
        return SKIP if result is SKIP else self._with({key: result})

    def on_time(self, now_ns: int) -> Any:
        """Let time bars of every instrument close by the clock."""
        results = {key: stage.on_time(now_ns) for key, stage in self._stages.items()}
        results = {key: result for key, result in results.items() if result is not SKIP}
        return self._with(results) if results else SKIP

    def _with(self, results: dict[str, Any]) -> dict[str, Any]:
        self._latest = {**self._latest, **results}  # a new one: what was given before stays as it was
        return self._latest

    @property
    def closed(self) -> int:
        """Bars closed so far."""
        return self._forgotten + sum(stage.closed for stage in self._stages.values())


def each(*stages: object) -> Spec:
    """Stage: events of several instruments through ``stages``, one set of them for each; results by key."""
    chain = Spec(Chain, tuple(as_spec(stage) for stage in stages), name="chain")
    return spec(Each, chain)
