"""The story: seal a Secret, let a store use it, sync from AWS, mirror it; then the four cautions."""

import json
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from tests.cluster import build
from tests.cluster.controlplane import ControlPlane
from tests.cluster.moto import KEYS, REGION, Moto
from tests.controller import CRDS, Coffer, Installation
from tests.demo.scene import PUT_SECRET, Scene
from tests.demo.stage import BOLD, RESET, Stage, StoryBroken

FOLDER = Path(".demo")
REMOTE = "Codedang-Database-Secret"
FIRST_URL, SECOND_URL = "postgres://app:first@db/main", "postgres://app:rotated@db/main"
MIRROR = "reflector.v1.k8s.emberstack.com/"
NAMESPACES = ("app", "rabbitmq", "my-service-namespace", "team-blue")


def main() -> int:
    """Run the story; return the exit code."""
    with ExitStack() as stack:
        started = time.monotonic()
        print(
            "Setting up: a real control plane, an AWS stand-in (moto), Coffer with the chart's ServiceAccount and RBAC"
        )
        for name in ("helm", "kubectl"):
            build.binary(name)
        plane, moto = stack.enter_context(ControlPlane()), stack.enter_context(Moto())
        kube = plane.client()
        kube.install_crds(CRDS)
        installation = Installation(plane, kube, namespace="coffer")
        coffer = stack.enter_context(Coffer(installation, environment=moto.environment()))
        coffer.wait_leading()
        for name in NAMESPACES:
            kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        certificate = f"{coffer.url}/v1/cert.pem"
        stage = Stage(FOLDER.absolute(), {"KUBECONFIG": str(plane.kubeconfig), "SEALED_SECRETS_CERT": certificate})
        stage.took.append(("set-up", time.monotonic() - started))
        try:
            _tell(stage, moto, certificate)
        except StoryBroken as error:
            print(f"\nThe story broke: {error}\n\nThe end of Coffer's log:\n{coffer.process.tail()}", file=sys.stderr)
            return 1
        _ending(stage)
        if os.environ.get("KEEP"):
            _keep(stage, plane, coffer, moto)
    return 0


def _tell(stage: Stage, moto: Moto, certificate: str) -> None:
    with stage.chapter("1. Seal a Secret, so that it can live in Git"):
        stage.say("Coffer runs outside the cluster here, where the API server's service proxy cannot reach it;")
        stage.say(f"so kubeseal is pointed at it: export SEALED_SECRETS_CERT={certificate}")
        stage.run("kubeseal -f my-secret.yaml -w my-sealed-secret.yaml")
        stage.run("grep -A2 encryptedData my-sealed-secret.yaml | cut -c1-60")
        stage.run("kubectl apply -f my-sealed-secret.yaml")
        stage.until(
            "kubectl -n app get sealedsecret,secret my-secret -o name",
            lambda out: "secret/my-secret" in out.split(),
            "Secret there",
        )
        stage.run("kubectl -n app get secret my-secret -o jsonpath='{.data.username}' | base64 -d")
    with stage.chapter("2. A store that uses a sealed credential, and a value from AWS"):
        client = moto.client()
        client.create_secret(Name=REMOTE, SecretString=json.dumps({"url": FIRST_URL}))
        stage.say(
            "applied in the wrong order on purpose: the ExternalSecret waits for its store, the store for its Secret"
        )
        stage.run("kubectl apply -f external-secret.yaml -f secret-store.yaml")
        stage.until(
            "kubectl -n app get secretstore aws",
            lambda out: "InvalidProviderConfig" in out,
            "the store says what it misses",
        )
        stage.run(
            "kubeseal -f aws-credentials.yaml -w aws-credentials-sealed.yaml"
            " && kubectl apply -f aws-credentials-sealed.yaml"
        )
        stage.until(
            "kubectl -n app get externalsecret database-credentials",
            lambda out: "True" in out,
            "woken by the store, which was woken by the Secret",
        )
        stage.run(_url())
        client.put_secret_value(SecretId=REMOTE, SecretString=json.dumps({"url": SECOND_URL}))
        stage.say("the value is rotated in AWS; it would arrive at the next refresh, within 5 minutes. Now, please:")
        stage.run('kubectl -n app annotate externalsecret database-credentials force-sync="$(date +%s)" --overwrite')
        stage.until(_url(), lambda out: out == SECOND_URL, "rotated value")
    with stage.chapter("3. One login, mirrored to who may have it"):
        stage.run(
            "kubeseal -f rabbitmq-auth.yaml -w rabbitmq-auth-sealed.yaml"
            " && kubectl apply -f rabbitmq-auth-sealed.yaml -f rabbitmq-mirror.yaml"
        )
        stage.until(
            "kubectl get secret -A --field-selector metadata.name=rabbitmq-auth",
            lambda out: out.count("Opaque   2") == 3,
            "pulled by my-service-namespace, pushed to team-blue",
        )
        stage.run("kubectl create namespace team-green")
        stage.until(
            "kubectl -n team-green get secret rabbitmq-auth -o name",
            lambda out: "rabbitmq" in out,
            "a new namespace gets its mirror",
        )
    with stage.chapter("4. What goes wrong, said where it went wrong"):
        _cautions(stage)


def _cautions(stage: Stage) -> None:
    stage.say("a SealedSecret for another name")
    stage.run("sed 's/name: my-secret/name: stolen/' my-sealed-secret.yaml | kubectl apply -f -")
    stage.until(
        "kubectl -n app get sealedsecret stolen -o jsonpath='{.status.conditions[0].message}'",
        lambda out: "tried 1 key" in out,
        "condition",
    )
    stage.say("a reflector annotation on the SealedSecret instead of its template")
    stage.run(f"kubectl -n app annotate sealedsecret my-secret {MIRROR}reflection-allowed=true")
    stage.until(_events("app", "MisplacedAnnotation"), lambda out: "spec.template" in out, "event")
    stage.say(
        "mirroring what an ExternalSecret made: each service should use its own identity (a setting: warn, deny, allow)"
    )
    stage.run(
        f"kubectl -n app annotate externalsecret database-credentials {MIRROR}reflection-allowed=true"
        f" {MIRROR}reflection-auto-enabled=true {MIRROR}reflection-auto-namespaces=team-blue"
    )
    stage.until(_events("app", "MirrorsExternalSecret"), lambda out: "identity" in out, "event")
    stage.say("somebody edits a synced Secret by hand: it is put back")
    stage.run("""kubectl -n app patch secret database-credentials -p '{"stringData":{"DATABASE_URL":"edited"}}'""")
    stage.until(_url(), lambda out: out == SECOND_URL, "repaired")


def _url() -> str:
    return "kubectl -n app get secret database-credentials -o jsonpath='{.data.DATABASE_URL}' | base64 -d"


def _events(namespace: str, reason: str) -> str:
    return f"kubectl -n {namespace} get events --field-selector reason={reason} -o jsonpath='{{.items[0].message}}'"


def _ending(stage: Stage) -> None:
    print(f"\n{BOLD}What exists now{RESET}")
    stage.run("kubectl get sealedsecret,secretstore,externalsecret -A")
    print(f"\n{BOLD}How long it took{RESET}")
    for title, seconds in stage.took:
        print(f"  {seconds:5.1f} s  {title}")
    print(f"\n{BOLD}What to try next{RESET}")
    if not os.environ.get("KEEP"):
        print("  make demo KEEP=1   keep all of this running and use kubectl and kubeseal yourself")
    print("  examples/          the files of the story; docs/settings.md: what can be set; make bench: the figures")


def _keep(stage: Stage, plane: ControlPlane, coffer: Coffer, moto: Moto) -> None:
    variables = {
        "KUBECONFIG": str(plane.kubeconfig),
        "SEALED_SECRETS_CERT": f"{coffer.url}/v1/cert.pem",
        "COFFER_NAMESPACE": coffer.installation.namespace,
        "COFFER_URL": coffer.url,
        "COFFER_METRICS_URL": coffer.metrics_url,
        "AWS_ENDPOINT_URL": moto.url,
        **KEYS,
    }
    scene = Scene(stage.folder, stage.programs, variables, coffer.log)
    stage.program("put-secret", PUT_SECRET.format(python=sys.executable, region=REGION))
    scene.write()
    print(f"\n{scene.told(REMOTE)}", flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    sys.exit(main())
