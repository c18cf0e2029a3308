"""What runs around sessions: parity with the backtest, real streams, the exchange's hours, new settings."""
