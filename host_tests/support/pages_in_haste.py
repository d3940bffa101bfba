"""The pages' process with the priority of all others: on a machine busy with tests it would hardly run.

`python -m host_tests.support.pages_in_haste`
"""

import os
import sys
from unittest import mock

import landbridge.app  # noqa: F401 - registers the hooks
from landbridge.web import process

if __name__ == "__main__":
    process.ORPHAN_S = 100
    with mock.patch.object(os, "nice"):
        sys.exit(process.main())
