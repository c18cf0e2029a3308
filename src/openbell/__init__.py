"""Openbell: one strategy runs, unchanged, in a backtest, on paper and live.

Everything here is loaded when it is first used, so that importing the package is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from openbell.backtesting.axes import span as span
    from openbell.backtesting.sweep import SweepInterrupted as SweepInterrupted
    from openbell.core.costs import NO_COSTS as NO_COSTS
    from openbell.core.costs import REG_T as REG_T
    from openbell.core.costs import Commission as Commission
    from openbell.core.costs import Costs as Costs
    from openbell.core.costs import Margin as Margin
    from openbell.core.costs import Slippage as Slippage
    from openbell.core.errors import BadData as BadData
    from openbell.core.errors import ConfigError as ConfigError
    from openbell.core.errors import Halt as Halt
    from openbell.core.errors import LookAhead as LookAhead
    from openbell.core.errors import OpenbellError as OpenbellError
    from openbell.core.errors import StrategyError as StrategyError
    from openbell.core.market import Bar as Bar
    from openbell.core.situation import Situation as Situation
    from openbell.core.situation import Size as Size
    from openbell.core.types import Delisting as Delisting
    from openbell.core.types import Dividend as Dividend
    from openbell.core.types import Fill as Fill
    from openbell.core.types import Instrument as Instrument
    from openbell.core.types import SpinOff as SpinOff
    from openbell.core.types import Split as Split
    from openbell.core.types import SymbolChange as SymbolChange
    from openbell.core.types import TimeInForce as TimeInForce
    from openbell.crossvalidating import crossvalidate as crossvalidate
    from openbell.data.crosssection import CrossSection as CrossSection
    from openbell.data.frames import from_frame as from_frame
    from openbell.data.universe import Universe as Universe
    from openbell.doubting import robustness as robustness
    from openbell.execution.risk.limits import STANDARD_RISK as STANDARD_RISK
    from openbell.execution.risk.limits import OperationLimits as OperationLimits
    from openbell.execution.risk.limits import OrderLimits as OrderLimits
    from openbell.execution.risk.limits import PortfolioLimits as PortfolioLimits
    from openbell.execution.risk.limits import PositionLimits as PositionLimits
    from openbell.execution.risk.limits import ProtectiveExits as ProtectiveExits
    from openbell.execution.risk.limits import Risk as Risk
    from openbell.execution.risk.limits import RiskModel as RiskModel
    from openbell.indicators import field as field
    from openbell.indicators import indicator as indicator
    from openbell.papering import Paper as Paper
    from openbell.papering import paper as paper
    from openbell.portfolio.rebalance import Rebalancing as Rebalancing
    from openbell.portfolio.sizing import AverageTrueRange as AverageTrueRange
    from openbell.portfolio.sizing import ConfidenceScaled as ConfidenceScaled
    from openbell.portfolio.sizing import EqualWeight as EqualWeight
    from openbell.portfolio.sizing import FixedNotional as FixedNotional
    from openbell.portfolio.sizing import FixedQuantity as FixedQuantity
    from openbell.portfolio.sizing import InverseVolatility as InverseVolatility
    from openbell.portfolio.sizing import Kelly as Kelly
    from openbell.portfolio.sizing import RiskPerTrade as RiskPerTrade
    from openbell.portfolio.sizing import ShareOfEquity as ShareOfEquity
    from openbell.portfolio.sizing import VolatilityTarget as VolatilityTarget
    from openbell.portfolio.weights import weights as weights
    from openbell.reporting.crossvalidation import CrossValidation as CrossValidation
    from openbell.reporting.montecarlo import MonteCarlo as MonteCarlo
    from openbell.reporting.montecarlo import montecarlo as montecarlo
    from openbell.reporting.result import Result as Result
    from openbell.reporting.robustness import Robustness as Robustness
    from openbell.reporting.sweep import Sweep as Sweep
    from openbell.reporting.walk import WalkForward as WalkForward
    from openbell.run import backtest as backtest
    from openbell.run import check_lookahead as check_lookahead
    from openbell.strategies.base import Strategy as Strategy
    from openbell.strategies.parameters import param as param
    from openbell.strategies.signal import signal as signal
    from openbell.sweeping import sweep as sweep
    from openbell.walking import walkforward as walkforward

#: Where each public name lives.
_HOMES = {
    "span": "backtesting.axes", "SweepInterrupted": "backtesting.sweep",
    "NO_COSTS": "core.costs", "REG_T": "core.costs", "Commission": "core.costs", "Costs": "core.costs",
    "Margin": "core.costs", "Slippage": "core.costs",
    "BadData": "core.errors", "ConfigError": "core.errors", "Halt": "core.errors", "LookAhead": "core.errors",
    "OpenbellError": "core.errors", "StrategyError": "core.errors",
    "Bar": "core.market",
    "Delisting": "core.types", "Dividend": "core.types", "Fill": "core.types", "Instrument": "core.types",
    "SpinOff": "core.types", "Split": "core.types", "SymbolChange": "core.types", "TimeInForce": "core.types",
    "CrossSection": "data.crosssection",
    "from_frame": "data.frames", "Universe": "data.universe",
    "STANDARD_RISK": "execution.risk.limits", "OperationLimits": "execution.risk.limits",
    "OrderLimits": "execution.risk.limits", "PortfolioLimits": "execution.risk.limits",
    "PositionLimits": "execution.risk.limits", "ProtectiveExits": "execution.risk.limits",
    "Risk": "execution.risk.limits", "RiskModel": "execution.risk.limits",
    "field": "indicators", "indicator": "indicators",
    "Paper": "papering", "paper": "papering",
    "Rebalancing": "portfolio.rebalance", "weights": "portfolio.weights",
    "AverageTrueRange": "portfolio.sizing", "ConfidenceScaled": "portfolio.sizing",
    "EqualWeight": "portfolio.sizing", "FixedNotional": "portfolio.sizing",
    "FixedQuantity": "portfolio.sizing", "InverseVolatility": "portfolio.sizing",
    "Kelly": "portfolio.sizing", "RiskPerTrade": "portfolio.sizing", "ShareOfEquity": "portfolio.sizing",
    "VolatilityTarget": "portfolio.sizing", "Size": "core.situation", "Situation": "core.situation",
    "MonteCarlo": "reporting.montecarlo", "montecarlo": "reporting.montecarlo",
    "Robustness": "reporting.robustness", "robustness": "doubting",
    "Result": "reporting.result", "Sweep": "reporting.sweep",
    "backtest": "run", "check_lookahead": "run",
    "Strategy": "strategies.base", "param": "strategies.parameters", "signal": "strategies.signal",
    "CrossValidation": "reporting.crossvalidation", "crossvalidate": "crossvalidating",
    "sweep": "sweeping", "walkforward": "walking", "WalkForward": "reporting.walk",
}  # fmt: skip

__all__ = ["__version__", *sorted(_HOMES)]  # noqa: PLE0604  # names, all of them text


def __getattr__(name: str) -> Any:
    """Load a public name, or make `ob.SMA` of TA-Lib's SMA."""
    home = _HOMES.get(name)
    if home is not None:
        value = getattr(import_module(f"openbell.{home}"), name)
        globals()[name] = value
        return value
    if name[:1].isupper():
        return getattr(import_module("openbell.indicators"), name)
    raise AttributeError(f"openbell has no {name!r}")


def __dir__() -> list[str]:
    """List the public names and every indicator."""
    return sorted({*__all__, *dir(import_module("openbell.indicators"))})
