"""Certificates of a lab's own authorities."""

from __future__ import annotations

from pathlib import Path

from .shell import run


class Authority:
    """Signs certificates; its files are NAME.pem and NAME.key in `directory`."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.certificate = directory / f"{name}.pem"
        self._key = directory / f"{name}.key"
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate])

    def issue(self, name: str, *, address: str = "127.0.0.1") -> tuple[Path, Path]:
        """A certificate for an address, and its key; those that had the name are replaced, each in one step."""
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName=IP:{address}\n")
        run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
             "-keyout", f"{key}.new", "-out", request])
        run(["openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
             "-days", "2", "-extfile", extensions, "-out", f"{certificate}.new"])
        for path in (certificate, key):
            Path(f"{path}.new").rename(path)
        return certificate, key
