"""All planted faults, by where in a run's life they do harm."""

from tests.mutants.faults.claims import CLAIMS
from tests.mutants.faults.decisions import DECISIONS
from tests.mutants.faults.deploys import DEPLOYS
from tests.mutants.faults.lanes import LANES
from tests.mutants.faults.outcomes import OUTCOMES
from tests.mutants.faults.publishing import PUBLISHING
from tests.mutants.faults.records import RECORDS
from tests.mutants.faults.recovery import RECOVERY
from tests.mutants.faults.retries import RETRIES
from tests.mutants.faults.sending import SENDING
from tests.mutants.faults.turns import TURNS
from tests.mutants.faults.waking import WAKING
from tests.mutants.faults.what_is_next import WHAT_IS_NEXT

FAULTS = [
    *CLAIMS,
    *SENDING,
    *OUTCOMES,
    *RECOVERY,
    *RETRIES,
    *WHAT_IS_NEXT,
    *LANES,
    *TURNS,
    *PUBLISHING,
    *WAKING,
    *DECISIONS,
    *DEPLOYS,
    *RECORDS,
]

__all__ = ["FAULTS"]
