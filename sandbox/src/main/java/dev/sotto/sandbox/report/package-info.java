/// What the demo found out, as JSON and as a page with charts.
@NullMarked
package dev.sotto.sandbox.report;

import org.jspecify.annotations.NullMarked;
