"""`evertrain` with all of its commands."""

from evertrain.cli.backfill import backfill
from evertrain.cli.backtest import backtest
from evertrain.cli.check import check
from evertrain.cli.doctor import doctor
from evertrain.cli.drift import drift
from evertrain.cli.init import init
from evertrain.cli.stage_commands import app
from evertrain.cli.tune import tune_command

__all__ = ["app"]

app.command()(init)
app.command()(check)
app.command()(doctor)
app.command()(drift)
app.command()(backtest)
app.command()(backfill)
app.command("tune")(tune_command)
