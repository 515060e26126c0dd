"""What a probe says: one JSON object a line, and a last one when it got to its end."""
import errno
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
tries = 0


class NotTried(Exception):
    """The probe found nothing that it could be tried on."""


def spec():
    with open(os.path.join(HERE, "spec.json")) as f:
        return json.load(f)


def say(**line):
    sys.stdout.write(json.dumps({"lockforge": line}) + "\n")
    sys.stdout.flush()


def opened(text, path=""):
    """Reports something that should have been held back."""
    global tries
    tries += 1
    say(open=text, path=path)


def held():
    global tries
    tries += 1


# What the kernel answers where a lock holds. Anything else is a mistake of the
# probe, and must not count as held.
REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS)


def refused(attempt, text, path="", also=()):
    """Makes an attempt that has to be refused; returns whether it was."""
    try:
        attempt()
    except OSError as e:
        if e.errno not in REFUSALS and e.errno not in also:
            raise
        held()
        return True
    opened(text, path)
    return False


def run(probe):
    """Runs one probe to its end."""
    try:
        probe()
        if tries == 0:
            raise NotTried("the image has nothing to try it on")
        say(done=tries)
    except NotTried as e:
        say(skip=str(e))
