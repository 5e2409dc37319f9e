/// The folder of an organisation: keys, pinned peers, policy; and how it fails.
@NullMarked
package dev.sotto.participant.home;

import org.jspecify.annotations.NullMarked;
