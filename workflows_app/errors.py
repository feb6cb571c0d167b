"""Every error of the project, on one base, named by what went wrong.

An error builds its sentence from data, so that code can read the data and people the sentence.
"""

from __future__ import annotations


class WorkflowsError(Exception):
    """The base of all errors that this project raises on purpose."""


class DefinitionError(WorkflowsError):
    """A workflow, handler or mutator is declared wrongly. Raised at import, by `register`."""


class SettingsError(WorkflowsError):
    """The `WORKFLOWS` setting, or a `policy` that overrides it, is wrong."""


class RoleRefused(WorkflowsError):
    """A role of the database can't be the one that runs the console and the workers."""


class NotJson(WorkflowsError):
    """A value that must cross the database is not JSON. `field` is its path, as `payload.lines[3]`."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field} is not JSON: {problem}.")


class TooLarge(WorkflowsError):
    """A value that must cross the database is over the limit of the settings, in bytes."""

    def __init__(self, field: str, size: int, limit: int) -> None:
        self.field = field
        self.size = size
        self.limit = limit
        super().__init__(
            f"{field} takes {size:,} bytes as JSON; at most {limit:,} are allowed. Store the bulk "
            f"elsewhere and keep a reference, or raise json_max_bytes, in WORKFLOWS or in the `policy` that overrides it."
        )


class InvalidName(WorkflowsError):
    """A message id, or a part of an input's identity, is empty, not text, or too long."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        super().__init__(f"{field} {problem}.")


class UnknownWorkflow(WorkflowsError):
    """No workflow of this slug was ever synced."""

    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"There is no workflow '{slug}' in the database. Check the slug, or deploy it with "
            f"`manage.py sync_workflows`."
        )


class RetiredWorkflow(WorkflowsError):
    """A person has ended the workflow of this slug: nobody would do anything with what is published to it."""

    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"Workflow '{slug}' is retired: nothing can be published to it. `manage.py sync_workflows` "
            f"brings it back when the code has it again."
        )


class UnknownTopic(WorkflowsError):
    """The workflow has no topic of this name."""

    def __init__(self, slug: str, topic: str, known: list[str]) -> None:
        self.slug = slug
        self.topic = topic
        self.known = known
        listing = ", ".join(known) or "none"
        super().__init__(f"Workflow '{slug}' has no topic '{topic}'. Its topics: {listing}.")


class UnknownInput(WorkflowsError):
    """An event names an input that is not one of its workflow's."""

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"The input given is not a registered input of workflow '{slug}'. Register it first and "
            f"pass what `register_input` returned."
        )


class LaneRefused(WorkflowsError):
    """A consumer's `lane` failed for an event, or gave no name of a lane: it is not published."""

    def __init__(self, consumer: str, topic: str, message_id: str, problem: str) -> None:
        self.topic = topic
        self.message_id = message_id
        super().__init__(
            f"{consumer}.lane can't name the lane of event '{message_id}' of topic '{topic}': "
            f"{problem.removesuffix('.')}. It must return a text of at most 200 characters."
        )


class EventRefused(WorkflowsError):
    """One of many events can't be published, so none of them is. `error` says what is wrong with it."""

    def __init__(self, index: int, message_id: object, error: WorkflowsError) -> None:
        self.index = index
        self.message_id = message_id
        self.error = error
        super().__init__(f"Event {index}, message_id {message_id!r:.210}: {error}")


class HandlerViolation(WorkflowsError):
    """A handler did what its phase or its declaration does not allow. It fails the run as `logic`."""


class UndeclaredTopic(HandlerViolation):
    """A handler used a topic that it does not declare."""

    def __init__(self, handler: str, topic: str, verb: str, declared: list[str]) -> None:
        self.topic = topic
        listing = ", ".join(declared) or "none"
        where = "publishes" if verb == "publish to" else "subscribes"
        super().__init__(
            f"{handler} may not {verb} topic '{topic}': its `{where}` does not name it. It names: {listing}."
        )


class UndeclaredMutator(HandlerViolation):
    """`mutate` named a mutator that its workflow does not list."""

    def __init__(self, handler: str, mutator: str, declared: list[str]) -> None:
        self.mutator = mutator
        listing = ", ".join(declared) or "none"
        super().__init__(
            f"{handler} called mutator '{mutator}', which its workflow does not list in `mutators`. "
            f"Listed: {listing}."
        )


class WrongReturn(HandlerViolation):
    """A handler returned or passed something else than its contract says."""

    def __init__(self, who: str, expected: str, got: object) -> None:
        super().__init__(f"{who} must be {expected}, but is {type(got).__name__}: {got!r:.100}.")


class DoubleReservation(HandlerViolation):
    """`prepare` reserved one event twice."""

    def __init__(self, handler: str, topic: str, message_id: str) -> None:
        super().__init__(f"{handler} reserved event '{message_id}' of topic '{topic}' twice.")


class ForeignReservation(HandlerViolation):
    """`prepare` reserved an event of a topic that its consumer does not subscribe to."""

    def __init__(self, handler: str, topic: str) -> None:
        super().__init__(
            f"{handler} reserved an event of topic '{topic}', to which it does not subscribe."
        )


class EndedTransaction(HandlerViolation):
    """`record` ended or changed the transaction in which its rows and the run were to commit together."""

    def __init__(self, handler: str) -> None:
        super().__init__(
            f"{handler}.record ended the transaction in which its rows commit with the run, or changed what"
            f" may be written in it. It must neither commit, nor roll back, nor close the connection, nor"
            f" make it read-only: let it raise an error."
        )


class OperationRefused(WorkflowsError):
    """A person's decision was not carried out, and nothing changed. `code` is for code."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        super().__init__(sentence)


class SyncRefused(WorkflowsError):
    """`sync_workflows` refused a version. `code` is for code; nothing of that workflow changed."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        super().__init__(sentence)
