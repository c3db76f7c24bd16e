"""AWS on a laptop: ministack with a few behaviours of AWS restored, functions and containers as local processes."""
