package dev.sotto.participant.agent;

import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Identity;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.model.BaseModel;
import dev.sotto.telemetry.RoundSpans;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.nio.file.Path;

/// What an organisation is and has, whatever becomes of its connections. Closing it wipes its secrets.
///
/// @param keepPlain  whether plain updates are written into the home
/// @param baseModel  digest of the checkpoint here, hexadecimal
record Organisation(
        Home home,
        Membership membership,
        Training training,
        boolean keepPlain,
        String baseModel,
        Identity identity,
        Secret deliverySeed,
        Secret drawSalt,
        FileJournal journal,
        Versions versions,
        Primitives primitives,
        Randomness randomness,
        Events events,
        RoundSpans spans)
        implements AutoCloseable {
    static Organisation open(
            Home home,
            Path base,
            Training training,
            boolean keepPlain,
            Primitives primitives,
            Randomness randomness,
            Events events,
            RoundSpans spans)
            throws IOException, InvalidFile {
        Membership membership = Home.readJson(home.federation(), Membership.class);
        return new Organisation(
                home,
                membership,
                training,
                keepPlain,
                BaseModel.digest(base).hex(),
                new Identity(
                        primitives,
                        membership.federation(),
                        membership.organisation(),
                        Home.readSecret(home.identity())),
                Home.readSecret(home.delivery()),
                Home.readSecret(home.drawSalt()),
                new FileJournal(home.journal()),
                new Versions(home.models()),
                primitives,
                randomness,
                events,
                spans);
    }

    @Override
    public void close() {
        training.close();
        spans.close();
        identity.close();
        deliverySeed.close();
        drawSalt.close();
    }
}
