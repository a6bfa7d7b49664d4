"""What other tests show: (numbers as in cases.py, fault, what shows it). Every name is looked for in the tree."""

ROWS = (
    ("1", "sequence gap", "unit/session_sync_test gap_costs_one_symbol_one_snapshot; "
     "integration/binance_market_test test_a_lost_change_is_one_symbols_matter; unit/join_model_test; simulation"),
    ("2 3", "duplicates, out of order", "unit/session_sync_test change_seen_before_is_nothing; "
     "integration/bad_feed_test test_what_is_new_to_us_is_no_error"),
    ("4", "checksum mismatch", None, "no exchange that is served sends one"),
    ("5", "crossed, locked", "unit/session_sync_test crossed_is_never_live_and_not_published; "
     "unit/session_fault_test locked_book_is_live_with_a_flag; integration/bad_feed_test test_a_crossed_book_is_never_fit"),
    ("6", "snapshot of the past", "unit/session_sync_test snapshot_older_than_the_changes_is_asked_again_and_they_are_kept; "
     "integration/binance_faults_test test_first_snapshots_that_are_old"),
    ("7", "snapshots fail", "integration/binance_faults_test test_snapshots_that_fail; "
     "integration/binance_faults_test test_snapshots_that_are_cut"),
    ("8", "delete of an unknown level", "unit/order_book_test equals_a_naive_one; unit/join_model_test"),
    ("9", "numbers of every form", "unit/decimal_test what_is_no_number_or_does_not_fit_is_told_apart; unit/usual_test; "
     "fuzz/fuzz_decimal; fuzz/fuzz_json_reader"),
    ("10", "malformed, truncated, nested JSON", "unit/hostile_test cut_at_every_byte; "
     "unit/session_fault_test nonsense_costs_a_message_until_there_is_nothing_else; fuzz/fuzz_binance_spot; fuzz/fuzz_upbit; simulation"),
    ("11 12", "unknown and missing fields", "integration/bad_feed_test test_each_costs_itself_and_not_the_connection; "
     "unit/session_sync_test refused_message_of_a_symbol_costs_it_a_snapshot; simulation"),
    ("13", "strange symbols", "unit/topic_test a_symbol_that_passes_fits_every_topic_of_its_exchange; "
     "integration/gateway_test test_bad_configuration; integration/names_test"),
    ("14", "delisted, halted", "unit/session_test symbol_that_left_the_list_is_halted_when_it_falls_silent; "
     "unit/session_test suspended_symbol_resumes; simulation"),
    ("15", "rescale", "unit/order_book_test a_finer_digit_rescales_and_a_coarser_one_does_not; "
     "unit/codec_test exponents_are_the_largest_that_keep_all_values_whole", "exponents are per message, the epoch stays"),
    ("16", "no acknowledgement, or an error", "unit/session_test silently_ignored_symbol_is_found_and_named; "
     "unit/session_lines_test who_was_refused_alone_is_asked_for_again_with_growing_waits; "
     "integration/bad_feed_test test_one_that_the_exchange_does_not_have_is_reported_and_the_others_live; simulation"),
    ("17", "stall", "unit/session_test silence_makes_stale_and_reconnects; "
     "integration/binance_faults_test test_acknowledged_and_silent; simulation"),
    ("18", "end of life", "integration/handover_test test_an_announced_end; "
     "integration/binance_market_test test_an_announced_shutdown_makes_no_hole; unit/session_overlap_test; simulation"),
    ("19", "the exchange's clock", "unit/session_fault_test clock_of_the_exchange_set_back_by_hours_decides_nothing; simulation"),
    ("20", "burst", "integration/market_test test_every_cached_book_is_true_and_memory_is_flat"),
    ("21 24", "frames that are too large, or none", "unit/conformance (416 cases); fuzz/fuzz_transport_both; "
     "integration/bad_feed_test test_a_giant_message_does_not_fill_the_memory"),
    ("22 23", "extensions, compression", "unit/conformance; unit/ws_inflate_test is_bounded; "
     "integration/transport_test test_books_are_true_compressed"),
    ("25 26 27", "connections that end or do not begin", "unit/ws_transport_life_test tells_a_lost_connection; "
     "unit/ws_transport_handshake_test gives_up_on_a_mute_server; "
     "unit/session_fault_test handshake_that_never_answers_is_given_up"),
    ("29", "told to stay away", "unit/session_fault_test told_to_stay_away; unit/address_budget_test "
     "everybody_stays_away_for_as_long_as_one_was_told; integration/binance_faults_test test_it_waits_when_the_exchange_says_429; simulation"),
    ("30", "reconnect storm", "unit/session_fault_test back_off_doubles_to_its_cap_with_full_jitter; unit/address_budget_test "
     "no_window_ever_holds_more"),
    ("31", "certificates", "integration/bad_feed_test CertificateTest; unit/ws_transport_handshake_test "
     "believes_only_the_right_certificate; unit/ws_transport_handshake_test does_not_speak_old_tls"),
    ("32 33", "names and addresses", "unit/resolve_test gives_up_in_time; unit/resolve_test goes_round_the_addresses; "
     "integration/limits_test test_a_name_that_is_never_answered_does_not_hold_the_end_up"),
    ("34", "slow subscriber", "integration/kill_test test_a_stopped_subscriber_costs_itself; unit/libbookcast_policy_test; "
     "integration/gateway_test test_terminated_says_so_and_leaves_at_once"),
    ("35", "slow joiner", "integration/late_listener_test; integration/gateway_test test_late_joiner_is_welcomed"),
    ("36 37", "kill -9", "integration/kill_test test_the_gateway; integration/kill_test test_the_cache; integration/soak_test"),
    ("38", "late replies", "unit/bus_rpc_test a_late_answer_finds_no_taker; "
     "integration/cache_test test_a_cache_that_was_stopped_does_not_answer_from_the_past"),
    ("41", "hostile peers of the bus", "integration/garbage_test; integration/rpc_wire_test; "
     "integration/rpc_pressure_test; integration/limits_test test_strangers_take_every_descriptor; "
     "unit/bus_pub_test a_huge_subscription_costs_its_sender_alone"),
    ("42", "two of one instance", "integration/gateway_test test_owned_socket_and_taken_port; unit/run_dir_test "
     "a_second_owner_is_refused_and_told_who_owns_it"),
    ("43 44", "CURVE keys", None, "not built yet"),
    ("45 56", "the end with queued data", "integration/gateway_test test_terminated_says_so_and_leaves_at_once"),
    ("46", "versions mixed", "unit/codec_test fields_of_a_newer_minor_version_are_skipped; check_vectors",
     "a matrix of releases waits for the second release"),
    ("47", "hostile messages", "unit/codec_test hostile_headers_are_refused_at_once; unit/hostile_test; fuzz/fuzz_message; "
     "fuzz/fuzz_board; integration/garbage_test test_random_frames_of_any_number"),
    ("48", "clocks of two publishers differ", None, "no order between exchanges is promised, and nothing relies on one"),
    ("49", "allocation fails", "unit/session_nomem_test each_allocation_fails_once"),
    ("51", "descriptors", "integration/limits_test test_strangers_take_every_descriptor"),
    ("53 54 55", "clocks", "integration/gateway_test test_stopped_gateway_believes_nothing_when_it_wakes; "
     "integration/gateway_test test_clock_set_back_between_two_lives; unit/session_fault_test wall_clock_decides_nothing; "
     "unit/session_fault_test our_own_clock_makes_everything_stale"),
    ("57", "configuration with errors", "unit/config_test golden_files; integration/bad_start_test test_configuration_files"),
    ("58", "nobody reads the log", "unit/log_test a_full_pipe_loses_lines_with_a_count_and_never_waits; "
     "unit/log_test a_full_socket_does_not_block_either"),
    ("59", "watchdog", "unit/sd_notify_test the_watchdog_is_asked_for_half_the_time"),
    ("60", "torn recordings", None, "the recorder is not built yet"),
)
