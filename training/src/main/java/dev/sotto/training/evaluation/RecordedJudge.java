package dev.sotto.training.evaluation;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Message;
import dev.sotto.training.data.Row;
import dev.sotto.training.data.Rows;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A judge whose replies are kept in a file, one `{"messages": […], "reply": "…"}` per line, so that an evaluation
/// can be repeated, continued after a failure, and audited without asking anybody. Not thread-safe.
public final class RecordedJudge implements Judge {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final Optional<Judge> behind;
    private final Map<JsonNode, String> replies = new HashMap<>();

    /// Reads the file, if it is there.
    ///
    /// @param behind who is asked what is not recorded; nothing: only what is recorded can be asked
    /// @throws InvalidFile naming a line that is no such object
    public RecordedJudge(Path file, Optional<Judge> behind) throws IOException, InvalidFile {
        this.file = file;
        this.behind = behind;
        if (Files.exists(file)) {
            try (Rows rows = Rows.open(file)) {
                for (Row row = rows.next(); row != null; row = rows.next()) {
                    if (!(row instanceof Row.Fields record)
                            || !record.fields().path("messages").isArray()
                            || !record.fields().path("reply").isTextual()) {
                        throw new InvalidFile(file, row.place() + " must have messages and a reply");
                    }
                    replies.put(
                            record.fields().path("messages"),
                            record.fields().path("reply").asText());
                }
            }
        }
    }

    @Override
    public String reply(List<Message> messages) throws IOException, InterruptedException {
        ObjectNode line = JSON.createObjectNode();
        var list = line.putArray("messages");
        for (Message message : messages) {
            list.addObject().put("role", message.role().key()).put("content", message.content());
        }
        String known = replies.get(list);
        if (known != null) {
            return known;
        }
        if (behind.isEmpty()) {
            throw new IOException(file + " has no reply to this, and there is no judge to ask: "
                    + messages.getLast().content().lines().findFirst().orElse(""));
        }
        String reply = behind.get().reply(messages);
        Files.writeString(
                file,
                JSON.writeValueAsString(line.put("reply", reply)) + "\n",
                StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
        replies.put(list, reply);
        return reply;
    }
}
