"""Behaviours of AWS that ministack 1.5.33 lacks and Evertrain relies on, one small patch each.

Every patch names what it replaces, and the start fails if ministack no longer has it. Imported only by `server`.
"""

import importlib.metadata

WRITTEN_FOR = "1.5.33"


def restore_all() -> None:
    installed = importlib.metadata.version("ministack")
    if installed != WRITTEN_FOR:
        print(
            f"localcloud: written for ministack {WRITTEN_FOR}, found {installed}; run its contract tests", flush=True
        )
    from localcloud.patches import containers, dynamodb, functions, objects, state, step_functions

    containers.run_tasks_as_processes()
    containers.tell_how_a_stopped_task_died()
    step_functions.honour_exit_codes()
    step_functions.stop_the_task_of_an_ended_state()
    functions.run_on_their_own_python()
    functions.name_errors_after_their_class()
    functions.keep_what_is_logged()
    functions.end_idle_environments()
    functions.limit_concurrency()
    dynamodb.parse_conditions_once()
    objects.keep_bodies_on_disk_only()
    state.save_every_few_seconds()
