package dev.sotto.participant.audit;

import dev.sotto.crypto.secagg.Attempt;
import dev.sotto.schemas.RoundOpened;

/// The names of a bundle's entries.
final class Entries {
    static final String DESCRIPTION = "bundle.json";
    static final String VOUCHED = "vouched.json";
    static final String REGISTRY = "registry";
    static final String CONTROL = "control";

    private Entries() {}

    static String inbox(String organisation, Attempt attempt) {
        return place(attempt) + "/inbox/" + organisation;
    }

    static String lifts(String organisation, Attempt attempt) {
        return place(attempt) + "/lifts/" + organisation;
    }

    static String updates(String organisation, Attempt attempt) {
        return place(attempt) + "/updates/" + organisation;
    }

    static String seed(Attempt attempt) {
        return place(attempt) + "/seed";
    }

    static String version(long version) {
        return "models/" + version;
    }

    static String key(long version) {
        return "models/" + version + ".key";
    }

    private static String place(Attempt attempt) {
        RoundOpened opened = attempt.opened().message();
        return opened.round() + "-" + opened.attempt();
    }
}
