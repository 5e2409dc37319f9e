package dev.sotto.training.data;

import com.fasterxml.jackson.databind.JsonNode;

/// One record of a data file, or the reason why what stands there is none.
public sealed interface Row {
    /// Where it is: `line 3`, `element 3` of a JSON array, `row 3` of a Parquet file; counted from 1.
    String place();

    /// A record.
    ///
    /// @param fields an object
    record Fields(String place, JsonNode fields) implements Row {}

    /// No record.
    ///
    /// @param reason what is wrong and what is allowed, to follow the place in a sentence
    record Bad(String place, String reason) implements Row {}
}
