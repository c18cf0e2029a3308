import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openbell.core.errors import BadData
from openbell.core.types import NANOS_PER_DAY, Split
from openbell.data.bars import COLUMNS, FindingKind, Series, Source
from openbell.data.calendar import sessions
from openbell.data.catalog import Catalog, Key
from openbell.data.catalog.apart import NAME, put_apart, read_apart
from openbell.data.catalog.key import folder_of
from openbell.data.health import examine_catalog
from openbell.data.quarantine import Quarantined
from tests.integration.cli_runs import run

YEAR = sessions("XNYS", 1_577_836_800 * 10**9, 1_600_000_000 * 10**9)


def series(provider: str = "one", symbol: str = "ACME", *, drop: int = -1, **changed: Any) -> Series:
    days = [day for day in range(1, 60) if day != drop]
    close = 50.0 + np.sin(np.arange(60)[days])
    columns = dict.fromkeys(COLUMNS, close) | {"high": close + 1, "low": close - 1}
    columns["volume"] = np.full(len(days), 1000.0)
    return Series(
        symbol,
        "1d",
        YEAR.opens[days],
        YEAR.closes[days],
        **(columns | changed),
        source=Source(provider, "eod"),
    )


def file_of(catalog: Catalog, symbol: str) -> Path:
    (part,) = folder_of(catalog.root, key_of(series(symbol=symbol))).glob("*.parquet")
    return part


def key_of(one: Series) -> Key:
    return Key(one.source, one.symbol, one.timeframe)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "catalog")


def test_a_sound_series_has_nothing_to_look_at(catalog: Catalog) -> None:
    catalog.write(series())
    (health,) = examine_catalog(catalog, catalog.keys())
    assert health.sound
    assert health.bars == 59


def test_gaps_spikes_and_actions_are_told(catalog: Catalog) -> None:
    low = series().low.copy()
    low[20] *= 0.5
    whole = series(low=low)
    catalog.write(whole)
    catalog.write(series(symbol="HOLE", drop=30))
    catalog.write_actions(whole.source, "ACME", [Split("ACME", int(whole.start[5]), 2, 1)])
    acme, hole = examine_catalog(catalog, catalog.keys())
    assert [found.kind for found in acme.findings] == [FindingKind.SPIKE]
    assert acme.splits == 1
    assert [found.kind for found in hole.findings] == [FindingKind.MISSING_SESSIONS]


def test_vendors_are_held_against_each_other(catalog: Catalog) -> None:
    catalog.write(series())
    other = series("two")
    catalog.write(series("two", close=other.close * 1.01))
    first, second = examine_catalog(catalog, catalog.keys())
    (found,) = first.findings
    assert found.kind is FindingKind.DISAGREEMENT
    assert "one (eod) has" in found.message
    assert second.sound


def test_a_damaged_file_is_told_and_the_others_are_looked_at(catalog: Catalog) -> None:
    for symbol in ("ACME", "BETA"):
        catalog.write(series(symbol=symbol))
    part = file_of(catalog, "ACME")
    part.write_bytes(part.read_bytes()[:-50])
    acme, beta = examine_catalog(catalog, catalog.keys())
    assert "damaged" in acme.damage
    assert beta.sound


def test_bars_that_are_kept_apart_are_kept_once_and_come_back(catalog: Catalog) -> None:
    catalog.write(series())
    key = key_of(series())
    bad = Quarantined(5 * NANOS_PER_DAY, FindingKind.SPIKE, "a spike", (1.0, 2.0, float("inf"), 1.0, 0.0))
    worse = Quarantined(3 * NANOS_PER_DAY, FindingKind.NOT_A_NUMBER, "no number", (1.0, 2.0, 3.0, 1.0, 0.0))
    for _ in range(2):
        put_apart(catalog.root, key, [bad, worse])
    assert read_apart(catalog.root, key) == (worse, bad)
    (health,) = examine_catalog(catalog, [key])
    assert health.apart == (worse, bad)
    assert not health.sound
    path = folder_of(catalog.root, key) / NAME
    path.write_text("[{}]")
    with pytest.raises(BadData, match="is damaged"):
        read_apart(catalog.root, key)


def test_the_command_prints_and_writes_what_was_found(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    catalog.write(series(drop=30))
    ended = run("data", "health", "--catalog", str(catalog.root), "--report", "out")
    assert ended.code == 0
    assert "ACME: 1 sessions of XNYS have no bar" in ended.out
    page = Path("out/health.html").read_text(encoding="utf-8")
    assert "ACME: 1 sessions of XNYS have no bar" in page
    assert "1 of 1 series have something to look at" in page
    document = json.loads(Path("out/health.json").read_text(encoding="utf-8"))
    assert document["series"][0]["findings"][0]["kind"] == "missing_sessions"
    assert run("data", "health", "--catalog", str(catalog.root), "--report", "").code == 2


def test_many_findings_are_counted_and_damage_ends_with_one(catalog: Catalog, tmp_path: Path) -> None:
    low = series().low.copy()
    low[2:50:2] *= 0.5
    catalog.write(series(low=low))
    catalog.write(series(symbol="BETA"))
    ended = run("data", "health", "--catalog", str(catalog.root))
    assert "and 4 more; --report FOLDER writes them all" in ended.out
    file_of(catalog, "BETA").write_bytes(b"")
    assert run("data", "health", "--catalog", str(catalog.root)).code == 1
