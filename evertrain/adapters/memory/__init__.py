"""The ports in memory, held to the contracts of the adapters on AWS: a backtest runs on them, and so do the tests."""
