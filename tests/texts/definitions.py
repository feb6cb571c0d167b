"""Declarations of workflows, a line each: right and wrong ones, as authors may write them."""

from __future__ import annotations

#: Python that makes a declaration, with the names of `tests.unit.declarations` and of the SDK.
LINES = """
workflow()
object
"flow"
Workflow
workflow(slug="")
workflow(slug="Flow")
workflow(slug="a b")
workflow(slug="-a")
workflow(slug="a-")
workflow(slug="a--b")
workflow(slug="a.b")
workflow(slug="ä")
workflow(slug="a\\n")
workflow(slug="a" * 100)
workflow(slug="a" * 101)
workflow(slug="invoice-payments_2")
workflow(slug=None)
workflow(slug=5)
workflow(version="")
workflow(version="1")
workflow(version="1.")
workflow(version="1.0.0")
workflow(version="01.0")
workflow(version="1.00")
workflow(version="v1.0")
workflow(version="-1.0")
workflow(version="1.0 ")
workflow(version="0.0")
workflow(version="1" * 9 + ".0")
workflow(version="1" * 10 + ".0")
workflow(version=1.0)
workflow(title="")
workflow(title="a" * 200)
workflow(title="a" * 201)
workflow(title=None)
workflow(title=" ")
workflow(title="a\\0b")
workflow(title="a\\ud800b")
workflow(mutators=[mutator(result_fields={"a": "b\\0"})])
workflow(secret_fields=["iban\\0"])
workflow(time_zone="Europe/Berlin")
workflow(time_zone="Mars/Olympus")
workflow(time_zone="../etc/passwd")
workflow(time_zone="\\0")
workflow(time_zone=5)
workflow(producers=producer())
workflow(producers=(producer(),))
workflow(consumers="Take")
workflow(mutators=None)
workflow(producers=[int])
workflow(producers=[consumer()])
workflow(consumers=[int])
workflow(mutators=["send"])
workflow(producers=[], consumers=())
workflow(producers=[])
workflow(producers=[producer(name="x")], consumers=[consumer(name="x")])
workflow(mutators=[mutator(), mutator()])
workflow(consumers=[consumer(), consumer(name="Other")])
workflow(consumers=[consumer(subscribes=["in", "in"])])
workflow(consumers=[consumer(name="Take it")])
workflow(producers=[producer(name=["Read"])])
workflow(producers=[producer(name="a" * 100)])
workflow(producers=[producer(name="a" * 101)])
workflow(producers=[producer(name="1st.of_all:it-is")])
workflow(consumers=[consumer(subscribes=[])])
workflow(consumers=[consumer(subscribes="in")])
workflow(producers=[producer(publishes="in")])
workflow(consumers=[consumer(subscribes=["in", "a b"])])
workflow(consumers=[consumer(publishes=[None])])
workflow(consumers=[made("Lazy", Consumer, subscribes=["in"])])
workflow(producers=[made("Lazy", Producer, schedule=Every(hours=1))])
workflow(producers=[type("Both", (producer(), consumer()), {})], consumers=[])
workflow(consumers=[type("Both", (producer(), consumer()), {})])
workflow(producers=[producer(schedule=None)])
workflow(producers=[producer(schedule=Every)])
workflow(producers=[producer(schedule=timedelta(minutes=5))])
workflow(mutators=[mutator(name="")])
workflow(mutators=[mutator(name="a" * 100)])
workflow(mutators=[mutator(name="a" * 101)])
workflow(consumers=[consumer(name="a" * 100)])
workflow(consumers=[consumer(subscribes=["a" * 100])])
workflow(consumers=[consumer(subscribes=["a" * 101])])
workflow(producers=[producer(publishes=["a" * 100])])
workflow(mutators=[mutator(result_fields={"a" * 100: "It"})])
workflow(mutators=[mutator(result_fields={"a" * 101: "It"})])
workflow(version="1." + "9" * 9)
workflow(mutators=[mutator(), made("Idle", Mutator, name="idle")])
workflow(mutators=[mutator(absence_is_proof_after=timedelta(0))])
workflow(mutators=[mutator(absence_is_proof_after=timedelta(seconds=-1))])
workflow(mutators=[mutator(absence_is_proof_after=30)])
workflow(mutators=[mutator(key_lasts=timedelta(0))])
workflow(mutators=[mutator(key_lasts=timedelta(seconds=1))])
workflow(mutators=[mutator(key_lasts=None)])
workflow(mutators=[mutator(key_lasts=86_400)])
workflow(mutators=[mutator(secret_params="iban")])
workflow(mutators=[mutator(secret_params=["bank.iban", "iban"])])
workflow(mutators=[mutator(secret_params=[5])])
workflow(secret_fields=["payer.bank.iban"])
workflow(secret_fields=[""])
workflow(secret_fields=["bank."])
workflow(mutators=[mutator(result_fields=["payment"])])
workflow(mutators=[mutator(result_fields={"the payment": "Its number"})])
workflow(mutators=[mutator(result_fields={"payment": " "})])
workflow(mutators=[mutator(result_fields={"payment": 5})])
workflow(mutators=[mutator(result_fields={"payment": gettext_lazy("Its number")})])
workflow(policy={"peek_limit": 0})
workflow(policy=[("peek_limit", 5)])
workflow(policy=[])
workflow(policy={"peek_limits": 5})
workflow(policy={"peek_limit": 0}, mutators=[])
workflow(policy={"peek_limit": 5})
workflow(mutators=[mutator(policy={"call_timeout_seconds": "5"})])
workflow(mutators=[mutator(policy={"backoff_initial_seconds": 601})])
workflow(mutators=[mutator(policy={"lease_seconds": 600})])
workflow(policy={"second_factor_to_decide": True})
workflow(mutators=[lookup()])
workflow(mutators=[type("Send", (lookup(),), {})])
workflow(mutators=[lookup(absence_is_proof_after=timedelta(0))])
workflow(consumers=[consumer(handles_rejection="yes")])
workflow(consumers=[consumer(handles_rejection=1)])
workflow(consumers=[consumer(handles_rejection=True)])
workflow(producers=[producer(__init__=too_few)])
workflow(consumers=[consumer(__init__=wants_keyword)])
workflow(mutators=[mutator(target=str)])
workflow(titel="A flow")
workflow(producer=[])
workflow(consumer=[])
workflow(mutator=[])
workflow(versions=[])
workflow(transient_retries=0)
workflow(secret_params=["iban"])
workflow(handles_rejection=True)
Every()
Every(seconds=0.9)
Every(seconds=1)
Every(hours=1, minutes=-60)
Every(days=-1)
Every(days=20000)
workflow(mutators=[mutator(absence_is_proof_after=timedelta.max)])
workflow(mutators=[mutator(key_lasts=timedelta.max)])
workflow(mutators=[lookup(read_timeout_seconds="5")])
workflow(mutators=[lookup(answer_max_bytes=0)])
workflow(mutators=[lookup(answer_max_bytes=too_few)])
workflow(mutators=[lookup(absent_statuses=404)])
workflow(mutators=[lookup(not_applied_statuses={"404"})])
workflow(mutators=[lookup(absence_is_proof_after=timedelta(0), found=coroutine)])
workflow(mutators=[lookup(absence_is_proof_after=timedelta(0), body=too_few)])
lookup(headers=["Accept"])
Secret("BANK_TOKEN")
Secret("BANK_TOKEN", "Basic {:s}")
Secret("BANK_TOKEN", "Bearer")
Secret("BANK_TOKEN", "Bearer {token}")
Secret("BANK_TOKEN", "{} {}")
Secret("BANK_TOKEN", "{")
Secret("BANK_TOKEN", None)
lookup(headers={"Retries": 5})
lookup(idempotency_header=5)
Every(5)
Every(timedelta(minutes=5))
Every(minutes="5")
Every(minutes=True)
Every(seconds=float("nan"))
Every(days=10**12)
Cron("R R * * *")
Cron("H H * * *")
Cron("0 0 L * *")
Cron("0 0 15W * ?")
Cron("0 0 w15 * *")
Cron("0 0 15-L * *")
Cron("r(0-10)/5 0 * * *")
Cron("0 0 * * fri#2")
Cron("@daily")
Cron("*/7,3 0-6/2 1,15 jan,MAR mon-fri")
Cron("* * * *")
Cron("* * * * * *")
Cron("61 * * * *")
Cron(5)
Cron("0 0 31 2 *")
Cron("0 8 * * 1-5", time_zone="Mars/Olympus")
Cron("0 8 * * 1-5", time_zone="Europe/Berlin")
"""
#: How the host can't call any of these methods.
METHODS = {
    "producer": ["poll"],
    "consumer": ["lane", "prepare", "mutate", "next", "record"],
    "mutator": [
        *("execute", "reconcile", "target", "verification_steps", "verification_url"),
        "check_result",
    ],
}
WAYS = [
    *("coroutine", "async_generator", "generator", "too_few", "too_many", "wants_keyword"),
    *("None", "'main'", "['in']", "property(too_few)"),
]
#: Names that authors may have meant for the host.
MISSPELT = {
    "consumer": [
        *("subscribe", "subscirbes", "publish", "prepair", "mutates", "netx", "lanes", "records"),
        *("handle_rejection", "nmae", "prepare_lines", "next_number", "_subscribe"),
        *("result_fields", "absence_is_proof_after", "handler_timeout_seconds", "title", "version"),
    ],
    "producer": [
        *("schedul", "shedule", "polls", "polled_until", "_publish"),
        *("time_zone", "subscribes", "record"),
    ],
    "mutator": [
        *("absence_is_proof", "absence_proof_after", "reconsile", "reconcil", "excute", "targets"),
        *("verification_step", "verification_urls", "check_results", "result_field", "key_last"),
        *("secret_param", "polciy", "target_account", "key", "params"),
        "need_second_person",
        *(
            "calls_at_once",
            "call_timeout_seconds",
            "secret_fields",
            "handles_rejection",
            "_calls_at_once",
        ),
    ],
    "lookup": ["lookup_urls", "read_timeout", "answer_max", "call_timeout_seconds"],
}
