"""With mirrors, a tenant who may write in one namespace reaches only what annotations permit.

Name squatting under push rules is in test_mirrors, mirrors of ExternalSecrets' targets in test_provenance, lists
that come back empty in test_sweep, keys and tokens in test_security.
"""

from dataclasses import dataclass

from tests.builders.manifests import MIRROR, allowed, canary, config_map, reflects, secret
from tests.cluster.kube import Object
from tests.e2e.world import World

ROOT_CERTIFICATES = "kube-root-ca.crt"
TARGET, ADOPT = "reflector.coffer.dev/target-name", "reflector.coffer.dev/adopt"
PULLS = 60  # of one source that does not exist; 20 get an Event


@dataclass
class Attack:
    """A platform that shares one Secret with one namespace and keeps another private, and a tenant beside it."""

    world: World
    platform: str
    target: str
    tenant: str
    name: str
    value: str

    @classmethod
    def begin(cls, world: World) -> "Attack":
        """Create the protected Secrets, and wait until they are mirrored."""
        name, value = f"shared-{world.unique}", canary()
        platform, target, tenant = (world.namespace(each) for each in ("platform", "target", "tenant"))
        attack = cls(world, platform, target, tenant, name, value)
        world.apply(
            secret(attack.platform, name, {"key": value}, annotations=allowed(auto=attack.target)),
            secret(attack.platform, "kept", {"key": canary()}, annotations=allowed(attack.target)),
            secret(attack.target, f"theirs-{world.unique}", {"key": value}, annotations={"a": "1"}),
        )
        world.await_data(attack.target, name, {"key": value})
        return attack

    def objects(self) -> list[Object]:
        """Return the tenant's objects, all in its own namespace."""
        ns, unique, evil = self.tenant, self.world.unique, {"key": "evil"}
        everywhere = allowed(auto="")
        marks = reflects(self.platform, self.name) | {f"{MIRROR}auto-reflects": "True"}
        return [
            config_map(ns, "authorities", {"ca.crt": "evil"}, annotations=everywhere | {TARGET: ROOT_CERTIFICATES}),
            config_map(ns, "extension", evil, annotations=everywhere | {TARGET: f"system-{unique}"}),
            secret(ns, f"theirs-{unique}", evil, annotations=everywhere),
            secret(ns, "bad-pattern", evil, annotations=allowed("(", auto="")),
            secret(ns, self.name, evil, annotations=marks),
            secret(ns, "wants-kept", {"own": "1"}, annotations=reflects(self.platform, "kept")),
            secret(ns, "wants-mirror", {"own": "1"}, annotations=reflects(self.target, self.name)),
            secret(ns, "wanders", {"own": "1"}, annotations={f"{MIRROR}reflects": "../secrets"}),
            secret(ns, "gives-itself", {"own": "1"}, annotations={ADOPT: f"{self.platform}/{self.name}"}),
            *(secret(ns, f"many-{at}", {}, annotations=reflects("nowhere", "nothing")) for at in range(PULLS)),
        ]


def test_a_hostile_tenant_reaches_nobody_else(world: World) -> None:
    attack = Attack.begin(world)
    ns, target, platform = attack.tenant, attack.target, attack.platform
    assert world.coffer is not None

    world.apply(*attack.objects())
    fresh = world.namespace("fresh")

    for name, reason in (
        ("authorities", "ReservedName"),
        (f"theirs-{world.unique}", "ConflictingObject"),
        ("bad-pattern", "InvalidAnnotation"),
        ("wants-kept", "SourceNotPermitted"),
        ("wants-mirror", "SourceNotPermitted"),
        ("wanders", "InvalidAnnotation"),
    ):
        world.await_event(ns, name, reason)
    world.await_event(ns, attack.name, "ForeignMirror")  # a forged auto mirror
    world.await_data(fresh, f"theirs-{world.unique}", {"key": "evil"})  # allowed; shows that the pass is over
    world.kube.wait_until(lambda: world.kube.find("configmaps", f"system-{world.unique}", fresh))
    authorities = world.kube.wait_until(lambda: world.kube.get("configmaps", ROOT_CERTIFICATES, fresh))

    assert authorities["data"]["ca.crt"] != "evil"
    assert f"{MIRROR}reflects" not in authorities["metadata"].get("annotations", {})
    for protected in ("kube-system", world.coffer.installation.namespace):
        assert world.kube.find("configmaps", f"system-{world.unique}", protected) is None
    for mine in ("wants-kept", "wants-mirror", "wanders", "gives-itself"):
        assert world.data(ns, mine) == {"own": "1"}
    assert world.data(target, f"theirs-{world.unique}") == {"key": attack.value}
    assert world.data(target, attack.name) == world.data(platform, attack.name) == {"key": attack.value}

    def told() -> int:
        return sum(each["reason"] == "SourceNotFound" for each in world.kube.list("v1/Event", ns))

    assert world.kube.wait_until(told, lambda found: found >= 20) < PULLS
