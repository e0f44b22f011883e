"""`python -m domain_core`; see `domain_core.cli`."""

import os
import sys

from domain_core.cli.main import main

if __name__ == "__main__":
    # C libraries print to file descriptor 1 whatever Python says: only answers may.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    os.dup2(2, 1)
    status = main(sys.argv[1:], answers)
    try:
        answers.close()
    except BrokenPipeError:
        pass
    sys.exit(status)
