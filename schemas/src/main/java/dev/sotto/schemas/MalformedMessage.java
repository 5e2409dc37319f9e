package dev.sotto.schemas;

/// Bytes that are not a message of this protocol version. Whoever sent (or, in an unsigned topic, wrote)
/// them is at fault.
///
/// The message names the field, the value's size or number, and what is allowed; never the contents.
public final class MalformedMessage extends Exception {
    private static final long serialVersionUID = 1;

    /// Made by decoders only; `detail` names the place and what is allowed there.
    public MalformedMessage(String detail) {
        super(detail);
    }
}
