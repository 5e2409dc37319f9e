package dev.sotto.crypto.secagg;

import dev.sotto.schemas.RoundOpened;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/// What a member demands, whatever the coordinator says (protocol §2, §6).
///
/// @param approved       organisations whose keys it has pinned, itself included
/// @param smallestCohort fewest members
/// @param minSurvivors   fewest members in a sum
/// @param maxColluders   c that it assumes
/// @param policy         the rest: the reason to refuse a round, or nothing. Its giver also checks there
///   what the machine cannot know: that the adapter is the one it verified, and that ranges and layout
///   follow from it
public record MemberRules(
        Set<String> approved,
        int smallestCohort,
        int minSurvivors,
        int maxColluders,
        Function<RoundOpened, Optional<String>> policy) {
    /// Copies the set.
    public MemberRules {
        approved = Set.copyOf(approved);
    }
}
