package dev.sotto.sandbox;

import java.util.ArrayList;
import java.util.List;

/// A line of shell as its simple commands, each as words: quotes, comments, separators and redirections; nothing is
/// expanded. What the documents' commands need, and no more.
final class ShellWords {
    private final String line;
    private final List<List<String>> commands = new ArrayList<>();
    private List<String> words = new ArrayList<>();
    private int at;

    private ShellWords(String line) {
        this.line = line;
    }

    /// Of a whole line; its continuations are joined already.
    static List<List<String>> of(String line) {
        ShellWords shell = new ShellWords(line);
        shell.read();
        return shell.commands;
    }

    private void read() {
        while (at < line.length()) {
            char c = line.charAt(at);
            if (c == '#') {
                break;
            } else if (Character.isWhitespace(c)) {
                at++;
            } else if (";|&()".indexOf(c) >= 0) {
                at++;
                end();
            } else if (isRedirection()) {
                at = line.indexOf('>', at) + 1;
                while (at < line.length() && " >&".indexOf(line.charAt(at)) >= 0) {
                    at++;
                }
                var _ = word();
            } else {
                words.add(word());
            }
        }
        end();
    }

    private boolean isRedirection() {
        return line.charAt(at) == '>' || line.startsWith("2>", at);
    }

    private String word() {
        StringBuilder word = new StringBuilder();
        char quote = 0;
        while (at < line.length()) {
            char c = line.charAt(at);
            if (quote == 0 && (Character.isWhitespace(c) || ";|&>)".indexOf(c) >= 0)) {
                break;
            }
            at++;
            if (quote == 0 && (c == '\'' || c == '"')) {
                quote = c;
            } else if (c == quote) {
                quote = 0;
            } else {
                word.append(c);
            }
        }
        return word.toString();
    }

    /// Words of the shell's own that stand before a command are no part of it.
    private void end() {
        while (!words.isEmpty()
                && List.of("do", "until", "while", "if", "then", "!").contains(words.getFirst())) {
            words.removeFirst();
        }
        if (!words.isEmpty()) {
            commands.add(words);
        }
        words = new ArrayList<>();
    }
}
