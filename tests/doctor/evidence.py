"""What is held as known without evidence, or against it, is found (P3)."""

from __future__ import annotations

from tests.doctor.planting import Planted

CASES = [
    Planted(
        "D431",
        rows="blocked",
        sql="""UPDATE workflows_app_mutation SET params = '{"lines": [{"payerIban": "DE1", "discard": 1}]}'""",
        finds=[
            "shop: mutation {mutation} holds 'payerIban' of mail, which everybody sees who may see effects"
        ],
    ),
    Planted(
        "D421",
        rows="reconciled",
        sql="UPDATE workflows_app_evidence SET verdict = 'unknown'",
        finds=["shop: mutation {mutation} is applied by reconcile, but no evidence says so"],
    ),
    Planted(
        "D421",
        rows="rejected",
        sql="UPDATE workflows_app_evidence SET verdict = 'applied'",
        finds=["shop: mutation {mutation} is failed by response, but no evidence says so"],
    ),
    Planted(
        "D422",
        rows="blocked",
        sql="DELETE FROM workflows_app_evidence",
        finds=["shop: mutation {mutation} is indeterminate, without evidence of the call"],
    ),
    Planted(
        "D423",
        rows="reconciling",
        sql="DELETE FROM workflows_app_evidence WHERE kind = 'reconcile'",
        finds=["shop: mutation {mutation} was asked about 1 time(s); 0 in evidence"],
    ),
    Planted(
        "D424",
        rows="reconciled",
        sql="UPDATE workflows_app_evidence SET kind = 'execute'",
        finds=["shop: mutation {mutation} was sent 2 times"],
    ),
    Planted(
        "D425",
        rows="rejected",
        sql="UPDATE workflows_app_evidence SET id = 777777777, kind = 'late', verdict = 'applied'",
        finds=[
            "shop: mutation {mutation} is failed by response, but evidence 777777777 (late) says applied"
        ],
    ),
    Planted(
        "D425",
        rows="reconciled",
        sql="UPDATE workflows_app_evidence SET id = 777777777, verdict = 'not_applied'"
        " WHERE kind = 'execute'",
        finds=[
            "shop: mutation {mutation} is applied by reconcile, but evidence 777777777 (execute) says"
            " not_applied"
        ],
    ),
    # A person let the host ask again: the attempts begin anew, and all evidence stays.
    Planted(
        "D423",
        rows="asked_again",
        sql="UPDATE workflows_app_mutation SET reconcile_attempts = 3",
        finds=["shop: mutation {mutation} was asked about 3 time(s); 2 in evidence"],
    ),
]
