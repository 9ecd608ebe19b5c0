"""Each profile has the functions of its controller, all of them and no more."""

import pytest

from manager.core.errors import TemplateInvalid
from manager.gotemplate.sandbox import Sandbox
from tests.conformance.gotemplate.rows import FOLDER
from tests.unit.manager.gotemplate.conftest import eso, make, sandbox, sealed

__all__ = ["make", "sandbox"]

LINES = (FOLDER / "signatures.txt").read_text().splitlines()
ESO = sorted({name for line in LINES for name in line.partition(" : ")[2].split(", ")})
OWN = {
    "hexdec", "filterPEM", "filterCertChain", "certSANs", "pkcs12key", "pkcs12keyPass", "pkcs12cert", "pkcs12certPass",
    "pemToPkcs12", "pemToPkcs12Pass", "fullPemToPkcs12", "fullPemToPkcs12Pass", "pemTruststoreToPKCS12",
    "pemTruststoreToPKCS12Pass", "jwkPublicKeyPem", "jwkPrivateKeyPem", "rsaDecrypt", "toYaml", "fromYaml",
}  # fmt: skip
SEALED = sorted(set(ESO) - OWN)


def test_the_counts_are_those_of_the_two_maps() -> None:
    assert (len(ESO), len(SEALED)) == (227, 208)


async def test_every_function_is_known(sandbox: Sandbox) -> None:
    def named(names: list[str]) -> str:
        return "{{ if false }}" + "".join(f"{{{{ {name} }}}}" for name in names) + "{{ end }}"

    assert await eso(sandbox, named(ESO)) == ""
    assert await sealed(sandbox, named(SEALED)) == ""


@pytest.mark.parametrize("name", sorted(OWN))
async def test_a_sealed_secret_has_none_of_external_secrets_own(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(TemplateInvalid, match=f'function "{name}" not defined'):
        await sealed(sandbox, f"{{{{ {name} }}}}")
