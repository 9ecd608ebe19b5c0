"""How a ClusterPushSecret is copied into namespaces; a ClusterExternalSecret is copied by the same plan."""

from external.api.cluster_push_secret import ClusterPushSecretSpec
from external.cluster_external_secrets.plan import CopyKind
from manager.kube.resources import CLUSTER_PUSH_SECRETS, PUSH_SECRETS

PUSH_COPIES = CopyKind(
    CLUSTER_PUSH_SECRETS,
    PUSH_SECRETS,
    ClusterPushSecretSpec,
    spec="pushSecretSpec",
    name="pushSecretName",
    manager="coffer-clusterpushsecrets",
    reason="ClusterPushSecretError",
    taken="push secret already exists in namespace",
    # The new PushSecret claims the remote keys before the earlier one goes, which then leaves them.
    hands_over=True,
)
