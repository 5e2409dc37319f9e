package dev.sotto.participant.home;

/// That this organisation left its federation: `left.json`.
///
/// @param at     when, ISO 8601
/// @param reason as all members read it, may be empty
public record Departure(String at, String reason) {}
