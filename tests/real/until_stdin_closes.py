"""Run a command until standard input is closed: a server does not outlive the test that started it, however it ends.

``python until_stdin_closes.py USER SIGNAL COMMAND...``: as a user (- for this one), ended by a signal, killed where
it has not ended after 5 s. Exits with the command's code where that ends by itself.
"""

import os
import signal
import subprocess
import sys
import threading

PATIENCE_S = 5


def main() -> int:
    user, ending, *command = sys.argv[1:]
    as_user = {} if user == "-" else {"user": user, "group": user, "extra_groups": []}
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **as_user)

    def end() -> None:
        while os.read(0, 4096):
            pass
        child.send_signal(signal.Signals[f"SIG{ending}"])
        try:
            child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the end of standard input decides
    threading.Thread(target=end, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
