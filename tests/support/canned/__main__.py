"""The canned server as a program: it serves at a port until it is killed."""

import sys

from support.canned.serving import serve

running = serve(int(sys.argv[1]))[0]
running.wait_for_termination()
