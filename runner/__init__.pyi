from runner.api import (
    BadInput as BadInput,
)
from runner.api import (
    CmpBatchError as CmpBatchError,
)
from runner.api import (
    Diagnostic as Diagnostic,
)
from runner.api import (
    Document as Document,
)
from runner.api import (
    Failure as Failure,
)
from runner.api import (
    Outcome as Outcome,
)
from runner.api import (
    Place as Place,
)
from runner.api import (
    Plan as Plan,
)
from runner.api import (
    Reason as Reason,
)
from runner.api import (
    Refused as Refused,
)
from runner.api import (
    Result as Result,
)
from runner.api import (
    Run as Run,
)
from runner.api import (
    StateError as StateError,
)
from runner.api import (
    Step as Step,
)
from runner.api import (
    Verb as Verb,
)
from runner.api import (
    apply as apply,
)
from runner.api import (
    load as load,
)
from runner.api import (
    plan as plan,
)
from runner.api import (
    render as render,
)

__version__: str
