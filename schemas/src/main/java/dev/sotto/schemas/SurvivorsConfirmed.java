package dev.sotto.schemas;

/// Message 8: a survivor has seen U3. The payload is empty; the envelope's transcript T3 says which.
public record SurvivorsConfirmed() implements Message {
    @Override
    public MessageType type() {
        return MessageType.SURVIVORS_CONFIRMED;
    }

    @Override
    public Bytes encode() {
        return Bytes.EMPTY;
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not empty; the sender is at fault
    public static SurvivorsConfirmed parse(Bytes payload) throws MalformedMessage {
        if (!payload.isEmpty()) {
            throw new MalformedMessage("SurvivorsConfirmed has " + payload.size() + " bytes, must be empty");
        }
        return new SurvivorsConfirmed();
    }
}
