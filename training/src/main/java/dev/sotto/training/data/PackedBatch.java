package dev.sotto.training.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Several sequences to a row, none cut, none seeing another: the loss and its gradient are those of the
/// sequences apart. A model must compute positions from `positions`, and let position i attend to j only if
/// j ≤ i and `segments[row][i] == segments[row][j]`.
///
/// TRL's older packing joins texts with end tokens between, cuts them at the row's end and lets each attend to
/// all before it, so that what an example teaches depends on its neighbours; with the short examples of
/// instruction data and gradients that members compare, that is worse than a few padded positions. Rows are
/// filled best-fit-decreasing, as TRL's `bfd` does (Ding et al., 2024).
///
/// @param tokens    rows × length
/// @param targets   rows × length: the next token, or [Batch#IGNORE]
/// @param positions rows × length: from 0 within each sequence; 0 on padding
/// @param segments  rows × length: which sequence of the row a position belongs to, from 0; −1 on padding
@SuppressWarnings("ArrayRecordComponent")
public record PackedBatch(int[][] tokens, int[][] targets, int[][] positions, int[][] segments) {
    /// Distributes sequences over rows: longest first, each into the row where the least room is left after it.
    /// The same sequences give the same rows.
    ///
    /// @param length of a row
    /// @throws IllegalArgumentException if a sequence is longer
    public static List<List<Labelled>> rows(List<Labelled> sequences, int length) {
        List<Labelled> longestFirst = sequences.stream()
                .sorted(Comparator.comparingInt((Labelled sequence) -> sequence.tokens().length)
                        .reversed())
                .toList();
        List<List<Labelled>> rows = new ArrayList<>();
        TreeMap<Integer, List<List<Labelled>>> byRoom = new TreeMap<>();
        for (Labelled sequence : longestFirst) {
            int size = sequence.tokens().length;
            if (size > length) {
                throw new IllegalArgumentException("a sequence has " + size + " tokens, a row only " + length);
            }
            Map.Entry<Integer, List<List<Labelled>>> fitting = byRoom.ceilingEntry(size);
            int room = fitting == null ? length : fitting.getKey();
            List<Labelled> row;
            if (fitting == null) {
                row = new ArrayList<>();
                rows.add(row);
            } else {
                row = fitting.getValue().removeLast();
                if (fitting.getValue().isEmpty()) {
                    byRoom.remove(room);
                }
            }
            row.add(sequence);
            byRoom.computeIfAbsent(room - size, none -> new ArrayList<>()).add(row);
        }
        return rows;
    }

    /// Lays out rows as [#rows] made them, padded to the longest.
    public static PackedBatch of(List<List<Labelled>> rows, int padToken) {
        int length = rows.stream()
                .mapToInt(row -> row.stream()
                        .mapToInt(sequence -> sequence.tokens().length)
                        .sum())
                .max()
                .orElse(0);
        int[][] tokens = filled(rows.size(), length, padToken);
        int[][] targets = filled(rows.size(), length, Batch.IGNORE);
        int[][] positions = filled(rows.size(), length, 0);
        int[][] segments = filled(rows.size(), length, -1);
        for (int row = 0; row < rows.size(); row++) {
            int at = 0;
            for (int segment = 0; segment < rows.get(row).size(); segment++) {
                Labelled sequence = rows.get(row).get(segment);
                for (int i = 0; i < sequence.tokens().length; i++, at++) {
                    tokens[row][at] = sequence.tokens()[i];
                    targets[row][at] = sequence.targets()[i];
                    positions[row][at] = i;
                    segments[row][at] = segment;
                }
            }
        }
        return new PackedBatch(tokens, targets, positions, segments);
    }

    /// Tokens and targets alone.
    public Batch batch() {
        return new Batch(tokens, targets);
    }

    private static int[][] filled(int rows, int length, int value) {
        int[][] filled = new int[rows][length];
        for (int[] row : filled) {
            Arrays.fill(row, value);
        }
        return filled;
    }
}
