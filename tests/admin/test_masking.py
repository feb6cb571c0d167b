"""Secret values: masked on every page for people without `view_sensitive`, and shown to the others."""

from __future__ import annotations

from collections.abc import Iterator
from time import process_time
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import Client

from tests.admin.addresses import HOME, history_of, list_of, old_versions_of, page_of
from tests.commands import console
from tests.conftest import logged_in
from tests.scenes import Scene, workflow_with
from workflows_app import registry
from workflows_app.masking import MASK, masked, shown
from workflows_app.models import (
    Event,
    Evidence,
    Handler,
    Input,
    LaneState,
    Mutation,
    OperatorAction,
    Run,
)
from workflows_app.models.saving import save_with_history
from workflows_app.operations import add_note, it_happened, skip_event, skip_run, take
from workflows_app.operations.seen import seen_now
from workflows_app.testing import registered, scripted

pytestmark = pytest.mark.django_db

IBAN = "DE89370400440532013000"
TOKEN = "tok-9f8e7d6c"
PAYLOAD = {
    "amount": "12.50",
    "iban": IBAN,
    "bank": [{"token": TOKEN, "name": "Open Bank"}],
    # A secret with which another one begins.
    "seen_iban": IBAN[:12],
    # The same values where no name says that they are secret.
    "memo": f"to {IBAN}, soon",
    "accounts": [{IBAN: "12.50"}],
}


def bank() -> Any:
    """Return a mutator that gets no answer, and tells people what it acts on."""

    class Bank(scripted("lost", "applied")):  # type: ignore[misc]
        secret_params = ("iban",)

        def target(self, params: Any) -> str:
            return f"account {params['iban']}"

        def verification_steps(self, params: Any) -> str:
            return f"Search for {params['iban']} in the bank."

    return Bank


def lost(self: Any, params: Any, *, idempotency_key: str) -> Any:
    raise TimeoutError(f"no answer about {params['iban']}")


@pytest.fixture
def run(operator_user: User) -> Iterator[Run]:
    """A blocked payment whose secrets stand in payload, parameters, texts, evidence and state."""
    mutator = bank()
    mutator.execute = lost
    payments = workflow_with(mutator)
    payments.secret_fields = ["bank.token", "seen_iban"]
    with registered(payments):
        play = Scene(mutator, "pay")
        blocked = play.happens("42", PAYLOAD)
        Evidence.objects.create(
            mutation=blocked.mutation,
            kind="late",
            verdict="applied",
            detail=f"account {IBAN} was charged by {TOKEN.upper()}",
            traceback=f"ValueError: {IBAN}",
        )
        title = f"Pay to {IBAN}"
        prepared = {**blocked.prepare_result, "title": title}
        Run.objects.filter(pk=blocked.pk).update(title=title, prepare_result=prepared)
        # A later attempt, which brings the outcome of the first to `next`.
        Run.objects.create(
            workflow=blocked.workflow,
            handler=blocked.handler,
            version=blocked.version,
            lane="later",
            status="failed",
            phase="emitting",
            failure_kind="logic",
            failure_message=f"{IBAN} is unknown here",
            carried_mutation=blocked.mutation,
            owes_retry=True,
            started_at=blocked.started_at,
        )
        Event.objects.filter(reserved_by=blocked).update(created_by=blocked)
        LaneState.objects.filter(lane="").update(state={"seen_iban": IBAN})
        add_note(blocked, actor=operator_user, text=f"I looked for {IBAN}")
        take(blocked, actor=operator_user, reason=f"I ask the bank about {IBAN}")
        unwanted = play.publish("43", PAYLOAD)
        skip_event(unwanted, actor=operator_user, reason=f"{IBAN} is closed")
        yield blocked


def addresses_of(run: Run) -> list[str]:
    """Return all pages that tell about the run and what belongs to it."""
    event = run.reservations.get().event
    unwanted = OperatorAction.objects.get(operation="skip_event")
    note = OperatorAction.objects.filter(run=run)[0]
    later = Run.objects.get(carried_mutation=run.mutation)
    rows = [run, later, run.mutation, event, note, unwanted, unwanted.event]
    rows += [run.workflow, run.handler, run.handler.breaker]
    return [
        HOME,
        f"/admin/workflows_app/run/search/?q={run.pk}",
        *(list_of(model) for model in (Run, Mutation, Event, OperatorAction, Input, Handler)),
        *map(page_of, rows),
        *map(history_of, (run, run.mutation, event)),
        *(page for row in (run, run.mutation, event) for page in old_versions_of(row)),
    ]


def secrets_on(client: Client, addresses: list[str]) -> dict[str, set[str]]:
    found = {}
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        page = answer.content.decode().lower()
        secrets = (IBAN, TOKEN, IBAN[12:])
        found[address] = {secret for secret in secrets if secret.lower() in page}
    return found


def test_no_page_shows_a_secret_to_who_may_not_see_it(run: Run, viewer: Client) -> None:
    shown = secrets_on(viewer, addresses_of(run))
    assert {address: secrets for address, secrets in shown.items() if secrets} == {}


def test_a_run_tells_no_secret_that_its_effect_alone_holds(run: Run, viewer: Client) -> None:
    Run.objects.filter(pk=run.pk).update(prepare_result={"number": "42"})
    run.refresh_from_db()
    save_with_history(run, reason=f"{IBAN} is late")
    own = [HOME, list_of(Run), page_of(run), history_of(run), old_versions_of(run)[-1]]
    shown = secrets_on(viewer, own)
    assert {address: secrets for address, secrets in shown.items() if secrets} == {}


def test_an_effect_tells_no_secret_that_its_run_alone_holds(run: Run, viewer: Client) -> None:
    effect = {"params": {"to": IBAN, "amount": "12.50"}, "target": f"account {IBAN}"}
    Mutation.objects.filter(run=run).update(**effect)
    shown = secrets_on(viewer, [list_of(Mutation), page_of(run.mutation)])
    assert {address: secrets for address, secrets in shown.items() if secrets} == {}


def test_a_dialog_and_a_preview_mask_them_and_decide_all_the_same(run: Run) -> None:
    person = User.objects.create_user("rita", is_staff=True)
    codenames = ["view_run", "view_mutation", "view_evidence", "view_operatoraction", "skip_run"]
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = logged_in(person)

    dialog = client.get(page_of(run, "skip_run"), headers={"HX-Request": "true"})
    chosen = {"action": "bulk_skip_run", "_selected_action": run.pk}
    preview = client.post(list_of(Run), chosen)

    for answer in (dialog, preview):
        page = answer.content.decode()
        assert answer.status_code == 200
        assert (IBAN in page, f"I ask the bank about {MASK}" in page) == (False, True)
    client.post(
        list_of(Run),
        {
            "action": "bulk_skip_run",
            "_selected_action": run.pk,
            "confirmed": "yes",
            "reason": "No longer wanted",
        },
    )
    run.mutation.refresh_from_db()
    assert (run.mutation.status, run.mutation.params["iban"]) == ("skipped", IBAN)


def test_the_way_out_of_a_failed_run_masks_what_is_skipped(run: Run) -> None:
    """The events of a run are read without their payloads elsewhere: what is read later is masked, too."""
    person = User.objects.create_user("rita", is_staff=True)
    person.user_permissions.set(
        Permission.objects.filter(codename__in=["view_run", "view_event", "skip_event"])
    )
    failed = {"failure_kind": "logic", "owes_retry": True, "ended_at": run.started_at}
    Run.objects.filter(pk=run.pk).update(status="failed", phase="prepared", **failed)
    Event.objects.filter(reserved_by=run).update(status="pending", reserved_by=None)

    page = logged_in(person).get(page_of(run, "skip_events_of_run")).content.decode()

    assert (IBAN in page, TOKEN in page, MASK in page, "Open Bank" in page) == (
        *(False, False),
        *(True, True),
    )
    unread = Event.objects.defer("payload").get(message_id="42")
    assert shown(unread, frozenset({"iban"})).payload == MASK


def test_what_an_author_says_about_a_result_is_masked(run: Run) -> None:
    def check_result(self: Any, params: Any, result: Any) -> None:
        raise ValueError(f"Payment {result['id']} is not to {params['iban']}.")

    mutator: Any = registry.mutator("pay", run.mutation.mutator)
    mutator.result_fields, mutator.check_result = {"id": "The payment"}, check_result
    person = User.objects.create_user("rita", is_staff=True)
    codenames = ["view_run", "assert_happened"]
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    form = {"reason": "x", "asked_id": "77", "_form_submitted": "True"}

    page = logged_in(person).post(page_of(run, "it_happened"), form).content.decode()

    assert (f"Payment 77 is not to {MASK}." in page, IBAN in page) == (True, False)


def test_a_refusal_masks_them(run: Run, operator_user: User) -> None:
    person = User.objects.create_user("rita", is_staff=True)
    person.user_permissions.set(
        Permission.objects.filter(
            codename__in=["view_run", "view_operatoraction", "skip_run", "skip_event"]
        )
    )
    client = logged_in(person)
    form = {"reason": "x", "_form_submitted": "True", "seen": str(seen_now([run])[run.pk])}
    bulk = {"action": "bulk_skip_run", "_selected_action": run.pk, "confirmed": "yes"}
    dialog = page_of(run, "skip_run")

    def refused(address: str, data: dict[str, Any], **headers: str) -> str:
        return client.post(address, data, headers=headers, follow=True).content.decode()

    take(run, actor=operator_user, reason=f"I ask about {IBAN} once more")
    stale = [refused(dialog, form, **{"HX-Request": "true"})]
    stale.append(refused(list_of(Run), {**bulk, **form, f"seen_{run.pk}": form["seen"]}))
    skip_run(run, actor=operator_user, reason=f"I ask about {IBAN} once more")
    late = [refused(dialog, form)]
    late.append(refused(list_of(Run), {**bulk, **form}))
    by_rita = ("--actor", "rita", "--reason", "x", "--no-input")
    for command in (
        ("resolve_runs", run.pk, "--operation", "skip_run"),
        ("skip_events", "pay", "invoice.received", "42"),
    ):
        ran = console.run(*command, *by_rita)  # type: ignore[arg-type]
        late.append(ran.out + ran.err)
    for page in (*stale, *late):
        assert (IBAN in page, f"I ask about {MASK} once more" in page) == (False, True)


def test_names_of_code_that_is_gone_stay_secret(run: Run, viewer: Client) -> None:
    with registered(workflow_with(scripted("applied"), "other")):
        from workflows_app.sdk.registration import declared

        code = declared.pop("pay")
        try:
            page = viewer.get(page_of(run.mutation)).content.decode()
        finally:
            declared["pay"] = code
    assert (IBAN in page, MASK in page) == (False, True)


@pytest.mark.parametrize("command", [["list_blocked"], ["trace", "run"]])
def test_commands_mask_them_unless_the_reader_may_see(
    run: Run, operator_user: User, viewer_user: User, capsys: Any, command: list[str]
) -> None:
    command = [*command, str(run.pk)] if command[0] == "trace" else command
    for options, is_shown in (
        ([], False),
        (["--actor", "viktor"], False),
        (["--actor", "olga"], True),
    ):
        call_command(*command, "--format", "json", *options)
        assert (IBAN in capsys.readouterr().out) == is_shown, options


@pytest.mark.parametrize(
    "result", [{"iban": IBAN, "payment": "77"}, {"payment": f"77 from {IBAN}"}]
)
def test_a_result_is_masked_by_the_names_and_the_values_of_parameters(
    run: Run, operator_user: User, viewer: Client, result: dict[str, str]
) -> None:
    it_happened(run, actor=operator_user, reason="I saw it", result=result)
    for address in (page_of(run.mutation), history_of(run.mutation)):
        page = viewer.get(address).content.decode()
        assert (IBAN in page, "77" in page) == (False, True), address


def test_a_payload_with_hundreds_of_secrets_is_masked_while_a_person_waits() -> None:
    ibans = [f"DE{number:020}" for number in range(700)]
    payload = [{"iban": iban, "memo": f"to {iban}"} for iban in ibans]
    began = process_time()
    assert masked(payload, frozenset(["iban"])) == [{"iban": MASK, "memo": f"to {MASK}"}] * 700
    assert process_time() - began < 10
