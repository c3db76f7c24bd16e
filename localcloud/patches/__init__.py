"""Behaviours of AWS that ministack 1.5.33 lacks and Evertrain relies on, one small patch each.

Every patch names what it replaces, and the start fails if ministack no longer has it. Imported only by `server`.
"""

import importlib.metadata

MINISTACK_VERSION = "1.5.33"


def apply_all() -> None:
    installed = importlib.metadata.version("ministack")
    if installed != MINISTACK_VERSION:
        print(
            f"localcloud: written for ministack {MINISTACK_VERSION}, found {installed}; run its contract tests",
            flush=True,
        )
    from localcloud.patches import (
        aliases,
        chaos,
        containers,
        dynamodb,
        event_sources,
        function_code,
        functions,
        images,
        objects,
        permissions,
        requests,
        schedules,
        state,
        step_functions,
    )

    containers.run_tasks_as_processes()
    containers.report_exit_code_of_stopped_tasks()
    step_functions.track_executions()
    step_functions.honour_exit_codes()
    step_functions.stop_tasks_of_ended_states()
    step_functions.read_timeouts_from_paths()
    step_functions.wait_for_answers()
    step_functions.take_the_first_answer()
    step_functions.announce_ends_by_restart()
    functions.use_function_interpreter()
    functions.report_error_types()
    functions.install_log_handler()
    functions.end_idle_environments()
    functions.share_environments()
    functions.limit_concurrency()
    functions.wait_for_logs_without_polling()
    aliases.honour_weights()
    images.run_image_functions_as_processes()
    function_code.keep_code_on_disk()
    function_code.unpack_code_once()
    event_sources.honour_batch_sizes_and_windows()
    requests.refuse_foreign_requests()
    permissions.accept_only_this_start_s_key()
    permissions.verify_the_root_s_signature()
    permissions.name_actions_on_aliases()
    permissions.name_repositories_of_lists()
    permissions.count_requests_as_encrypted()
    permissions.forbid_what_may_not_be_listed()
    journal = permissions.write_down_checks()
    permissions.check_roles_of_services(journal)
    permissions.check_function_policies(journal)
    chaos.refuse_each_call_once(journal)
    schedules.substitute_scheduled_time()
    dynamodb.cache_parsed_conditions()
    objects.keep_bodies_on_disk_only()
    state.encode_at_once()
    state.save_periodically()
