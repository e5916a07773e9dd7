"""Which of the contract's promises SQS does not keep, by the test's name, each with the reason.

Where the promise has a counterpart on SQS, the reason names the file beside this one that tests it.
"""

_CLOCK = "a stand-in keeps its own clock; with the real one in test_timing.py"
_FIFO = "a queue of SQS is FIFO from its making; in test_fifo.py"
_LANES = "SQS counts no running messages for its receivers; on Lambda the mapping's MaximumConcurrency limits a lane"
_FIGURES = "SQS counts nothing by task and minute; CloudWatch does"
_PURGE = "SQS cannot choose among messages; its own PurgeQueue empties a queue whole"
_RECORDS = "the table forgets records by itself; in results/test_dynamodb.py"
_STARTS = "no record is written when a task starts: on SQS that would be a write for each"
_STALE = "until somebody else receives it, SQS takes the word of its last holder; in test_fencing.py"

NOT_KEPT: dict[str, str] = {
    "test_a_large_batch_is_sent_and_taken_in_order": "a standard queue keeps no order; in test_sending.py",
    "test_a_message_sent_twice_is_stored_once": "a standard queue of SQS does not look at ids; a key makes it one",
    "test_a_loan_that_runs_out_is_told_to_the_next_holder_and_to_the_record": "SQS does not say why it comes again",
    "test_a_loan_that_runs_out_gives_its_place_on_the_lane_back": _LANES,
    "test_a_stale_holders_word_on_a_large_message_does_not_harm_it": _STALE,
    "test_a_holder_that_lost_its_loan_changes_nothing": _STALE,
    "test_what_is_retried_comes_back_after_its_wait_with_the_next_attempt": _CLOCK,
    "test_a_wait_may_be_of_any_length": _CLOCK,
    "test_a_batch_may_mix_waits_and_unstarted_ones": _CLOCK,
    "test_a_delayed_message_is_invisible_until_it_is_due": _CLOCK,
    "test_a_delayed_message_is_ready_once_it_is_due": _CLOCK,
    "test_higher_priority_goes_first_and_equal_in_order_of_arrival": "SQS knows no priorities; use a lane or a queue",
    "test_of_a_group_on_a_fifo_queue_one_is_out_at_a_time_in_order": _FIFO,
    "test_a_group_waits_for_a_retry_of_its_first": _FIFO,
    "test_a_group_goes_on_after_the_death_of_its_first": _FIFO,
    "test_priority_does_not_overtake_within_a_group": _FIFO,
    "test_other_groups_and_messages_without_one_pass": _FIFO,
    "test_a_redriven_message_queues_up_anew_behind_its_group": _FIFO,
    "test_no_more_run_at_once_than_the_lane_allows": _LANES,
    "test_each_way_of_settling_gives_the_place_on_the_lane_back": _LANES,
    "test_depth_counts_each_lane_by_state": "SQS does not say how old the oldest is; in test_depths.py",
    "test_a_dead_letter_has_the_reason_and_the_bytes_as_they_came": "SQS refuses lone surrogates, so they are written "
    "as escapes; in test_letters.py",
    "test_a_record_follows_its_task": _STARTS,
    "test_a_running_task_has_a_start_and_no_end": _STARTS,
    "test_a_success_that_is_not_kept_leaves_no_record": _RECORDS,
    "test_a_record_is_forgotten_when_its_retention_has_passed": _RECORDS,
    "test_purging_counts_records_and_nothing_else": _RECORDS,
    "test_very_many_records_are_forgotten_in_one_purge": _RECORDS,
    "test_dead_and_pending_tasks_are_never_forgotten": _RECORDS,
    "test_nothing_is_counted_where_nothing_has_ended": _FIGURES,
    "test_every_way_of_ending_is_counted_by_minute_queue_and_task": _FIGURES,
    "test_times_are_summed_and_the_longest_is_kept": _FIGURES,
    "test_what_was_handed_back_unstarted_is_not_counted": _FIGURES,
    "test_the_word_of_a_holder_given_up_is_not_counted": _FIGURES,
    "test_the_last_hour_is_kept_and_not_much_more": _FIGURES,
    "test_only_what_was_chosen_is_removed_and_its_record_with_it": _PURGE,
    "test_what_runs_is_never_removed_and_can_still_be_settled": _PURGE,
    "test_only_the_queues_chosen_are_emptied": _PURGE,
    "test_a_message_is_as_old_as_its_enqueue_or_its_end": _PURGE,
    "test_a_delay_that_has_passed_counts_as_ready": _PURGE,
    "test_the_key_of_what_never_succeeded_is_free_again_and_that_of_a_done_one_is_held": _PURGE,
    "test_the_next_of_a_group_is_free_when_its_first_is_removed": _PURGE,
    "test_very_many_are_removed_in_slices": _PURGE,
}
