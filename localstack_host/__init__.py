"""LocalStack 4.14, the last edition that needs no account, on a plain Linux host: set up, start, stop, no containers.

Standard library only. `inside/` runs in LocalStack's own process and interpreter; the rest never imports it.
"""
