package dev.sotto.participant.simulate;

import dev.sotto.crypto.secagg.Journal;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.SurvivorsLifted;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A journal that lives as long as its process: for the simulation only.
final class MemoryJournal implements Journal {
    private final Map<List<Long>, List<Envelope>> signed = new HashMap<>();
    private final Map<Bytes, List<String>> confirmed = new HashMap<>();

    @Override
    public List<Envelope> signed(long round, long attempt) {
        return List.copyOf(signed.getOrDefault(List.of(round, attempt), List.of()));
    }

    @Override
    public void recordSigned(long round, long attempt, Envelope envelope) {
        signed.computeIfAbsent(List.of(round, attempt), key -> new ArrayList<>())
                .add(envelope);
    }

    @Override
    public Optional<List<String>> confirmed(Bytes adapterDigest) {
        return Optional.ofNullable(confirmed.get(adapterDigest));
    }

    @Override
    public Optional<SurvivorsLifted> lifted(Bytes adapterDigest) {
        return Optional.empty();
    }

    @Override
    public void recordLifted(SurvivorsLifted lifted) {
        throw new UnsupportedOperationException("nobody operates a simulated member");
    }

    @Override
    public void recordConfirmed(Bytes adapterDigest, List<String> survivors) {
        confirmed.put(adapterDigest, survivors);
    }
}
