"""Configuration: YAML files, .env, environment variables and overrides, checked, with their places.

The names are loaded when they are first used: pydantic costs 0.3 s that a run without settings need not pay.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openbell.config.explain import Explanation as Explanation
    from openbell.config.loaded import Loaded as Loaded
    from openbell.config.loaded import load as load
    from openbell.config.models import Account as Account
    from openbell.config.models import BrokerEntry as BrokerEntry
    from openbell.config.models import Data as Data
    from openbell.config.models import Logging as Logging
    from openbell.config.models import Reports as Reports
    from openbell.config.models import Settings as Settings
    from openbell.config.models import State as State
    from openbell.config.models import StrategyEntry as StrategyEntry
    from openbell.config.sizing import FixedNotional as FixedNotional
    from openbell.config.sizing import FixedQuantity as FixedQuantity
    from openbell.config.sizing import ShareOfEquity as ShareOfEquity
    from openbell.config.sizing import Sizing as Sizing
    from openbell.config.sources import Override as Override

#: Where each public name lives.
_HOMES = {
    "Explanation": "explain",
    "Loaded": "loaded", "load": "loaded",
    "Account": "models", "BrokerEntry": "models", "Data": "models", "FixedNotional": "sizing",
    "FixedQuantity": "sizing", "Logging": "models", "Reports": "models", "Settings": "models",
    "State": "models",
    "Override": "sources", "ShareOfEquity": "sizing", "Sizing": "sizing", "StrategyEntry": "models",
}  # fmt: skip

__all__ = list(_HOMES)  # the table is the one list of names


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
