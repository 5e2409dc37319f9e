package dev.sotto.training.data;

/// The Alpaca template as OpenFedLLM has it.
public final class Alpaca {
    private Alpaca() {}

    /// The text before the response.
    public static String prompt(Example example) {
        return "Below is an instruction that describes a task. Write a response that appropriately completes the request."
                + "\n\n### Instruction:\n" + example.instruction() + " \n\n### Response:";
    }

    /// The response, as it follows the prompt.
    public static String response(Example example) {
        return " " + example.response();
    }
}
