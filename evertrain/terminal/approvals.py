"""What a person's word on a contender came to, for people."""

from rich.markup import escape

from evertrain.domain.release.approvals import Approval
from evertrain.terminal.console import console


def show_answered(approval: Approval) -> None:
    console.print(f"[bold]{approval.version}[/] of {approval.model}: {escape(str(approval.answered))}")
    console.print(f"`evertrain explain {approval.model} {approval.decision_id}` tells what comes of it.")
