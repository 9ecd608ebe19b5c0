"""The proxy parses a request as the audit log does, and decides which fault is due."""

import json

import pytest

from tests.cluster.calls import Call
from tests.cluster.faults import Faults, status


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/api/v1/namespaces/a/secrets/s", ("get", "secrets", "a", "s", "")),
        ("GET", "/api/v1/secrets?watch=true", ("watch", "secrets", "", "", "")),
        ("GET", "/api/v1/secrets?limit=500", ("list", "secrets", "", "", "")),
        ("GET", "/api/v1/namespaces/a", ("get", "namespaces", "", "a", "")),
        ("PUT", "/api/v1/namespaces/a/finalize", ("update", "namespaces", "", "a", "finalize")),
        (
            "PATCH",
            "/apis/bitnami.com/v1alpha1/namespaces/a/sealedsecrets/s/status",
            ("patch", "sealedsecrets", "a", "s", "status"),
        ),
        ("DELETE", "/api/v1/namespaces/a/secrets", ("deletecollection", "secrets", "a", "", "")),
        ("POST", "/api/v1/namespaces/a/serviceaccounts/x/token", ("create", "serviceaccounts", "a", "x", "token")),
        ("GET", "/healthz", ("list", "", "", "", "")),
    ],
)
def test_a_path_is_read_as_the_audit_log_reads_it(method: str, target: str, expected: tuple[str, ...]) -> None:
    path, _, query = target.partition("?")
    call = Call.read(method, path, query, "agent", b"")
    assert (call.verb, call.plural, call.namespace, call.name, call.subresource) == expected
    assert call.is_write == (bool(call.plural) and method != "GET")


@pytest.mark.parametrize(
    ("method", "body", "expected"),
    [
        ("DELETE", {"preconditions": {"uid": "u", "resourceVersion": "7"}}, {"uid": "u", "resourceVersion": "7"}),
        ("PUT", {"metadata": {"resourceVersion": "7"}}, {"resourceVersion": "7"}),
        (
            "PATCH",
            [{"op": "test", "path": "/metadata/uid", "value": "u"}, {"op": "remove", "path": "/data"}],
            {"uid": "u"},
        ),
        ("PATCH", {"metadata": None}, {}),
        ("POST", "not an object", {}),
    ],
)
def test_preconditions_are_found_where_each_verb_keeps_them(
    method: str, body: object, expected: dict[str, str]
) -> None:
    call = Call.read(method, "/api/v1/namespaces/a/secrets/s", "", "agent", json.dumps(body).encode())
    assert call.preconditions == expected


def call(verb: str = "create", plural: str = "secrets") -> Call:
    method = {"create": "POST", "watch": "GET", "list": "GET"}[verb]
    return Call.read(method, f"/api/v1/{plural}", "watch=1" if verb == "watch" else "", "agent", b"{}")


def test_writes_are_counted_without_the_lease() -> None:
    faults = Faults()
    fault = faults.after_write(2, lambda: None)
    due = [
        len(faults.due_callbacks(call(plural=each))) for each in ("leases", "secrets", "leases", "secrets", "secrets")
    ]
    assert due == [0, 0, 0, 1, 0]
    assert fault.fired.is_set()


def test_a_list_comes_back_empty_as_often_as_asked() -> None:
    faults = Faults()
    faults.empty_list("secrets", "7")
    answers = [faults.due_answer(each) for each in (call(), call("watch"), call("list"), call("list"))]

    assert [bool(answer) for answer in answers] == [False, False, True, False]
    assert answers[2] is not None
    assert (answers[2].code, json.loads(answers[2].text())["items"]) == (200, [])


def test_an_answer_comes_as_often_as_asked_where_it_belongs() -> None:
    faults = Faults()
    faults.answer("create", "secrets", 429, times=2, Retry_After="1")
    answers = [faults.due_answer(each) for each in (call(plural="configmaps"), call(), call("watch"), call(), call())]
    assert [each.code if each else 0 for each in answers] == [0, 429, 0, 429, 0]
    assert answers[1]
    assert answers[1].headers == {"Retry-After": "1"}


def test_an_answer_may_be_for_one_program_alone() -> None:
    faults = Faults()
    faults.answer("create", "secrets", 503, agent="another/")
    faults.answer("create", "secrets", 410, agent="age")
    answers = [faults.due_answer(call()) for _ in range(2)]
    assert [each.code if each else 0 for each in answers] == [410, 0]


def test_two_drops_count_the_same_events_without_bookmarks() -> None:
    faults = Faults()
    faults.drop_event(1)
    faults.drop_event(3, "secrets")
    watch = call("watch")
    lines = [b'{"type":"BOOKMARK"}', b'{"type":"ADDED"}', b'{"type":"ADDED"}', b'{"type":"ADDED"}', b'{"type":"ADDED"}']
    assert [faults.drops(watch, line) for line in lines] == [False, True, False, True, False]


def test_the_reasons_are_those_of_the_api_server() -> None:
    reasons = {code: status(code)["reason"] for code in (401, 403, 404, 409, 410, 429, 500)}
    assert list(reasons.values()) == [
        "Unauthorized",
        "Forbidden",
        "NotFound",
        "Conflict",
        "Expired",
        "TooManyRequests",
        "InternalError",
    ]
