"""What `--data` may name that is no file of prices: one line, exit code 2, and no waiting."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from tests.integration.cli_runs import run

WHOLE = "date,open,high,low,close,volume\n" + "".join(
    f"2005-01-{day:02d},10,11,9,10.5,100000\n" for day in (3, 4, 5, 6, 7, 10, 11, 12)
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refuse(data: str) -> str:
    ended = run("backtest", "sma_cross", "--symbols", "X", "--data", data)
    assert (ended.code, ended.out) == (2, "")
    return ended.line


@pytest.mark.parametrize("path", ["/dev/null", "pipe", "folder"])
def test_a_device_or_a_pipe_is_refused_and_not_waited_for(path):
    os.mkfifo("pipe")
    Path("folder").mkdir()
    os.mkfifo("folder/X.csv")
    line = refuse(path)
    assert path in line
    assert "give a CSV file" in line


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (gzip.compress(WHOLE.encode()), "is compressed; unpack it"),
        (bytes(range(256)), "zero byte"),
        (b"", "is empty"),
        (WHOLE.split("\n", maxsplit=1)[0].encode(), "has no rows"),
        (WHOLE.replace(",", ";").replace("10.5", "10,5").encode(), "line 2: close '10,5' is no number"),
        (WHOLE.replace("2005-01-03", "1600-01-03").encode(), "line 2: time '1600-01-03' is not within"),
        (WHOLE.replace("2005-01-12", "2999-01-12").encode(), "line 9: time '2999-01-12' is not within"),
    ],
)
def test_a_file_that_holds_no_prices_is_refused_with_its_name(data, said):
    Path("X.csv").write_bytes(data)
    line = refuse("X.csv")
    assert "X.csv" in line
    assert said in line


def test_each_separator_gives_the_same_run():
    hashes = set()
    for number, mark in enumerate(",;\t|"):
        Path(f"{number}").mkdir()
        Path(f"{number}/X.csv").write_text(WHOLE.replace(",", mark), encoding="utf-8")
        ended = run(
            "backtest", "buy_and_hold", "--symbols", "X", "--data", f"{number}", "--json", "--no-check"
        )
        assert ended.code == 0
        hashes.add(ended.document["runs"][0]["ledger_hash"])
    assert len(hashes) == 1
