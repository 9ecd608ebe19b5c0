"""The objects of a hostile tenant in one namespace: every kind that has harmed this process, in varying forms."""

import base64
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.builders.manifests import (
    allowed,
    aws,
    config_map,
    external_secret,
    fake,
    generated,
    generator,
    secret,
    store,
)
from tests.cluster.kube import Object

MARK = '"@nested@"'
Make = Callable[["Tenant", str], list[str]]
"""Makes objects from a tenant and a name, as JSON text: no library writes a thousand levels of nesting."""


class Tenant:
    """One hostile namespace.

    Args:
        namespace: of all objects.
        dice: chooses the form of each object.
        port: of a server that sends its answer one byte at a time.
    """

    def __init__(self, namespace: str, dice: random.Random, port: int) -> None:
        self.namespace, self.dice, self.port = namespace, dice, port

    def objects(self) -> Iterator[tuple[str, list[str]]]:
        """Yield (kind of fault, objects) endlessly."""
        number = 0
        while True:
            kinds = list(KINDS.items())
            self.dice.shuffle(kinds)
            for kind, make in kinds:
                number += 1
                # Names repeat: existing objects are changed as often as new ones are added.
                yield kind, make(self, f"{kind}-{self.dice.randint(0, 20)}")


def _texts(*manifests: Object, nested: str = "") -> list[str]:
    return [json.dumps(each).replace(MARK, nested) for each in manifests]


def _often(wanted: Object) -> Object:
    return wanted | {"spec": wanted["spec"] | {"refreshInterval": "1s"}}


def _nested(tenant: Tenant, name: str) -> list[str]:
    levels = tenant.dice.choice([101, 900, 1_200, 5_000, 9_000])
    sign = tenant.dice.choice(['{"a":', "["])
    text = sign * levels + "1" + ("}" if sign[0] == "{" else "]") * levels
    kind = tenant.dice.choice(["ExternalSecret", "SecretStore", "SealedSecret"])
    group = "bitnami.com/v1alpha1" if kind == "SealedSecret" else "external-secrets.io/v1"
    meta = {"name": name, "namespace": tenant.namespace}
    return _texts({"apiVersion": group, "kind": kind, "metadata": meta, "spec": {"x": "@nested@"}}, nested=text)


def _windows(tenant: Tenant, name: str) -> list[str]:
    dice = tenant.dice
    schedules = ["0 0 31 2,4,6,9,11 *", "0 0 29 2 *", "* * * * *", "0 0 1 1 *", f"{dice.randint(0, 59)} 0 1 */7 *"]
    windows = [{"schedule": dice.choice(schedules), "duration": f"{dice.randint(1, 9000)}h"} for _ in range(99)]
    closed = {"schedule": "* * * * *", "duration": "1h"}
    spec = {"kind": dice.choice(["deny", "allow"]), "windows": [closed, *windows]}
    given = store(tenant.namespace, name, fake({"remote": "x"}))
    wanted = external_secret(tenant.namespace, name, name, {"k": "remote"}, syncWindows=spec)
    return _texts(given, _often(wanted))


def _aliases(tenant: Tenant, name: str) -> list[str]:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, tenant.dice.randint(5, 12))]
    place = tenant.dice.choice(["current-context", "contexts", "clusters"])
    text = "\n".join([*lines, f"{place}: *a{len(lines) - 1}"])
    provider = {"kubernetes": {"authRef": {"name": name, "key": "config"}, "remoteNamespace": "x"}}
    return _texts(secret(tenant.namespace, name, {"config": text}), store(tenant.namespace, name, provider))


def _generators(tenant: Tenant, name: str) -> list[str]:
    ns, many = tenant.namespace, tenant.dice.choice([1_000, 10_000, 20_000])
    if tenant.dice.random() < 0.5:
        made = generator(ns, "Fake", name, data={f"k{at}": "" for at in range(many)})
        entry = generated("Fake", name)
    else:
        made = generator(ns, "Password", name, length=1, allowRepeat=True, secretKeys=[f"k{at}" for at in range(many)])
        entry = generated("Password", name)
    wanted = external_secret(ns, name, "none", {}, dataFrom=[entry] * tenant.dice.choice([2, 100, 3_000]))
    return _texts(made, _often(wanted))


def _drips(tenant: Tenant, name: str) -> list[str]:
    provider = {"webhook": {"url": f"http://127.0.0.1:{tenant.port}/{name}", "result": {"jsonPath": "$.a"}}}
    reader = external_secret(tenant.namespace, name, name, {"k": "remote"}, refreshInterval="1s")
    return _texts(store(tenant.namespace, name, provider), reader)


def _labels(tenant: Tenant, name: str) -> list[str]:
    labels = {f"l{at}": "x" for at in range(tenant.dice.choice([1_001, 10_000, 20_000]))}
    marks = allowed(auto="nowhere") if tenant.dice.random() < 0.5 else {}
    return _texts(config_map(tenant.namespace, name, {"k": "v"}, labels=labels, annotations=marks))


def _entries(tenant: Tenant, name: str) -> list[str]:
    ns, many = tenant.namespace, tenant.dice.choice([100, 1_000, 4_900])
    value = json.dumps({"deep": json.loads("[" * 90 + "]" * 90), "a": {"b": list(range(2_000))}})
    path = tenant.dice.choice(["a.b.#", "a.b.1999", "deep.0.0.0", "a.b.#(>5)#", "nothing.*.x"])
    data: dict[str, Any] = {f"k{at}": ("remote", path) for at in range(many)}
    return _texts(store(ns, name, fake({"remote": value})), external_secret(ns, name, name, data, refreshInterval="1s"))


def _patterns(tenant: Tenant, name: str) -> list[str]:
    parts = [f"(a|b{at})*c{{1,{at % 50 + 1}}}" for at in range(tenant.dice.choice([10, 300, 2_000]))]
    text = ",".join(parts)
    return _texts(secret(tenant.namespace, name, {"k": "v"}, annotations=allowed(text, auto=text)))


def _ciphers(tenant: Tenant, name: str) -> list[str]:
    many = tenant.dice.choice([10, 300, 700])
    junk = base64.b64encode(b"\x02\x00" + tenant.dice.randbytes(900)).decode()
    items = {f"k{at}": junk for at in range(many)}
    meta = {"name": name, "namespace": tenant.namespace}
    spec = {"encryptedData": items, "template": {"data": {"t": "{{ range until 100000000 }}x{{ end }}"}}}
    return _texts({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": meta, "spec": spec})


def _templates(tenant: Tenant, name: str) -> list[str]:
    texts = [
        "{{ range until 100000000 }}{{ end }}",
        "{{ repeat 100000000 .k }}",
        '{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}',
        "{{ genPrivateKey `rsa` }}",
        "{{ range until 2000000 }}{{ end }}",
    ]
    template = {"data": {"t": tenant.dice.choice(texts)}}
    given = store(tenant.namespace, name, fake({"remote": "x"}))
    reader = external_secret(tenant.namespace, name, name, {"k": "remote"}, target={"template": template})
    return _texts(given, _often(reader))


def _wrong(tenant: Tenant, name: str) -> list[str]:
    entry = tenant.dice.choice([{}, 5, {"secretKey": 1, "remoteRef": []}])
    made = external_secret(tenant.namespace, name, "none", {})
    made["spec"]["data"] = [entry] * tenant.dice.choice([100, 20_000, 60_000])
    return _texts(made)


def _clients(tenant: Tenant, name: str) -> list[str]:
    keys = {"AWS_ACCESS_KEY_ID": name, "AWS_SECRET_ACCESS_KEY": "x"}
    silent = {"server": f"http://127.0.0.1:{tenant.port}", "path": "kv", "version": "v2"}
    silent["auth"] = {"tokenSecretRef": {"name": name, "key": "AWS_ACCESS_KEY_ID"}}  # type: ignore[assignment]
    provider = aws(name) if tenant.dice.random() < 0.5 else {"vault": silent}
    return _texts(secret(tenant.namespace, name, keys), store(tenant.namespace, name, provider))


def _large(tenant: Tenant, name: str) -> list[str]:
    size = tenant.dice.choice([200_000, 900_000])
    meta = {"name": name, "namespace": tenant.namespace}
    many = dict.fromkeys(map(str, range(size // 12)))
    spec = tenant.dice.choice([{"x": [[]] * (size // 4)}, {"x": "x" * size}, {"x": many}])
    return _texts({"apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": meta, "spec": spec})


KINDS: dict[str, Make] = {
    "nested": _nested,
    "windows": _windows,
    "aliases": _aliases,
    "generators": _generators,
    "drips": _drips,
    "labels": _labels,
    "entries": _entries,
    "patterns": _patterns,
    "ciphers": _ciphers,
    "templates": _templates,
    "wrong": _wrong,
    "clients": _clients,
    "large": _large,
}


@contextmanager
def slow_server() -> Iterator[int]:
    """Serve endless HTTP answers, one byte at a time; yields the port."""
    listener, over = socket.create_server(("127.0.0.1", 0), backlog=256), threading.Event()

    def drip(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not over.wait(0.5):
                connection.sendall(b"x")

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
