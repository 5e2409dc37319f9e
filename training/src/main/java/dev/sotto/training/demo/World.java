package dev.sotto.training.demo;

import java.util.Arrays;
import java.util.List;

/// The words that the demo's language is about. Pretraining teaches every word; instructions for training
/// use the first part of each list, those for evaluation the rest, so that no answer can be learned by
/// heart.
final class World {
    /// Something with a kind, a usual place and a usual colour.
    record Thing(String name, String kind, String place, String colour) {}

    /// Two words of opposite meaning.
    record Opposite(String one, String other) {}

    /// A request and who answers it.
    record Errand(String request, String department) {}

    static final List<Thing> THINGS = things("""
            dog animal farm brown; cow animal farm white; hen animal farm red; pig animal farm pink; goat animal farm white;
            whale animal sea blue; shark animal sea grey; crab animal sea red; seal animal sea grey; eel animal sea black;
            fox animal forest red; bear animal forest brown; deer animal forest brown; wolf animal forest grey; owl animal forest white;
            apple fruit garden red; pear fruit garden green; cherry fruit garden red; plum fruit garden blue; lemon fruit garden yellow;
            bread food kitchen brown; butter food kitchen yellow; cheese food kitchen yellow; rice food kitchen white; salt food kitchen white;
            hammer tool garage grey; saw tool garage grey; drill tool garage black; wrench tool garage grey; ladder tool garage brown;
            oak plant forest green; pine plant forest green; moss plant forest green; fern plant forest green; ivy plant garden green;
            rose plant garden red; tulip plant garden yellow; lily plant garden white; daisy plant garden white; poppy plant garden red;
            boat vehicle sea white; ferry vehicle sea white; yacht vehicle sea blue; raft vehicle sea brown; tanker vehicle sea black;
            tractor vehicle farm green; truck vehicle garage white; bicycle vehicle garage blue; van vehicle garage white; car vehicle garage black;
            spoon tool kitchen grey; fork tool kitchen grey; knife tool kitchen grey; kettle tool kitchen black; pan tool kitchen black;
            rake tool garden green; spade tool garden brown; hose tool garden yellow; bucket tool garden blue; shears tool garden grey;
            """);

    static final List<Opposite> OPPOSITES = opposites("""
            hot cold; big small; fast slow; light dark; wet dry; hard soft; old new; rich poor; long short; high low; full empty;
            clean dirty; early late; loud quiet; near far; open closed; strong weak; thick thin; sharp blunt; sweet bitter; young aged;
            happy sad; brave afraid; smooth rough; deep shallow; wide narrow; tight loose; safe dangerous; true false; cheap dear;
            heavy weightless; noisy silent; bright dim; warm cool; kind cruel; polite rude; busy idle; fresh stale; simple hard;
            """);

    static final List<Errand> ERRANDS = errands("""
            my card was charged twice: billing; the invoice has a wrong amount: billing; I want my money back: billing;
            the payment did not go through: billing; I was billed after I left: billing; the fee is higher than agreed: billing;
            the receipt is missing a tax number: billing; a refund has not arrived: billing;
            the screen stays black: support; the program crashes on start: support; I cannot log in: support;
            the printer does not respond: support; the update failed: support; the page shows an error: support;
            the sound is gone: support; the battery does not charge: support;
            the parcel has not come: delivery; the box arrived broken: delivery; the driver left it at a wrong door: delivery;
            the tracking number does not work: delivery; please bring it on another day: delivery; half of the order is missing: delivery;
            the courier did not ring: delivery; the parcel went to my old street: delivery;
            do you offer a discount: sales; I would like to buy ten pieces: sales; which model suits a school: sales;
            can I have a price list: sales; is the red one in stock: sales; I want to order a larger size: sales;
            do you sell spare parts: sales; please send me a quote: sales;
            """);

    private World() {}

    private static List<Thing> things(String text) {
        return entries(text).stream()
                .map(entry -> entry.split(" "))
                .map(words -> new Thing(words[0], words[1], words[2], words[3]))
                .toList();
    }

    private static List<Opposite> opposites(String text) {
        return entries(text).stream()
                .map(entry -> entry.split(" "))
                .map(words -> new Opposite(words[0], words[1]))
                .toList();
    }

    private static List<Errand> errands(String text) {
        return entries(text).stream()
                .map(entry -> entry.split(": "))
                .map(parts -> new Errand(parts[0], parts[1]))
                .toList();
    }

    private static List<String> entries(String text) {
        return Arrays.stream(text.replace("\n", " ").split(";"))
                .map(String::strip)
                .filter(entry -> !entry.isEmpty())
                .toList();
    }
}
