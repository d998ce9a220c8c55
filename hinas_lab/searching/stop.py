"""When a search ends before its last epoch: a row of STOP_RULES each, chosen by
``SearchConfig.stop``. numpy only."""

from collections.abc import Callable, Mapping, Sequence

from hinas_lab.config import SearchConfig

StopRule = Callable[[Mapping[str, Sequence], SearchConfig], bool]
"""(the columns of all epochs so far, by the names of ``records.Epoch`` but genotype and preview,
the last one newest; the search's config) -> shall it end here?"""


def epochs(columns: Mapping[str, Sequence], config: SearchConfig) -> bool:
    """The paper's: all epochs are run, the best supernet on V is the result."""
    return False


STOP_RULES: dict[str, StopRule] = {"epochs": epochs}


def stop_rule(name: str) -> StopRule:
    """The rule called ``name``; ValueError names all."""
    if name not in STOP_RULES:
        raise ValueError(f"stop = {name!r}: must be one of {', '.join(STOP_RULES)}")
    return STOP_RULES[name]
