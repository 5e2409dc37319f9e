package dev.sotto.training.template;

/// A template cannot render a conversation. The message says why.
public final class TemplateRefused extends Exception {
    private static final long serialVersionUID = 1L;

    /// With that message.
    public TemplateRefused(String reason) {
        super(reason);
    }
}
