/// What crosses the wire: one record per message, each with its limits; the signed
/// [dev.sotto.schemas.Envelope]; topic names.
///
/// Decoding turns bytes of a peer into a record or into a [dev.sotto.schemas.MalformedMessage], never
/// into anything else.
@NullMarked
package dev.sotto.schemas;

import org.jspecify.annotations.NullMarked;
