package dev.sotto.training.data;

/// One instruction and its response.
///
/// @param instruction what is asked, not blank
/// @param response    the answer, not blank
public record Example(String instruction, String response) {}
