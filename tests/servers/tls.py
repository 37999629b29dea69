"""Makes a certificate authority, a server certificate for 127.0.0.1, a client's, and an authority
that signed neither, with openssl."""
import processes


def make(folder):
    """Leaves folder/{ca,other,server,client}.{pem,key} and server.both.pem (key, then certificate)."""
    if (folder / "server.both.pem").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    key = ["-newkey", "rsa:2048", "-noenc", "-days", "30"]
    for name in ("ca", "other"):
        processes.run(["openssl", "req", "-x509", *key, "-subj", f"/CN=tapedeck test authority {name}",
                       "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"])
    for name, subject in (("server", "/CN=localhost"), ("client", "/CN=tapedeck")):
        processes.run(["openssl", "req", "-x509", *key, "-subj", subject,
                       "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                       "-addext", "basicConstraints=critical,CA:FALSE",
                       "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
                       "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"])
        (folder / f"{name}.key").chmod(0o600)
    both = (folder / "server.key").read_text() + (folder / "server.pem").read_text()
    (folder / "server.both.pem").write_text(both)
