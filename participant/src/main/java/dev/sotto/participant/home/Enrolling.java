package dev.sotto.participant.home;

/// What an enrolment began with: `enrolling.json`. It is there from before the coordinator is asked until what it
/// answered is kept. Whoever asks again with the same keys gets the answer again.
///
/// @param tokenHash SHA-256 of the invite's token, hexadecimal
public record Enrolling(String federation, String organisation, String tokenHash) {}
