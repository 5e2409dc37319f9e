package dev.sotto.schemas;

import java.util.Set;
import java.util.regex.Pattern;

/// The names of a federation's topics: `sotto.<federation>.<topic>`.
///
/// @param federation the federation's id
public record Topics(String federation) {
    private static final Pattern ID = Pattern.compile("[a-z0-9-]{1,63}");

    /// The id under which the coordinator signs; no organisation may have it, nor `broker`, `admin` and `viewer`,
    /// which are principals.
    public static final String COORDINATOR = "coordinator";

    private static final Set<String> OTHERS = Set.of("broker", "admin", "viewer");

    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if `federation` is not an id
    public Topics {
        if (!isId(federation)) {
            throw new IllegalArgumentException("federation '" + federation + "' must match " + ID);
        }
    }

    /// Whether `id` is `[a-z0-9-]{1,63}`, the alphabet of federation and organisation ids.
    public static boolean isId(String id) {
        return ID.matcher(id).matches();
    }

    /// Whether an organisation may be called that: an id, and not the name of another principal.
    public static boolean isOrganisation(String id) {
        return isId(id) && !id.equals(COORDINATOR) && !OTHERS.contains(id);
    }

    /// Who is a member, for ever; written by the coordinator.
    public String registry() {
        return prefix() + "registry";
    }

    /// What the coordinator says to all, for ever.
    public String control() {
        return prefix() + "control";
    }

    /// The last versions of adapter and optimiser state, encrypted.
    public String models() {
        return prefix() + "models";
    }

    /// What the director decided, read by coordinators only.
    public String leader() {
        return prefix() + "leader";
    }

    /// Hashes of invites, read by coordinators only.
    public String invites() {
        return prefix() + "invites";
    }

    /// Who did what about whom: the consortium's audit log, read by coordinators only.
    public String acts() {
        return prefix() + "acts";
    }

    /// Who owns which partition number, and what became of the chunks there, read by coordinators only.
    public String slots() {
        return prefix() + "slots";
    }

    /// The consumer group that shares the partitions of [#slots()].
    public String slotsGroup() {
        return slots();
    }

    /// The consumer group that shares the partition of [#leader()]: who has it, directs.
    public String leaderGroup() {
        return leader();
    }

    /// What `organisation` says.
    public String inbox(String organisation) {
        return prefix() + "inbox." + organisation;
    }

    /// The masked chunks of `organisation`.
    public String updates(String organisation) {
        return prefix() + "updates." + organisation;
    }

    /// The prefix of all inboxes, for access rules.
    public String inboxPrefix() {
        return prefix() + "inbox.";
    }

    /// The prefix of all update topics, for access rules.
    public String updatesPrefix() {
        return prefix() + "updates.";
    }

    /// The transactional id of the replica that directs.
    public String directorTransactionalId() {
        return prefix() + "director";
    }

    /// The transactional id of the owner of partition `slot`.
    public String slotTransactionalId(int slot) {
        return prefix() + "slot-" + slot;
    }

    /// The transactional id of `organisation`'s only writer.
    public String memberTransactionalId(String organisation) {
        return prefix() + "member." + organisation;
    }

    private String prefix() {
        return "sotto." + federation + ".";
    }
}
