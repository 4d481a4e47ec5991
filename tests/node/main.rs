//! Storage nodes from outside: one behaviour suite against an embedded node and a node over HTTP, then what only the
//! wire has: strangers, cut and stuck connections, registration.

mod drop_suite;
mod faults;
mod harness;
mod inventory_suite;
mod logs;
mod put_batches;
mod registration;
mod strangers;
mod suite;
mod volumes;

/// Each line is a function of `suite`, run against both kinds of node.
macro_rules! behaviour {
    ($($test:ident,)*) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::suite::$test(crate::harness::Node::embedded().await).await;
            })*
        }

        mod over_http {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::suite::$test(crate::harness::Node::over_http().await).await;
            })*
        }
    };
}

behaviour! {
    a_chunk_is_read_back_whole_and_in_blocks,
    a_chunk_of_4_mib_in_odd_pieces_is_read_back,
    a_put_again_succeeds_and_another_chunk_under_the_key_is_refused,
    a_garbled_chunk_is_refused_and_leaves_nothing,
    an_empty_chunk_and_one_that_is_too_long_are_refused,
    a_chunk_that_was_never_put_is_not_found,
    every_request_of_an_older_term_is_refused,
    dropped_blobs_are_gone_and_others_stay,
    a_drop_with_an_older_epoch_or_older_metadata_is_refused,
    a_confirmed_history_may_drop_and_the_old_one_may_not_any_more,
    a_drop_without_blobs_fences_off_those_of_older_epochs,
    a_drop_that_is_too_long_is_refused,
    the_inventory_names_every_blob_over_its_pages,
    an_inventory_behind_a_mark_names_what_came_later,
    a_node_names_the_blobs_of_which_it_lacks_chunks,
    a_node_lacks_what_its_disk_has_lost_since_its_last_run,
    a_good_chunk_is_not_quarantined_on_a_wrong_accusation,
    a_whole_chunk_stays_until_the_one_of_another_root_has_come,
    a_chunk_with_flipped_bytes_is_quarantined_and_can_be_put_again,
    a_scrub_finds_flipped_bytes_and_the_node_names_the_chunks_until_they_are_replaced,
    a_quarantined_chunk_of_a_dropped_blob_is_not_named_any_more,
    a_quarantined_chunk_that_nobody_wants_is_not_named_any_more,
    a_scrub_of_a_frozen_volume_is_refused,
    a_pull_fetches_what_is_missing_from_the_peer_that_has_it,
    a_pull_replaces_a_corrupt_chunk,
    sixty_four_puts_at_once_all_become_durable,
    each_of_many_small_puts_at_once_gets_its_own_answer,
    what_was_put_and_learned_is_still_there_after_a_restart,
    a_full_volume_refuses_chunks_and_still_reads_and_drops,
    a_frozen_volume_refuses_chunks_says_so_and_still_reads,
    a_put_into_a_stuck_disk_ends_at_its_deadline,
    a_drop_that_can_not_look_its_chunks_up_fails,
}
