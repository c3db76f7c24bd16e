"""The loop on real flights: days of 2013 replayed against a deployed stage."""
