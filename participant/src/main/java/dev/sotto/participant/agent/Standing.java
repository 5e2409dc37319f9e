package dev.sotto.participant.agent;

import dev.sotto.crypto.secagg.Registry;
import dev.sotto.participant.home.Membership;
import dev.sotto.schemas.RegistryEntry;

/// What the registry says of this organisation.
///
/// @param state  in a word
/// @param reason for people, may be empty
public record Standing(State state, String reason) {
    /// Of a membership.
    public enum State {
        /// It may be in rounds.
        ACTIVE,
        /// It is a member, and in no round until it is resumed.
        SUSPENDED,
        /// The consortium ended it.
        REVOKED,
        /// The organisation ended it.
        LEFT,
        /// The organisation has enrolled again, with other keys.
        REPLACED,
        /// The registry never had it.
        NONE
    }

    /// Of the organisation whose membership that is.
    public static Standing of(Registry registry, Membership membership) {
        String own = membership.organisation();
        RegistryEntry.Enrolled present = registry.enrolment(own).orElse(null);
        if (present != null && !present.principal().equals(membership.principal())) {
            return new Standing(State.REPLACED, "as " + present.principal());
        }
        if (registry.members().containsKey(own)) {
            return new Standing(State.ACTIVE, "");
        }
        Registry.Suspension suspension = registry.suspended().get(own);
        if (suspension != null) {
            return new Standing(State.SUSPENDED, suspension.reason());
        }
        return switch (registry.gone().get(own)) {
            case null -> new Standing(State.NONE, "");
            case RegistryEntry.Revoked revoked -> new Standing(State.REVOKED, revoked.reason());
            case RegistryEntry.Left left -> new Standing(State.LEFT, left.reason());
        };
    }

    /// Whether it may be in rounds.
    public boolean isActive() {
        return state == State.ACTIVE;
    }

    /// A sentence about an organisation.
    public String says(String organisation) {
        String is = switch (state) {
            case ACTIVE -> " is a member";
            case SUSPENDED -> " is suspended";
            case REVOKED -> " was revoked";
            case LEFT -> " left";
            case REPLACED -> " has enrolled anew elsewhere, ";
            case NONE -> " is no member";
        };
        return organisation + is + (reason.isEmpty() || state == State.REPLACED ? reason : ": " + reason);
    }
}
