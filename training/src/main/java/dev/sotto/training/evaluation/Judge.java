package dev.sotto.training.evaluation;

import dev.sotto.training.data.Message;
import java.io.IOException;
import java.util.List;

/// Somebody who grades answers: usually a large model behind an endpoint.
@FunctionalInterface
public interface Judge {
    /// What the judge replies to a conversation whose last message is the user's.
    ///
    /// @throws IOException saying what failed and where
    String reply(List<Message> messages) throws IOException, InterruptedException;
}
