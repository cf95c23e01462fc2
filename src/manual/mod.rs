//! The manual: prose that is compiled with the code and read in `cargo doc`.
//!
//! What the parts are and where to add to them. It leaves the meaning of single items to the documentation of those
//! items, and what a user meets to the README.

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("adding.md")]
pub mod adding {}

#[doc = include_str!("alarms.md")]
pub mod alarms {}

/// How a site is run, from the first day to an update.
pub mod handbook {
    #[doc = include_str!("handbook/en.md")]
    pub mod en {}

    #[doc = include_str!("handbook/zh.md")]
    pub mod zh {}
}

#[doc = include_str!("receivers.md")]
pub mod receivers {}

#[doc = include_str!("views.md")]
pub mod views {}

/// Why things are as they are: one question a note, never rewritten, only superseded by a later one.
pub mod decisions {
    #[doc = include_str!("decisions/0000-template.md")]
    pub mod d0000_template {}
    #[doc = include_str!("decisions/0001-no-lto-in-release.md")]
    pub mod d0001_no_lto_in_release {}
    #[doc = include_str!("decisions/0002-the-rust-version-is-the-tested-one.md")]
    pub mod d0002_the_rust_version_is_the_tested_one {}
    #[doc = include_str!("decisions/0003-configuration-is-read-key-by-key.md")]
    pub mod d0003_configuration_is_read_key_by_key {}
    #[doc = include_str!("decisions/0004-one-transaction-for-both-databases.md")]
    pub mod d0004_one_transaction_for_both_databases {}
    #[doc = include_str!("decisions/0005-curves-are-day-rows.md")]
    pub mod d0005_curves_are_day_rows {}
    #[doc = include_str!("decisions/0006-archive-files-hold-no-formulas.md")]
    pub mod d0006_archive_files_hold_no_formulas {}
    #[doc = include_str!("decisions/0007-billing-is-computed-from-notes-of-what-is-due.md")]
    pub mod d0007_billing_is_computed_from_notes_of_what_is_due {}
    #[doc = include_str!("decisions/0008-an-answer-after-silence-may-be-an-old-one.md")]
    pub mod d0008_an_answer_after_silence_may_be_an_old_one {}
    #[doc = include_str!("decisions/0009-what-may-reach-a-bill-is-read-twice.md")]
    pub mod d0009_what_may_reach_a_bill_is_read_twice {}
    #[doc = include_str!("decisions/0010-a-line-that-is-too-full-is-not-served.md")]
    pub mod d0010_a_line_that_is_too_full_is_not_served {}
    #[doc = include_str!("decisions/0011-passwords-are-sealed-under-a-key-file.md")]
    pub mod d0011_passwords_are_sealed_under_a_key_file {}
    #[doc = include_str!("decisions/0012-the-browser-is-driven-over-its-pipes.md")]
    pub mod d0012_the_browser_is_driven_over_its_pipes {}
    #[doc = include_str!("decisions/0013-lists-have-a-row-of-their-own.md")]
    pub mod d0013_lists_have_a_row_of_their_own {}
    #[doc = include_str!("decisions/0014-approvals-are-given-in-the-console-only.md")]
    pub mod d0014_approvals_are_given_in_the_console_only {}
    #[doc = include_str!("decisions/0015-ceilings-and-terms-are-made-stricter-by-one-looser-by-two.md")]
    pub mod d0015_ceilings_and_terms_are_made_stricter_by_one_looser_by_two {}
    #[doc = include_str!("decisions/0016-what-pages-count-is-counted-when-it-changes.md")]
    pub mod d0016_what_pages_count_is_counted_when_it_changes {}
    #[doc = include_str!("decisions/0017-a-terminal-has-one-queue-across-its-sessions.md")]
    pub mod d0017_a_terminal_has_one_queue_across_its_sessions {}
    #[doc = include_str!("decisions/0018-a-terminal-is-believed-when-the-meter-has-said-the-same.md")]
    pub mod d0018_a_terminal_is_believed_when_the_meter_has_said_the_same {}
    #[doc = include_str!("decisions/0019-a-restored-database-hands-orders-in-flight-to-people.md")]
    pub mod d0019_a_restored_database_hands_orders_in_flight_to_people {}
    #[doc = include_str!("decisions/0020-handlers-lose-their-type-in-the-registry.md")]
    pub mod d0020_handlers_lose_their_type_in_the_registry {}
    #[doc = include_str!("decisions/0021-a-database-that-is-away-holds-collection-up.md")]
    pub mod d0021_a_database_that_is_away_holds_collection_up {}
    #[doc = include_str!("decisions/0022-a-site-is-held-by-a-lease.md")]
    pub mod d0022_a_site_is_held_by_a_lease {}
    #[doc = include_str!("decisions/0023-a-modbus-unit-shows-a-sign-of-life-before-it-is-believed.md")]
    pub mod d0023_a_modbus_unit_shows_a_sign_of_life_before_it_is_believed {}
    #[doc = include_str!("decisions/0024-a-full-disk-leaves-a-reserve-for-supply.md")]
    pub mod d0024_a_full_disk_leaves_a_reserve_for_supply {}
    #[doc = include_str!("decisions/0025-the-meters-bear-out-our-clock.md")]
    pub mod d0025_the_meters_bear_out_our_clock {}
    #[doc = include_str!("decisions/0026-a-database-that-lost-what-it-had-kept-holds-cuts.md")]
    pub mod d0026_a_database_that_lost_what_it_had_kept_holds_cuts {}
    #[doc = include_str!("decisions/0027-records-of-a-terminal-are-sent-once-and-read-back.md")]
    pub mod d0027_records_of_a_terminal_are_sent_once_and_read_back {}
    #[doc = include_str!("decisions/0028-a-new-password-is-proven-by-writing-it-again.md")]
    pub mod d0028_a_new_password_is_proven_by_writing_it_again {}
    #[doc = include_str!("decisions/0029-without-its-database-nothing-is-given-back-from-here.md")]
    pub mod d0029_without_its_database_nothing_is_given_back_from_here {}
    #[doc = include_str!("decisions/0030-what-may-have-been-obeyed-is-read-and-sent-no-more.md")]
    pub mod d0030_what_may_have_been_obeyed_is_read_and_sent_no_more {}
    #[doc = include_str!("decisions/0031-rows-that-count-are-sealed.md")]
    pub mod d0031_rows_that_count_are_sealed {}
    #[doc = include_str!("decisions/0032-a-database-that-forgot-begins-new-versions-elsewhere.md")]
    pub mod d0032_a_database_that_forgot_begins_new_versions_elsewhere {}
    #[doc = include_str!("decisions/0033-a-line-that-is-served-is-asked-through-the-service.md")]
    pub mod d0033_a_line_that_is_served_is_asked_through_the_service {}
    #[doc = include_str!("decisions/0034-meters-behind-terminals-are-asked-for-their-events-beside-the-run.md")]
    pub mod d0034_meters_behind_terminals_are_asked_for_their_events_beside_the_run {}
    #[doc = include_str!("decisions/0035-what-has-not-left-of-a-setting-may-leave-when-the-terminal-shows-the-frame-before.md")]
    pub mod d0035_what_has_not_left_of_a_setting_may_leave_when_the_terminal_shows_the_frame_before {}
    #[doc = include_str!("decisions/0036-a-key-is-kept-with-what-was-done-under-it.md")]
    pub mod d0036_a_key_is_kept_with_what_was_done_under_it {}
    #[doc = include_str!("decisions/0037-what-no-meter-tells-is-ended-by-two-persons.md")]
    pub mod d0037_what_no_meter_tells_is_ended_by_two_persons {}
    #[doc = include_str!("decisions/0038-what-a-meter-fills-it-does-not-have.md")]
    pub mod d0038_what_a_meter_fills_it_does_not_have {}
    #[doc = include_str!("decisions/0039-data-of-a-terminal-are-told-by-the-whole-message.md")]
    pub mod d0039_data_of_a_terminal_are_told_by_the_whole_message {}
    #[doc = include_str!("decisions/0040-an-account-that-nobody-confirmed-stays-shut.md")]
    pub mod d0040_an_account_that_nobody_confirmed_stays_shut {}
    #[doc = include_str!("decisions/0041-nothing-that-has-not-happened-is-evidence.md")]
    pub mod d0041_nothing_that_has_not_happened_is_evidence {}
    #[doc = include_str!("decisions/0042-what-a-terminal-read-late-is-no-midnight.md")]
    pub mod d0042_what_a_terminal_read_late_is_no_midnight {}
    #[doc = include_str!("decisions/0043-who-a-terminal-is.md")]
    pub mod d0043_who_a_terminal_is {}
    #[doc = include_str!("decisions/0044-what-stands-against-a-cut-stays-with-it.md")]
    pub mod d0044_what_stands_against_a_cut_stays_with_it {}
    #[doc = include_str!("decisions/0045-what-is-handed-out-ends-and-each-sees-their-own.md")]
    pub mod d0045_what_is_handed_out_ends_and_each_sees_their_own {}
    #[doc = include_str!("decisions/0046-what-gives-supply-back-is-tried-until-nobody-can-make-it-work.md")]
    pub mod d0046_what_gives_supply_back_is_tried_until_nobody_can_make_it_work {}
    #[doc = include_str!("decisions/0047-what-was-billed-and-what-is-settled-anew.md")]
    pub mod d0047_what_was_billed_and_what_is_settled_anew {}
    #[doc = include_str!("decisions/0048-the-gravest-alarms-go-first-and-a-flood-in-one.md")]
    pub mod d0048_the_gravest_alarms_go_first_and_a_flood_in_one {}
    #[doc = include_str!("decisions/0049-what-is-restored-for-a-drill-is-marked-in-the-database.md")]
    pub mod d0049_what_is_restored_for_a_drill_is_marked_in_the_database {}
    #[doc = include_str!("decisions/0050-tables-are-changed-by-migrate-and-serve-alone.md")]
    pub mod d0050_tables_are_changed_by_migrate_and_serve_alone {}
    #[doc = include_str!("decisions/0051-what-people-typed-is-no-answer-of-a-meter.md")]
    pub mod d0051_what_people_typed_is_no_answer_of_a_meter {}
    #[doc = include_str!("decisions/0052-what-is-let-go-goes-by-more-than-our-clock.md")]
    pub mod d0052_what_is_let_go_goes_by_more_than_our_clock {}
    #[doc = include_str!("decisions/0053-curves-go-when-they-stand-in-a-backup.md")]
    pub mod d0053_curves_go_when_they_stand_in_a_backup {}
    #[doc = include_str!("decisions/0054-whose-clock-is-off-is-told-by-a-person-once.md")]
    pub mod d0054_whose_clock_is_off_is_told_by_a_person_once {}
    #[doc = include_str!("decisions/0055-what-is-billed-comes-first-and-again-until-the-deadline.md")]
    pub mod d0055_what_is_billed_comes_first_and_again_until_the_deadline {}
    #[doc = include_str!("decisions/0056-lines-ask-whose-the-site-is.md")]
    pub mod d0056_lines_ask_whose_the_site_is {}
    #[doc = include_str!("decisions/0057-a-line-is-kept-for-the-cut-it-was-read-for.md")]
    pub mod d0057_a_line_is_kept_for_the_cut_it_was_read_for {}
    #[doc = include_str!("decisions/0058-what-speaks-against-who-a-terminal-is.md")]
    pub mod d0058_what_speaks_against_who_a_terminal_is {}
    #[doc = include_str!("decisions/0059-a-forwarded-question-is-waited-for-while-supply-waits.md")]
    pub mod d0059_a_forwarded_question_is_waited_for_while_supply_waits {}
    #[doc = include_str!("decisions/0060-the-clock-of-a-meter-is-set-by-a-person-and-proven-by-reading.md")]
    pub mod d0060_the_clock_of_a_meter_is_set_by_a_person_and_proven_by_reading {}
    #[doc = include_str!("decisions/0062-what-brought-a-read-is-looked-up-and-not-kept-with-the-value.md")]
    pub mod d0062_what_brought_a_read_is_looked_up_and_not_kept_with_the_value {}
    #[doc = include_str!("decisions/0063-a-password-that-was-refused-keeps-cuts-back-and-restores-not.md")]
    pub mod d0063_a_password_that_was_refused_keeps_cuts_back_and_restores_not {}
    #[doc = include_str!("decisions/0064-the-way-to-a-terminal-is-judged-by-what-was-asked-of-it.md")]
    pub mod d0064_the_way_to_a_terminal_is_judged_by_what_was_asked_of_it {}
    #[doc = include_str!("decisions/0065-what-two-let-pass-is-a-ceiling-as-they-saw-it.md")]
    pub mod d0065_what_two_let_pass_is_a_ceiling_as_they_saw_it {}
    #[doc = include_str!("decisions/0066-a-report-that-cannot-be-read-is-kept-as-it-is-and-its-events-are-asked-for.md")]
    pub mod d0066_a_report_that_cannot_be_read_is_kept_as_it_is_and_its_events_are_asked_for {}
    #[doc = include_str!("decisions/0067-who-lets-an-order-pass-a-ceiling-was-shown-by-how-much.md")]
    pub mod d0067_who_lets_an_order_pass_a_ceiling_was_shown_by_how_much {}
    #[doc = include_str!("decisions/0068-what-gives-supply-back-waits-for-no-audit-log.md")]
    pub mod d0068_what_gives_supply_back_waits_for_no_audit_log {}
    #[doc = include_str!("decisions/0069-data-that-a-terminal-reports-are-observed-and-not-booked.md")]
    pub mod d0069_data_that_a_terminal_reports_are_observed_and_not_booked {}
    #[doc = include_str!("decisions/0072-what-is-kept-of-reports-of-data-is-counted-as-it-is-stored.md")]
    pub mod d0072_what_is_kept_of_reports_of_data_is_counted_as_it_is_stored {}
}
