"""The process of the pages (web/process.py), in which the hooks between features are registered, too."""

import sys

import landbridge.app  # noqa: F401 - registers the hooks
from landbridge.web.process import main

if __name__ == "__main__":
    sys.exit(main())
