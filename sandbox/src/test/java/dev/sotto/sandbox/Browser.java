package dev.sotto.sandbox;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/// Reads the coordinator's pages with a certificate of the federation's folder.
record Browser(HttpClient client, String url) {
    private static final Pattern BLOCK =
            Pattern.compile("-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\\s]+)-----END", Pattern.DOTALL);

    /// @param pem key and certificate
    static Browser with(Path pem, Path ca, String url) throws IOException, GeneralSecurityException {
        char[] none = {};
        KeyStore own = KeyStore.getInstance("PKCS12");
        own.load(null, null);
        Matcher blocks = BLOCK.matcher(Files.readString(pem));
        PKCS8EncodedKeySpec key = new PKCS8EncodedKeySpec(new byte[0]);
        // All of the chain: the server knows the root alone.
        List<Certificate> chain = new ArrayList<>();
        while (blocks.find()) {
            byte[] der = Base64.getMimeDecoder().decode(blocks.group(2));
            if (blocks.group(1).endsWith("PRIVATE KEY")) {
                key = new PKCS8EncodedKeySpec(der);
            } else {
                chain.add(certificate(der));
            }
        }
        own.setKeyEntry(
                "own", KeyFactory.getInstance("EC").generatePrivate(key), none, chain.toArray(new Certificate[0]));
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(own, none);
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("ca", certificate(Files.readString(ca).getBytes(StandardCharsets.US_ASCII)));
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        SSLContext tls = SSLContext.getInstance("TLSv1.3");
        tls.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return new Browser(HttpClient.newBuilder().sslContext(tls).build(), url);
    }

    private static Certificate certificate(byte[] encoded) throws GeneralSecurityException {
        return CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(encoded));
    }

    /// The page at that path.
    byte[] get(String path) throws IOException, InterruptedException {
        HttpResponse<byte[]> answer = client.send(
                HttpRequest.newBuilder(URI.create(url + path)).build(), HttpResponse.BodyHandlers.ofByteArray());
        if (answer.statusCode() != 200) {
            throw new IOException(path + " answers " + answer.statusCode());
        }
        return answer.body();
    }
}
